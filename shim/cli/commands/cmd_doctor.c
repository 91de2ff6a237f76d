// SPDX-License-Identifier: BSD-2-Clause
// cmd_doctor.c: `symfast doctor`: says before anyone tries what the shim would do for a program.
#include "commands.h"

#include "../base/document.h"
#include "../doctor/doctor.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct doctor {
	const char *what;
	bool json;
};

static const struct argp_option options[] = {{"json", 'j', NULL, 0, "print JSON", 0}, {0}};

static error_t
cmd_doctor_parse(int key, char *arg, struct argp_state *state)
{
	struct doctor *d = state->input;

	switch (key) {
	case 'j':
		d->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (d->what != NULL)
			cli_usage(state, "one program or process at a time");
		d->what = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		cli_usage(state, "a program or a process id is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
cmd_doctor_print_findings(const json_t *document)
{
	static const char *const colours[] = {"\033[32m", "", "\033[33m", "\033[31m"};
	bool coloured = cli_colours(stdout);
	const json_t *finding;
	size_t i;

	json_array_foreach(json_object_get(document, "findings"), i, finding)
	{
		const char *level = json_string_value(json_object_get(finding, "level"));
		int n = 0;

		while (n < LEVEL_STOP && strcmp(level, doctor_levels[n]) != 0)
			n++;
		printf("%s%-5s%s %s\n", coloured ? colours[n] : "", level,
		       coloured && *colours[n] != '\0' ? "\033[0m" : "",
		       json_string_value(json_object_get(finding, "text")));
	}
}

static void
cmd_doctor_print(const json_t *document)
{
	const json_t *object, *name;
	const char *key;
	size_t i, k;

	json_object_foreach((json_t *)json_object_get(document, "facts"), key, object)
		printf("%-14s %s\n", key, json_string_value(object));
	cmd_doctor_print_findings(document);
	json_array_foreach(json_object_get(document, "imports"), i, object)
	{
		printf("%s imports", json_string_value(json_object_get(object, "object")));
		json_array_foreach(json_object_get(object, "names"), k, name)
			printf(" %s", json_string_value(name));
		printf("\n");
	}
	printf("What to expect:\n");
	json_array_foreach(json_object_get(document, "expect"), i, object)
		printf("  %s\n", json_string_value(object));
}

int
cmd_doctor(int argc, char **argv)
{
	static const struct argp argp = {
		options,       cmd_doctor_parse,
		"PROGRAM|PID", "Say what the shim would do for a program or process.",
		NULL,          NULL,
		NULL};
	struct doctor d = {0};
	struct patient p = {.root = ""};
	unsigned long pid;
	int status;

	cli_parse(&argp, argc, argv, 0, &d);
	p.document = document_new("doctor");
	json_object_update_new(p.document, json_pack("{s:{},s:[],s:[],s:[]}", "facts", "findings",
						     "imports", "expect"));
	if (cli_number(d.what, 1, 1ul << 22, &pid))
		status = doctor_process(&p, pid);
	else
		status = doctor_file(&p, d.what);
	if (status == CLI_OK) {
		doctor_expect(&p);
		json_object_set_new(p.document, "can_serve", json_boolean(!p.stopped));
		if (d.json)
			status = document_print(json_incref(p.document));
		else
			cmd_doctor_print(p.document);
	}
	json_decref(p.document);
	return status == CLI_OK && p.stopped ? CLI_NO : status;
}
