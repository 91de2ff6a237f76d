// SPDX-License-Identifier: BSD-2-Clause
// cmd_run.c: `symfast run`: puts the shim into LD_PRELOAD, before what is there, and runs the command.
//
// Exit codes are the command's own; before it runs: 125 if symfast cannot, 126 if the command cannot
// be executed, 127 if it is not found, as env(1) and nice(1) have it.
#include "commands.h"

#include "../base/document.h"
#include "../base/output.h"
#include "../base/preload.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANNOT         125
#define CANNOT_EXECUTE 126
#define NOT_FOUND      127

struct run {
	const char *mode, *library;
	char **command;
	bool dry, json;
};

static const struct argp_option options[] = {
	{"mode", 'm', "MODE", 0, "set SYMFAST=MODE: off, observe, verify[:1/N], on, ab:PERCENT", 0},
	{"lib", 'l', "PATH", 0, "preload this library, not the one that belongs to symfast", 0},
	{"dry-run", 'n', NULL, 0, "print what would be set, and run nothing", 0},
	{"json", 'j', NULL, 0, "print it as JSON (with --dry-run)", 0},
	{0}};

static error_t
cmd_run_parse(int key, char *arg, struct argp_state *state)
{
	struct run *r = state->input;

	switch (key) {
	case 'm':
		if (!preload_mode_known(arg))
			cli_usage(state, "no such mode: %s", arg);
		r->mode = arg;
		return 0;
	case 'l':
		r->library = arg;
		return 0;
	case 'n':
		r->dry = true;
		return 0;
	case 'j':
		r->json = true;
		return 0;
	case ARGP_KEY_ARGS:
		r->command = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (r->command == NULL && !r->dry)
			cli_usage(state, "a command is needed");
		if (r->json && !r->dry)
			cli_usage(state, "--json needs --dry-run: a command prints for itself");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

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
	static const struct argp argp = {
		options,
		cmd_run_parse,
		"-- COMMAND [ARG...]",
		"Run a command with the shim preloaded. What LD_PRELOAD names already stays in it.",
		NULL,
		NULL,
		NULL};
	struct run r = {0};
	char *library, *preload;

	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &r);
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
