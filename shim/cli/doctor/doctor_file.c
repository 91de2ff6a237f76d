// SPDX-License-Identifier: BSD-2-Clause
// doctor_file.c: examines a program that is named by its file, or by a word that PATH finds.
#include "doctor.h"

#include "../../base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPTS_DEEP 5 /* the kernel follows as many */
#define SCRIPT_MOST  65536

/* Is it there, for anybody to run? */
static bool
doctor_file_is_program(const struct patient *p, const char *path)
{
	mode_t mode;

	if (*p->root == '\0')
		return access(path, X_OK) == 0;
	return doctor_root_is_file(p->root, path, &mode) && (mode & 0111) != 0;
}

/* The file of a word: a path, or a program of PATH as the shell finds it. */
static char *
doctor_file_find_program(const struct patient *p, const char *word)
{
	const char *list = p->search;

	if (strchr(word, '/') != NULL || list == NULL ||
	    (*p->root == '\0' && access(word, F_OK) == 0))
		return cli_format("%s", word);
	while (*list != '\0') {
		size_t len = strcspn(list, ":");
		char *path = cli_format("%.*s/%s", (int)len, list, word);

		if (len != 0 && doctor_file_is_program(p, path))
			return path;
		free(path);
		list += len + (list[len] == ':');
	}
	return cli_format("%s", word);
}

/*
 * "#!/usr/bin/env -S LANG=C ruby -w" or "#!/bin/sh -e": the program that runs a script; NULL if it is none. What
 * is like an option or an assignment after env is not the program.
 */
static char *
doctor_file_script_program(const struct patient *p, const struct doctor_object *o)
{
	char line[256], *word, *save = NULL;
	size_t n = o->size < sizeof(line) - 1 ? o->size : sizeof(line) - 1;

	memcpy(line, o->bytes, n);
	line[n] = '\0';
	if (strncmp(line, "#!", 2) != 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line + 2, " \t", &save);
	if (word != NULL && strcmp(sf_bytes_base(word), "env") == 0)
		do
			word = strtok_r(NULL, " \t", &save);
		while (word != NULL && (*word == '-' || strchr(word, '=') != NULL));
	return word != NULL ? doctor_file_find_program(p, word) : NULL;
}

/* exec /usr/lib/app/app "$@": the program of a line of a shell's wrapper, if its path can be read there. */
static char *
doctor_file_exec_of_line(const char *line, size_t n)
{
	const char *end = line + n, *from;
	char quote = '\0';

	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (end - line < 6 || strncmp(line, "exec ", 5) != 0)
		return NULL;
	for (line += 5; line < end && *line == ' '; line++)
		continue;
	if (line < end && (*line == '"' || *line == '\''))
		quote = *line++;
	from = line;
	while (line < end && (quote != '\0' ? *line != quote : *line != ' ' && *line != ';'))
		line++;
	if (from == line || *from != '/' || memchr(from, '$', (size_t)(line - from)) != NULL)
		return NULL;
	return cli_format("%.*s", (int)(line - from), from);
}

/* The last such line counts: what stands before it prepares. */
static char *
doctor_file_exec(const struct patient *p, const struct doctor_object *o)
{
	const char *at = o->bytes, *end = at + (o->size < SCRIPT_MOST ? o->size : SCRIPT_MOST);
	char *found = NULL;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		char *path;

		stop = stop != NULL ? stop : end;
		path = doctor_file_exec_of_line(at, (size_t)(stop - at));
		if (path != NULL && doctor_file_is_program(p, path)) {
			free(found);
			found = path;
		} else {
			free(path);
		}
		at = stop + 1;
	}
	return found;
}

static bool
doctor_file_is_shell(const char *path)
{
	static const char *const shells[] = {"sh", "dash", "bash", "ash", "ksh"};

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(sf_bytes_base(path), shells[i]) == 0)
			return true;
	return false;
}

/* What a script comes to: the program of its exec, or its interpreter; NULL if `o` is no script. */
static char *
doctor_file_follow(struct patient *p, const struct doctor_object *o)
{
	char *by = doctor_file_script_program(p, o), *exec;

	if (by == NULL)
		return NULL;
	exec = doctor_file_is_shell(by) ? doctor_file_exec(p, o) : NULL;
	if (exec == NULL) {
		doctor_find(p, LEVEL_NOTE, "script", "%s is a script, run by %s", o->path, by);
		return by;
	}
	doctor_find(p, LEVEL_NOTE, "wrapper-script", "%s is a shell script that runs %s", o->path,
		    exec);
	free(by);
	return exec;
}

static int
doctor_file_cannot(const char *path)
{
	if (errno == ENOEXEC)
		cli_error("%s is no regular file", path);
	else
		cli_error_errno(0, "%s", path);
	return CLI_TARGET;
}

/*
 * Reads the program of a word, scripts followed. The path is the real one: so the kernel names it, and $ORIGIN
 * is its folder.
 */
static int
doctor_file_read(struct patient *p, const char *word, struct doctor_object *program)
{
	char *path = doctor_file_find_program(p, word), *next;

	for (int depth = 0; path != NULL; depth++) {
		char *real = doctor_root_real(p->root, path);

		if (!doctor_object_of(program, p, real != NULL ? real : path)) {
			doctor_file_cannot(path);
			free(real);
			free(path);
			return CLI_TARGET;
		}
		free(real);
		next = program->fault == SF_ELF_FILE_NOT_ELF && depth < SCRIPTS_DEEP
			       ? doctor_file_follow(p, program)
			       : NULL;
		if (next != NULL)
			doctor_object_free(program);
		free(path);
		path = next;
	}
	return CLI_OK;
}

bool
doctor_file_is_readable(struct doctor_object *o)
{
	if (o->fault == SF_ELF_FILE_NONE && !sf_elf_file_whole(&o->elf))
		o->fault = SF_ELF_FILE_TRUNCATED;
	return o->fault != SF_ELF_FILE_NOT_ELF && o->fault != SF_ELF_FILE_TRUNCATED &&
	       o->fault != SF_ELF_FILE_DAMAGED;
}

void
doctor_file_examine(struct patient *p, const struct doctor_object *program)
{
	doctor_program(p, program);
	doctor_conf(p, program->path, p->variable("SYMFAST_CONF"));
	doctor_environment(p, p->variable);
	if (program->fault == SF_ELF_FILE_NONE)
		doctor_dependencies(p, program);
}

int
doctor_file(struct patient *p, const char *word)
{
	struct doctor_object program;

	if (*word == '\0')
		return cli_error("a program's name is empty"), CLI_TARGET;
	if (doctor_file_read(p, word, &program) != CLI_OK)
		return CLI_TARGET;
	doctor_fact(p, "program", program.path);
	if (!doctor_file_is_readable(&program)) {
		cli_error("%s is %s", program.path, sf_elf_file_fault_text(program.fault));
		doctor_object_free(&program);
		return CLI_TARGET;
	}
	doctor_file_examine(p, &program);
	if (program.fault == SF_ELF_FILE_NONE && doctor_program_is_object(&program))
		doctor_retain(p, &program);
	doctor_object_free(&program);
	return CLI_OK;
}
