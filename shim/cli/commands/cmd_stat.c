// SPDX-License-Identifier: BSD-2-Clause
// cmd_stat.c: `symfast stat`: everything that the segment of one process holds.
#include "commands.h"

#include "../base/document.h"
#include "../segment/stat_document.h"
#include "../segment/stat_text.h"
#include <string.h>

struct stat_input {
	const char *what;
	bool json;
};

static const struct argp_option options[] = {{"json", 'j', NULL, 0, "print JSON", 0}, {0}};

static error_t
cmd_stat_parse(int key, char *arg, struct argp_state *state)
{
	struct stat_input *in = state->input;

	switch (key) {
	case 'j':
		in->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (in->what != NULL)
			cli_usage(state, "one process or file at a time");
		in->what = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		cli_usage(state, "a process id or a file is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
cmd_stat(int argc, char **argv)
{
	static const struct argp argp = {
		options, cmd_stat_parse, "PID|FILE", "Show the counters of one process.",
		NULL,    NULL,           NULL};
	struct stat_input in = {0};
	json_t *document;
	int status;

	cli_parse(&argp, argc, argv, 0, &in);
	document = stat_document_from(in.what, &status);
	if (document == NULL)
		return status;
	if (!stat_document_valid(document)) {
		cli_error("%s is not a file of symfast stat", in.what);
		json_decref(document);
		return CLI_TARGET;
	}
	if (in.json)
		return document_print(document);
	stat_print(document);
	json_decref(document);
	return CLI_OK;
}
