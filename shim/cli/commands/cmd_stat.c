// SPDX-License-Identifier: BSD-2-Clause
// cmd_stat.c: `symfast stat`: everything that the segment of one process holds.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../segment/stat_document.h"
#include "../segment/stat_text.h"

struct stat_input {
	const char *what;
	bool json;
};

static const struct argument cmd_stat_options[] = {ARGUMENT_JSON(stat_input), {0}};
static const struct arguments cmd_stat_arguments = {
	ARGUMENTS_PROCESS_OR_FILE(stat_input, what),
	.text = "Show the counters of one process.",
	.list = cmd_stat_options,
};

int
cmd_stat(int argc, char **argv)
{
	struct stat_input in = {0};
	json_t *document;
	int status;

	arguments_parse(&cmd_stat_arguments, argc, argv, &in);
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
	stat_text_print(document);
	json_decref(document);
	return CLI_OK;
}
