// SPDX-License-Identifier: BSD-2-Clause
// conf.c: see conf.h.
#include "conf.h"

#include "../base/bytes.h"
#include "../base/glob.h"
#include "../base/sys.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PROGRAM_MAX 4096
#define ROOM        (SF_CONF_MAX + 1 + PROGRAM_MAX)

static bool
conf_fault(struct sf_conf *c, const char *fault)
{
	c->fault = fault;
	return false;
}

/* Only root and the process's own user may say what it does. */
static bool
conf_is_trusted(struct sf_conf *c, long fd)
{
	struct stat st = {0};
	long user = sf_syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0);

	if (sf_syscall6(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) != 0)
		return conf_fault(c, "cannot be read");
	if (!S_ISREG(st.st_mode))
		return conf_fault(c, "is no regular file");
	if (st.st_uid != 0 && st.st_uid != (uid_t)user)
		return conf_fault(c, "belongs to another user");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return conf_fault(c, "can be written by others");
	return true;
}

static bool
conf_read(struct sf_conf *c, long fd)
{
	long used;

	c->text = sf_sys_map(ROOM);
	if (c->text == NULL)
		return conf_fault(c, "cannot be read: no memory");
	used = sf_sys_read_all(fd, c->text, SF_CONF_MAX + 1);
	if (used < 0)
		return conf_fault(c, "cannot be read");
	if (used > SF_CONF_MAX)
		return conf_fault(c, "is longer than 64 KiB");
	c->at = c->text;
	c->end = c->text + used;
	return true;
}

static void
conf_name_program(struct sf_conf *c, const char *program)
{
	c->program = c->text + SF_CONF_MAX + 1;
	if (program != NULL)
		sf_bytes_cut(c->program, program, PROGRAM_MAX);
	else
		sf_sys_exe(c->program, PROGRAM_MAX);
}

/* Apart: as a rule there is no file, and the start touches no page for what is done with one. */
static SF_NOINLINE bool
conf_open_file(struct sf_conf *c, long fd, bool must_be, const char *program)
{
	bool good;

	if (fd < 0 && !must_be && (fd == -ENOENT || fd == -ENOTDIR))
		return false;
	if (fd < 0)
		return conf_fault(c, fd == -ENOENT ? "does not exist" : "cannot be opened");
	good = conf_is_trusted(c, fd) && conf_read(c, fd);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	if (good)
		conf_name_program(c, program);
	else
		sf_conf_close(c);
	return good;
}

SF_START bool
sf_conf_open(struct sf_conf *c, const char *path, bool must_be, const char *program)
{
	long fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)path,
			      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0);

	c->fault = NULL;
	c->line = 0;
	c->text = c->at = c->end = NULL;
	c->inside = true;
	c->sections = c->listed = false;
	return (fd != -ENOENT || must_be) && conf_open_file(c, fd, must_be, program);
}

static bool
conf_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line without blanks around it, ended by a NUL; NULL: there is none, or it has a NUL in it. */
static char *
conf_line(struct sf_conf *c)
{
	char *from = c->at, *to = c->at;

	if (c->at >= c->end)
		return NULL;
	c->line++;
	while (to < c->end && *to != '\n')
		if (*to++ == '\0') {
			conf_fault(c, "has a NUL in it");
			return NULL;
		}
	c->at = to + 1;
	while (from < to && conf_is_blank(*from))
		from++;
	while (to > from && conf_is_blank(to[-1]))
		to--;
	*to = '\0'; /* there is one more byte than text */
	return from;
}

/* [GLOB:GLOB]: is this program meant, and had no section before? */
static bool
conf_section(struct sf_conf *c, const char *at)
{
	bool meant = false;

	c->sections = true;
	while (*at++ != '\0') { /* behind '[' or ':' */
		const char *end = at;

		while (*end != '\0' && *end != ':' && (*end != ']' || end[1] != '\0'))
			end++;
		if (*end == '\0')
			return conf_fault(c, "a section ends with ]");
		if (*at != '/' && *at != '*')
			return conf_fault(
				c,
				"a program is named by its whole path, or by a * before its end");
		meant |= sf_glob_match(at, end, c->program);
		if (*end == ']')
			break;
		at = end;
	}
	c->inside = meant && !c->listed;
	c->listed |= meant;
	return true;
}

const char *
sf_conf_next(struct sf_conf *c)
{
	const char *line;

	while (c->fault == NULL && (line = conf_line(c)) != NULL) {
		if (*line == '\0' || *line == '#')
			continue;
		if (*line == '[') {
			conf_section(c, line);
			continue;
		}
		if (!sf_bytes_begins(line, "SYMFAST") || !sf_bytes_has(line, '='))
			conf_fault(c, "is neither [PROGRAM] nor SYMFAST...=VALUE");
		else if (sf_bytes_begins(line, "SYMFAST_CONF="))
			conf_fault(c, "names a settings file within one");
		else if (c->inside)
			return line;
	}
	return NULL;
}

bool
sf_conf_listed(const struct sf_conf *c)
{
	return c->fault == NULL && (!c->sections || c->listed);
}

void
sf_conf_close(struct sf_conf *c)
{
	if (c->text != NULL)
		sf_sys_unmap(c->text, ROOM);
	c->text = c->at = c->end = NULL;
}
