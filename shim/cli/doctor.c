// SPDX-License-Identifier: BSD-2-Clause
// doctor.c: `symfast doctor`: says before anyone tries what the shim would do for a program.
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct doctor {
	const char *what;
	bool json;
};

static const char *const level_names[] = {"ok", "note", "warn", "stop"};

static const struct argp_option options[] = {{"json", 'j', NULL, 0, "print JSON", 0}, {0}};

static error_t
parse(int key, char *arg, struct argp_state *state)
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

void
doctor_find(struct patient *p, enum level level, const char *id, const char *format, ...)
{
	char text[1024], clean[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(json_object_get(p->document, "findings"),
			      json_pack("{s:s,s:s,s:s}", "level", level_names[level], "id", id,
					"text", cli_clean(clean, sizeof(clean), text)));
	p->stopped |= level == LEVEL_STOP;
}

void
doctor_fact(struct patient *p, const char *name, const char *value)
{
	char clean[4096];

	json_object_set_new(json_object_get(p->document, "facts"), name,
			    json_string(cli_clean(clean, sizeof(clean), value)));
}

void
doctor_environment(struct patient *p, const char *(*get)(const char *name))
{
	const char *preload = get("LD_PRELOAD"), *audit = get("LD_AUDIT"), *mode = get("SYMFAST");

	if (audit != NULL && *audit != '\0')
		doctor_find(p, LEVEL_STOP, "audit", "LD_AUDIT=%s: the shim stands aside", audit);
	if (preload != NULL && *preload != '\0')
		doctor_find(p, LEVEL_NOTE, "preload",
			    "LD_PRELOAD=%s: keep it; symfast run puts the shim before it", preload);
	if (mode != NULL)
		doctor_find(p, LEVEL_NOTE, "mode", "SYMFAST=%s", mode);
	if (get("LD_BIND_NOW") != NULL && *get("LD_BIND_NOW") != '\0')
		doctor_find(p, LEVEL_NOTE, "binding", "LD_BIND_NOW is set already");
}

static bool
imports(const struct patient *p, const char *name)
{
	const json_t *object, *its;
	size_t i, k;

	json_array_foreach(json_object_get(p->document, "imports"), i, object)
		json_array_foreach(json_object_get(object, "names"), k,
				   its) if (strcmp(json_string_value(its), name) == 0) return true;
	return false;
}

static void
expect(struct patient *p, const char *text)
{
	json_array_append_new(json_object_get(p->document, "expect"), json_string(text));
}

/* In plain words, and only what follows from the findings. */
static void
say_what_to_expect(struct patient *p)
{
	if (p->stopped) {
		expect(p, "Nothing: see what is marked \"stop\" above.");
		return;
	}
	if (p->go_detour)
		expect(p,
		       "plugin.Open of a plugin that is open already: some 20 ns instead of 5 to 6 "
		       "microseconds, and no mutex. The first Open of each plugin costs what it "
		       "did.");
	if (!p->dynamic_calls) {
		expect(p,
		       *p->root != '\0'
			       ? "Nothing: nothing that it has mapped looks names up or loads "
				 "objects."
			       : "Nothing: neither it nor its libraries look names up or load "
				 "objects. Libraries that are loaded while it runs were not looked "
				 "at; if there are any, try SYMFAST=observe.");
		return;
	}
	if (imports(p, "dlsym") || imports(p, "dlvsym"))
		expect(p,
		       "dlsym of a name that was asked before: some nanoseconds instead of 40 to "
		       "350, and "
		       "no waiting while another thread loads. Programs that keep the pointer gain "
		       "nothing.");
	if (imports(p, "dlopen"))
		expect(p, "dlopen of an object that is open: answered without the loader's lock. "
			  "An object that is "
			  "really unloaded and loaded again costs what it did. RTLD_DEEPBIND "
			  "cannot be seen "
			  "in a file; objects opened with it are not served.");
	if (imports(p, "dladdr") || imports(p, "dladdr1"))
		expect(p, "dladdr: tens of nanoseconds instead of one pass over all symbols of the "
			  "object, "
			  "which is 250 microseconds for the biggest libraries.");
	if (imports(p, "dl_iterate_phdr"))
		expect(p, "dl_iterate_phdr, with SYMFAST_PHDR=serial or free: without the loader's "
			  "lock. "
			  "Unwinders call it; those of gcc 12 and newer on this libc no longer do");
	expect(p, "How often it asks again cannot be seen in a file: SYMFAST=observe counts it.");
}

/* The file of a word: a path, or a program of PATH as the shell finds it. */
static char *
find_program(const char *word)
{
	const char *list = getenv("PATH");

	if (strchr(word, '/') != NULL || access(word, F_OK) == 0 || list == NULL)
		return cli_format("%s", word);
	while (*list != '\0') {
		size_t len = strcspn(list, ":");
		char *path = cli_format("%.*s/%s", (int)len, list, word);

		if (len != 0 && access(path, X_OK) == 0)
			return path;
		free(path);
		list += len + (list[len] == ':');
	}
	return cli_format("%s", word);
}

/* "#!/usr/bin/env ruby" or "#!/bin/sh -e": the program that runs a script; NULL if it is none. */
static char *
script_program(const struct object *o)
{
	char line[256], *word, *save = NULL;
	size_t n = o->elf.size < sizeof(line) - 1 ? o->elf.size : sizeof(line) - 1;

	memcpy(line, o->bytes, n);
	line[n] = '\0';
	if (strncmp(line, "#!", 2) != 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line + 2, " \t", &save);
	if (word != NULL && strcmp(word, "/usr/bin/env") == 0)
		word = strtok_r(NULL, " \t", &save);
	return word != NULL ? find_program(word) : NULL;
}

static const char *
own_variable(const char *name)
{
	return getenv(name);
}

static int
examine_file(struct patient *p, const char *word)
{
	char *path = find_program(word), *by;
	struct object program;

	if (!object_read(&program, path, OBJECT_MOST)) {
		if (errno == ENOEXEC)
			cli_error("%s is no regular file", path);
		else
			cli_error_errno(0, "%s", path);
		free(path);
		return CLI_TARGET;
	}
	by = program.fault == SF_ELF_FILE_NOT_ELF ? script_program(&program) : NULL;
	if (by != NULL && strcmp(by, path) != 0) {
		doctor_find(p, LEVEL_NOTE, "script", "%s is a script, run by %s", path, by);
		object_free(&program);
		free(path);
		path = by;
		if (!object_read(&program, path, OBJECT_MOST))
			return cli_error_errno(CLI_TARGET, "%s", path);
	}
	doctor_fact(p, "program", path);
	if (program.fault == SF_ELF_FILE_NOT_ELF || program.fault == SF_ELF_FILE_TRUNCATED ||
	    program.fault == SF_ELF_FILE_DAMAGED) {
		cli_error("%s is %s", path, sf_elf_file_fault_text(program.fault));
		object_free(&program);
		free(path);
		return CLI_TARGET;
	}
	doctor_program(p, &program);
	doctor_environment(p, own_variable);
	if (program.fault == SF_ELF_FILE_NONE)
		doctor_dependencies(p, &program);
	object_free(&program);
	free(path);
	return CLI_OK;
}

static void
print_findings(const json_t *document)
{
	static const char *const colours[] = {"\033[32m", "", "\033[33m", "\033[31m"};
	bool coloured = cli_colours(stdout);
	const json_t *finding;
	size_t i;

	json_array_foreach(json_object_get(document, "findings"), i, finding)
	{
		const char *level = json_string_value(json_object_get(finding, "level"));
		int n = 0;

		while (n < LEVEL_STOP && strcmp(level, level_names[n]) != 0)
			n++;
		printf("%s%-5s%s %s\n", coloured ? colours[n] : "", level,
		       coloured && *colours[n] != '\0' ? "\033[0m" : "",
		       json_string_value(json_object_get(finding, "text")));
	}
}

static void
print(const json_t *document)
{
	const json_t *object, *name;
	const char *key;
	size_t i, k;

	json_object_foreach((json_t *)json_object_get(document, "facts"), key, object)
		printf("%-14s %s\n", key, json_string_value(object));
	print_findings(document);
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
cli_doctor(int argc, char **argv)
{
	static const struct argp argp = {
		options,       parse,
		"PROGRAM|PID", "Say what the shim would do for a program or process.",
		NULL,          NULL,
		NULL};
	struct doctor d = {0};
	struct patient p = {.root = ""};
	unsigned long pid;
	int status;

	cli_parse(&argp, argc, argv, 0, &d);
	p.document = cli_document("doctor");
	json_object_update_new(p.document, json_pack("{s:{},s:[],s:[],s:[]}", "facts", "findings",
						     "imports", "expect"));
	if (cli_number(d.what, 1, 1ul << 22, &pid))
		status = doctor_process(&p, pid);
	else
		status = examine_file(&p, d.what);
	if (status == CLI_OK) {
		say_what_to_expect(&p);
		json_object_set_new(p.document, "can_serve", json_boolean(!p.stopped));
		if (d.json)
			status = cli_print(json_incref(p.document));
		else
			print(p.document);
	}
	json_decref(p.document);
	return status == CLI_OK && p.stopped ? CLI_NO : status;
}
