// SPDX-License-Identifier: BSD-2-Clause
// cmd_doctor.c: `symfast doctor`: says before anyone tries what the shim would do for a program.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../doctor/doctor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_SHOWN 16

struct doctor {
	const char *what, *image, *program;
	bool json;
};

static void
cmd_doctor_end(struct argp_state *state, const void *into)
{
	const struct doctor *d = into;

	if (d->image == NULL && d->program != NULL)
		cli_usage(state, "--program is of an image: --image names it");
	if (d->image != NULL && d->what != NULL)
		cli_usage(state,
			  "an image or a program, not both: --program names one in the image");
	if (d->image == NULL && d->what == NULL)
		cli_usage(state, "a program or a process id is needed");
}

static const struct argument cmd_doctor_options[] = {
	{"image", 'i', "DIR", "look into an unpacked image or a container's root",
	 offsetof(struct doctor, image), NULL},
	{"program", 'p', "PATH", "of the image: this program alone",
	 offsetof(struct doctor, program), NULL},
	ARGUMENT_JSON(doctor),
	{0}};
static const struct arguments cmd_doctor_arguments = {
	.usage = "PROGRAM|PID",
	.text = "Say what the shim would do for a program, a process or an image.",
	.list = cmd_doctor_options,
	.words = 1,
	.word_at = offsetof(struct doctor, what),
	.more = "one program or process at a time",
	.end = cmd_doctor_end,
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
cmd_doctor_print_libcs(const json_t *libcs)
{
	const json_t *one;
	size_t i;

	if (json_is_array(libcs) && json_array_size(libcs) == 0)
		printf("%-14s no libc: what is not static cannot start\n", "image has");
	json_array_foreach(libcs, i, one)
	{
		const char *version = document_text(one, "version"),
			   *why = document_text(one, "reason");

		printf("%-14s %s%s%s, %s: %s%s%s\n", "image has", document_text(one, "libc"),
		       *version != '\0' ? " " : "", version, document_text(one, "machine"),
		       document_text(one, "state"), *why != '\0' ? ", " : "", why);
	}
}

static bool
cmd_doctor_is_like(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "gains"), json_object_get(b, "gains")) &&
	       strcmp(document_text(a, "state"), document_text(b, "state")) == 0 &&
	       strcmp(document_text(a, "reason"), document_text(b, "reason")) == 0;
}

/* Those of one state and reason together, at their first; not more than some of their names. */
static void
cmd_doctor_print_group(const json_t *programs, size_t first)
{
	const json_t *one = json_array_get(programs, first), *other;
	const char *why = document_text(one, "reason");
	bool gains = json_is_true(json_object_get(one, "gains"));
	size_t count = 0, shown = 0, i;

	for (i = 0; i < first; i++)
		if (cmd_doctor_is_like(one, json_array_get(programs, i)))
			return;
	json_array_foreach(programs, i, other) count += cmd_doctor_is_like(one, other);
	printf("%s, %zu program%s: %s\n", document_text(one, "state"), count, count == 1 ? "" : "s",
	       *why != '\0' ? why
	       : gains      ? "they look names up or load objects"
			    : "neither they nor their libraries look names up");
	json_array_foreach(programs, i, other)
	{
		if (!cmd_doctor_is_like(one, other))
			continue;
		if (shown++ == PROGRAMS_SHOWN) {
			printf("  and %zu more: --json has all\n", count - PROGRAMS_SHOWN);
			break;
		}
		printf("  %s\n", document_text(other, "path"));
	}
}

static void
cmd_doctor_print(const json_t *document)
{
	const json_t *object, *name, *programs = json_object_get(document, "programs");
	const char *key;
	size_t i, k;

	json_object_foreach((json_t *)json_object_get(document, "facts"), key, object)
		printf("%-14s %s\n", key, json_string_value(object));
	cmd_doctor_print_libcs(json_object_get(document, "libcs"));
	for (i = 0; i < json_array_size(programs); i++)
		cmd_doctor_print_group(programs, i);
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

static const char *
cmd_doctor_own_variable(const char *name)
{
	return getenv(name);
}

int
cmd_doctor(int argc, char **argv)
{
	struct doctor d = {0};
	struct patient p = {.root = "",
			    .search = getenv("PATH"),
			    .variable = cmd_doctor_own_variable,
			    .most = DOCTOR_OBJECT_MOST};
	unsigned long pid;
	int status;

	arguments_parse(&cmd_doctor_arguments, argc, argv, &d);
	p.document = doctor_document();
	if (d.image != NULL)
		status = doctor_image(&p, d.image, d.program);
	else if (cli_number(d.what, 1, 1ul << 22, &pid))
		status = doctor_process(&p, pid);
	else
		status = doctor_file(&p, d.what);
	if (status == CLI_OK) {
		if (!p.many)
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
