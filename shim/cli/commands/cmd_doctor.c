// SPDX-License-Identifier: BSD-2-Clause
// cmd_doctor.c: `symfast doctor`: says before anyone tries what the shim would do for a program.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../doctor/doctor.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct doctor {
	const char *what;
	bool json;
};

static const struct argument cmd_doctor_options[] = {ARGUMENT_JSON(doctor), {0}};
static const struct arguments cmd_doctor_arguments = {
	.usage = "PROGRAM|PID",
	.text = "Say what the shim would do for a program or process.",
	.list = cmd_doctor_options,
	.words = 1,
	.word_at = offsetof(struct doctor, what),
	.more = "one program or process at a time",
	.none = "a program or a process id is needed",
};

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
	struct doctor d = {0};
	struct patient p = {.root = ""};
	unsigned long pid;
	int status;

	arguments_parse(&cmd_doctor_arguments, argc, argv, &d);
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
	if (status != CLI_OK)
		return status;
	return p.stopped ? CLI_NO : p.gains ? CLI_OK : CLI_NOTHING;
}
