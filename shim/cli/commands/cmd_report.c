// SPDX-License-Identifier: BSD-2-Clause
// cmd_report.c: `symfast report`: a page for a live process or a saved document.
#include "commands.h"

#include "../ab/ab.h"
#include "../base/document.h"
#include "../page/page.h"
#include "../segment/stat_document.h"
#include "../segment/stat_text.h"
#include <string.h>

struct report {
	const char *what, *html;
	bool json;
};

static const struct argp_option options[] = {
	{"html", 'h', "FILE", 0, "write the page to this file", 0},
	{"json", 'j', NULL, 0, "print the document that the page would be made of", 0},
	{0}};

static error_t
cmd_report_parse(int key, char *arg, struct argp_state *state)
{
	struct report *r = state->input;

	switch (key) {
	case 'h':
		if (arg[0] == '-' && arg[1] != '\0')
			cli_usage(state, "-h is --html, and needs a file: %s", arg);
		r->html = arg;
		return 0;
	case 'j':
		r->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (r->what != NULL)
			cli_usage(state, "one process or file at a time");
		r->what = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		cli_usage(state, "a process id or a file is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

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
	static const struct argp argp = {
		options,
		cmd_report_parse,
		"PID|FILE",
		"Write a page of tables and curves, or print them. FILE is what stat --json or ab "
		"--json wrote.",
		NULL,
		NULL,
		NULL};
	struct report r = {0};
	json_t *document;
	int status;

	cli_parse(&argp, argc, argv, 0, &r);
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
			stat_print(document);
		else if (r.html == NULL && !r.json)
			ab_print(document);
	}
	json_decref(document);
	return status;
}
