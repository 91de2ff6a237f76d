// SPDX-License-Identifier: BSD-2-Clause
// conf.h: the settings file: which programs are served at all, and with which settings.
//
//   # a comment
//   SYMFAST_STATS=1                 settings of every program come first
//   [/usr/sbin/nginx:/opt/app/*]    of these programs: globs over the whole path, a * takes '/', too
//   SYMFAST=verify:1/64
//
// Of a program's sections the first counts. A file that has sections is a list: a program that is in none of
// them is not served. The file limits what is served, so nothing is guessed: one that cannot be read wholly, or
// that others may write to, is a fault.
#ifndef SF_CONF_H
#define SF_CONF_H

#include "../base/attr.h"

#define SF_CONF_PATH "/etc/symfast.conf"
#define SF_CONF_MAX  65536 /* bytes of a file at most */

struct sf_conf {
	const char *fault; /* what is wrong with the file, or with line `line`; NULL: nothing */
	unsigned int line; /* of the entry or the fault; 0: the whole file */
	/* Of conf.c. */
	char *text, *at, *end;
	char *program; /* behind the text */
	bool inside, sections, listed;
};

/*
 * Reads the file and begins with its first line. False: there is none, or it is faulty. `must_be`: that there
 * is none is a fault. `program`: whose sections count; NULL: this process's executable. Neither malloc nor libc;
 * up to seven system calls, one if there is no file.
 */
bool sf_conf_open(struct sf_conf *c, const char *path, bool must_be, const char *program);
/* The next NAME=VALUE for this program, valid until the close; NULL: the end, or a fault. */
const char *sf_conf_next(struct sf_conf *c);
/* At the end: may this program be served? */
bool sf_conf_listed(const struct sf_conf *c);
void sf_conf_close(struct sf_conf *c);

#endif
