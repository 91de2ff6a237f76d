// SPDX-License-Identifier: BSD-2-Clause
// cmd_ab.c: `symfast ab`: runs a command again and again, now stock, now with the shim, and compares.
#include "commands.h"

#include "../ab/ab.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../base/preload.h"
#include "../page/page.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS_MAX 1000

struct ab {
	struct ab_plan plan;
	const char *html, *json;
	const char *compare[2];
	bool comparing;
};

static const struct argp_option options[] = {
	{"runs", 'n', "RUNS", 0, "pairs of runs (11)", 0},
	{"warmup", 'w', "RUNS", 0, "pairs before them that do not count (1)", 0},
	{"mode", 'm', "MODE", 0, "SYMFAST of the second arm (on)", 0},
	{"lib", 'l', "PATH", 0, "preload this library, not the one that belongs to symfast", 0},
	{"only", 'o', "ARM", 0, "run only stock, or only symfast, to be compared later", 0},
	{"stdin", 'i', "FILE", 0, "what the command reads (nothing)", 0},
	{"syscalls", 's', NULL, 0, "count system calls, in one traced run of each arm more", 0},
	{"html", 'h', "FILE", 0, "write a page", 0},
	{"json", 'j', "FILE", 0, "write the runs and results as JSON; - is standard output", 0},
	{"compare", 'c', NULL, 0, "compare two files written with --json: symfast ab --compare A B",
	 0},
	{0}};

static void
cmd_ab_parse_end(const struct ab *ab, struct argp_state *state)
{
	if (ab->comparing && (ab->compare[0] == NULL || ab->compare[1] == NULL))
		cli_usage(state, "--compare needs two files");
	if (!ab->comparing && ab->plan.command == NULL)
		cli_usage(state, "a command is needed");
}

static error_t
cmd_ab_parse_files(struct ab *ab, struct argp_state *state)
{
	if (ab->comparing) {
		if (state->argc - state->next != 2)
			cli_usage(state, "--compare needs two files");
		ab->compare[0] = state->argv[state->next];
		ab->compare[1] = state->argv[state->next + 1];
	} else {
		ab->plan.command = state->argv + state->next;
	}
	return 0;
}

static error_t
cmd_ab_parse(int key, char *arg, struct argp_state *state)
{
	struct ab *ab = state->input;

	switch (key) {
	case 'n':
		if (!cli_number(arg, 1, RUNS_MAX, &ab->plan.runs))
			cli_usage(state, "runs are 1 to %d: %s", RUNS_MAX, arg);
		return 0;
	case 'w':
		if (!cli_number(arg, 0, RUNS_MAX, &ab->plan.warmup))
			cli_usage(state, "warm-up runs are 0 to %d: %s", RUNS_MAX, arg);
		return 0;
	case 'm':
		if (!preload_mode_known(arg))
			cli_usage(state, "no such mode: %s", arg);
		ab->plan.mode = arg;
		return 0;
	case 'o':
		if (strcmp(arg, "stock") != 0 && strcmp(arg, "symfast") != 0)
			cli_usage(state, "an arm is stock or symfast: %s", arg);
		ab->plan.only = arg;
		return 0;
	case 'l':
		ab->plan.library = arg;
		return 0;
	case 'i':
		ab->plan.input = arg;
		return 0;
	case 's':
		ab->plan.syscalls = true;
		return 0;
	case 'h':
		if (arg[0] == '-' && arg[1] != '\0')
			cli_usage(state, "-h is --html, and needs a file: %s", arg);
		ab->html = arg;
		return 0;
	case 'j':
		ab->json = arg;
		return 0;
	case 'c':
		ab->comparing = true;
		return 0;
	case ARGP_KEY_ARGS:
		return cmd_ab_parse_files(ab, state);
	case ARGP_KEY_END:
		cmd_ab_parse_end(ab, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
cmd_ab_write_out(const struct ab *ab, json_t *document)
{
	int status = CLI_OK;

	if (ab->html != NULL)
		status = page_save(document, ab->html);
	if (status == CLI_OK && ab->json != NULL)
		status = document_save(json_incref(document), ab->json);
	if (status != CLI_OK)
		return status;
	/* A document is nothing but the document. */
	if ((ab->json == NULL || !output_is_standard(ab->json)) &&
	    (ab->html == NULL || !output_is_standard(ab->html)))
		return ab_print(document);
	return ab_verdict(document);
}

int
cmd_ab(int argc, char **argv)
{
	static const struct argp argp = {options,
					 cmd_ab_parse,
					 "-- COMMAND [ARG...]\n--compare A.json B.json",
					 "Compare a command with and without the shim.",
					 NULL,
					 NULL,
					 NULL};
	struct ab ab = {.plan = {.runs = 11, .warmup = 1, .mode = "on"}};
	json_t *document;
	char *library;
	int status;

	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &ab);
	if (ab.comparing)
		return ab_compare(ab.compare[0], ab.compare[1], ab.json != NULL);
	if (ab.plan.input != NULL && access(ab.plan.input, R_OK) != 0)
		return cli_error_errno(CLI_TARGET, "%s", ab.plan.input);
	library = preload_library(ab.plan.library);
	if (library == NULL)
		return CLI_TARGET;
	ab.plan.library = library;
	status = ab_series(&ab.plan, &document);
	if (document != NULL)
		status = cmd_ab_write_out(&ab, document);
	json_decref(document);
	free(library);
	return status;
}
