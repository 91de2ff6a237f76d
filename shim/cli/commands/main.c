// SPDX-License-Identifier: BSD-2-Clause
// main.c: the program `symfast`: finds the subcommand and leaves the rest to its file.
#include "commands.h"

#include "../base/output.h"
#include <string.h>

static const struct {
	const char *name, *text;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", "run a command with the shim preloaded", cmd_run},
	{"ab", "compare a command with and without the shim", cmd_ab},
	{"doctor", "say what the shim would do for a program or process", cmd_doctor},
	{"sample", "tell where a running process's time stands, without the shim", cmd_sample},
	{"list", "list the processes that have the shim", cmd_list},
	{"stat", "show the counters of one process", cmd_stat},
	{"top", "show rates of all processes, live", cmd_top},
	{"ctl", "change the mode of a live process", cmd_ctl},
	{"watch", "switch all processes off while a file exists", cmd_watch},
	{"metrics", "write counters as OpenMetrics text", cmd_metrics},
	{"sites", "show which callers look up what", cmd_sites},
	{"report", "write a page of tables and curves", cmd_report},
};

#define COUNT (sizeof(commands) / sizeof(commands[0]))

const char *argp_program_version = "symfast " SF_VERSION;

struct chosen {
	size_t command, at; /* COUNT: none; where its arguments begin */
};

static char *
main_help(int key, const char *text, void *input)
{
	char *out = NULL;
	size_t size;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_PRE_DOC || (f = open_memstream(&out, &size)) == NULL)
		return (char *)(uintptr_t)text;
	fprintf(f, "%s\n\nSubcommands:\n", text);
	for (size_t i = 0; i < COUNT; i++)
		fprintf(f, "  %-9s %s\n", commands[i].name, commands[i].text);
	fprintf(f,
		"\nEach has --help, or symfast help run, and a page of its own: man symfast-run");
	fclose(f);
	return out;
}

static size_t
main_find(const struct argp_state *state, const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(name, commands[i].name) == 0)
			return i;
	cli_usage(state, "no such subcommand: %s", name);
}

/* "help", or "help CMD", which is "CMD --help". */
static void
main_take_help(struct chosen *c, struct argp_state *state)
{
	const int words = state->argc - state->next;

	if (words > 1)
		cli_usage(state, "help is of one subcommand at a time");
	if (words == 0 || state->argv[state->next][0] == '-')
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
	c->command = main_find(state, state->argv[state->next]);
	state->argv[state->next] = cli_format("--help");
}

static error_t
main_parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *c = state->input;

	if (key == 'h')
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
	if (key == ARGP_KEY_NO_ARGS)
		cli_usage(state, "a subcommand is needed");
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (strcmp(arg, "help") == 0)
		main_take_help(c, state);
	else
		c->command = main_find(state, arg);
	c->at = (size_t)state->next - 1;
	state->next = state->argc; /* the rest is the subcommand's */
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0}, /* beside argp's own -? */
		{0}};
	static const struct argp argp = {options,
					 main_parse,
					 "SUBCOMMAND [OPTION...]",
					 "Fast symbol look-ups, seen from outside.",
					 NULL,
					 main_help,
					 NULL};
	struct chosen c = {COUNT, 0};

	output_streams();
	argp_err_exit_status = CLI_USAGE;
	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &c);
	argv[c.at] = cli_format("symfast %s", commands[c.command].name);
	return commands[c.command].run(argc - (int)c.at, argv + c.at);
}
