// SPDX-License-Identifier: BSD-2-Clause
// cmd_report.c: `symfast report`: a page for a live process or a saved document.
#include "commands.h"

#include "../ab/ab.h"
#include "../base/arguments.h"
#include "../base/document.h"
#include "../page/page.h"
#include "../segment/stat_document.h"
#include "../segment/stat_text.h"
#include <string.h>

struct report {
	const char *what, *html;
	bool json;
};

static const struct argument cmd_report_options[] = {
	ARGUMENT_HTML(report, "write the page to this file"),
	{"json", 'j', NULL, "print the document that the page would be made of",
	 offsetof(struct report, json), NULL},
	{0}};
static const struct arguments cmd_report_arguments = {
	ARGUMENTS_PROCESS_OR_FILE(report, what),
	.text = "Write a page of tables and curves, or print them. FILE is what stat --json or ab "
		"--json wrote.",
	.list = cmd_report_options,
};

/* A saved document may be of anybody: what the page needs must be there. */
static bool
cmd_report_valid(json_t *document)
{
	const char *kind = json_string_value(json_object_get(document, "kind"));
	json_t *stat = json_object_get(document, "stat");

	if (strcmp(kind, "stat") == 0)
		return stat_document_valid(document);
	return strcmp(kind, "ab") == 0 && ab_judge(document) &&
	       (!json_is_object(stat) || stat_document_valid(stat));
}

int
cmd_report(int argc, char **argv)
{
	struct report r = {0};
	json_t *document;
	int status;

	arguments_parse(&cmd_report_arguments, argc, argv, &r);
	document = stat_document_from(r.what, &status);
	if (document == NULL)
		return status;
	if (!cmd_report_valid(document)) {
		cli_error("%s is not a file of symfast stat or symfast ab", r.what);
		status = CLI_TARGET;
	} else {
		status = r.html != NULL ? page_save(document, r.html) : CLI_OK;
		if (r.json && status == CLI_OK)
			status = document_print(json_incref(document));
		if (r.html == NULL && !r.json &&
		    strcmp(json_string_value(json_object_get(document, "kind")), "stat") == 0)
			stat_text_print(document);
		else if (r.html == NULL && !r.json)
			ab_print(document);
	}
	json_decref(document);
	return status;
}
