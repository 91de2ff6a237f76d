// SPDX-License-Identifier: BSD-2-Clause
// doctor_file.c: examines a program that is named by its file, or by a word that PATH finds.
#include "doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file of a word: a path, or a program of PATH as the shell finds it. */
static char *
doctor_file_find_program(const char *word)
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
doctor_file_script_program(const struct doctor_object *o)
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
	return word != NULL ? doctor_file_find_program(word) : NULL;
}

static const char *
doctor_file_own_variable(const char *name)
{
	return getenv(name);
}

int
doctor_file(struct patient *p, const char *word)
{
	char *path = doctor_file_find_program(word), *by;
	struct doctor_object program;

	if (!doctor_object_read(&program, path, DOCTOR_OBJECT_MOST)) {
		if (errno == ENOEXEC)
			cli_error("%s is no regular file", path);
		else
			cli_error_errno(0, "%s", path);
		free(path);
		return CLI_TARGET;
	}
	by = program.fault == SF_ELF_FILE_NOT_ELF ? doctor_file_script_program(&program) : NULL;
	if (by != NULL && strcmp(by, path) != 0) {
		doctor_find(p, LEVEL_NOTE, "script", "%s is a script, run by %s", path, by);
		doctor_object_free(&program);
		free(path);
		path = by;
		if (!doctor_object_read(&program, path, DOCTOR_OBJECT_MOST))
			return cli_error_errno(CLI_TARGET, "%s", path);
	}
	doctor_fact(p, "program", path);
	if (program.fault == SF_ELF_FILE_NOT_ELF || program.fault == SF_ELF_FILE_TRUNCATED ||
	    program.fault == SF_ELF_FILE_DAMAGED) {
		cli_error("%s is %s", path, sf_elf_file_fault_text(program.fault));
		doctor_object_free(&program);
		free(path);
		return CLI_TARGET;
	}
	doctor_program(p, &program);
	doctor_environment(p, doctor_file_own_variable);
	if (program.fault == SF_ELF_FILE_NONE)
		doctor_dependencies(p, &program);
	doctor_object_free(&program);
	free(path);
	return CLI_OK;
}
