// SPDX-License-Identifier: BSD-2-Clause
// cli.h: what every subcommand of `symfast` shares: its exit codes, its one-line errors, its memory.
#ifndef SF_CLI_H
#define SF_CLI_H

#include "../../base/attr.h"
#include <argp.h>
#include <stdio.h>

/* Exit codes, the same for all subcommands but `run` (see run.c). Documented in symfast(1). */
#define CLI_OK      0 /* done, and the answer is yes */
#define CLI_NO      1 /* done, and the answer is no: outputs differ, the shim cannot serve */
#define CLI_USAGE   2 /* wrong arguments */
#define CLI_TARGET  3 /* the process, segment or file that was named cannot be used */
#define CLI_FAILED  4 /* symfast itself could not go on: no memory, cannot write */
#define CLI_NOTHING 5 /* done: the shim could serve it, but there is nothing to gain */

/* Parses with `argp`; wrong arguments end the program with one line and CLI_USAGE. */
void cli_parse(const struct argp *argp, int argc, char **argv, unsigned int flags, void *input);

/* Wrong arguments: one line, named after the subcommand, and the end with CLI_USAGE. */
void cli_usage(const struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* One line on standard error: "symfast: ...". Control characters are shown as '?'. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, with the sentence of errno appended; returns `status`. */
int cli_error_errno(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number in [min, max], all of the text; false otherwise. */
bool cli_number(const char *text, unsigned long min, unsigned long max, unsigned long *out);
/* A process id; else ends the program by cli_usage. */
unsigned long cli_pid(struct argp_state *state, const char *text);

/* Copies at most size - 1 bytes with control characters and broken UTF-8 replaced; returns `to`. */
char *cli_clean(char *to, size_t size, const char *from);

/* Memory or the end of the program, with one line. */
void *cli_or_end(void *memory);
void *cli_alloc(size_t count, size_t size);
void *cli_grow(void *old, size_t count, size_t size);
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Colours only on a terminal, and not with NO_COLOR set. */
bool cli_colours(FILE *out);

#endif
