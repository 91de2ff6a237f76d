// SPDX-License-Identifier: BSD-2-Clause
// cmd_run.c: `symfast run`: puts the shim into LD_PRELOAD, before what is there, and runs the command.
//
// Exit codes are the command's own; before it runs: 125 if symfast cannot, 126 if the command cannot
// be executed, 127 if it is not found, as env(1) and nice(1) have it.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../base/preload.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define CANNOT         125
#define CANNOT_EXECUTE 126
#define NOT_FOUND      127

struct run {
	const char *mode, *library;
	char **command;
	bool dry, json;
};

static void
cmd_run_rest(struct argp_state *state, void *into)
{
	((struct run *)into)->command = state->argv + state->next;
}

static void
cmd_run_end(struct argp_state *state, const void *into)
{
	const struct run *r = into;

	if (r->command == NULL && !r->dry)
		cli_usage(state, "a command is needed");
	if (r->json && !r->dry)
		cli_usage(state, "--json needs --dry-run: a command prints for itself");
}

static const struct argument cmd_run_options[] = {
	{"mode", 'm', "MODE", "set SYMFAST=MODE: off, observe, verify[:1/N], on, ab:PERCENT",
	 offsetof(struct run, mode), preload_check_mode},
	{"lib", 'l', "PATH", "preload this library, not the one that belongs to symfast",
	 offsetof(struct run, library), NULL},
	{"dry-run", 'n', NULL, "print what would be set, and run nothing",
	 offsetof(struct run, dry), NULL},
	{"json", 'j', NULL, "print it as JSON (with --dry-run)", offsetof(struct run, json), NULL},
	{0}};
static const struct arguments cmd_run_arguments = {
	.usage = "-- COMMAND [ARG...]",
	.text = "Run a command with the shim preloaded. What LD_PRELOAD names already stays in it.",
	.list = cmd_run_options,
	.rest = cmd_run_rest,
	.end = cmd_run_end,
};

static int
cmd_run_print(const struct run *r, const char *preload)
{
	json_t *document, *set;

	if (!r->json) {
		printf("LD_PRELOAD=%s\n", preload);
		if (r->mode != NULL)
			printf("SYMFAST=%s\n", r->mode);
		return CLI_OK;
	}
	set = json_pack("{s:s,s:s*}", "LD_PRELOAD", preload, "SYMFAST", r->mode);
	document = document_new("run");
	json_object_set_new(document, "environment", set);
	return document_print(document);
}

int
cmd_run(int argc, char **argv)
{
	struct run r = {0};
	char *library, *preload;

	arguments_parse(&cmd_run_arguments, argc, argv, &r);
	library = preload_library(r.library);
	if (library == NULL)
		return CANNOT;
	preload = preload_value(library, getenv("LD_PRELOAD"));
	if (r.dry)
		return cmd_run_print(&r, preload);
	if (setenv("LD_PRELOAD", preload, 1) != 0 ||
	    (r.mode != NULL && setenv("SYMFAST", r.mode, 1) != 0))
		return cli_error_errno(CANNOT, "environment");
	if (output_pipe_given_back())
		signal(SIGPIPE, SIG_DFL);
	execvp(r.command[0], r.command);
	return cli_error_errno(errno == ENOENT ? NOT_FOUND : CANNOT_EXECUTE, "%s", r.command[0]);
}
