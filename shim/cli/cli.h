// SPDX-License-Identifier: BSD-2-Clause
// cli.h: what every subcommand of `symfast` shares: its exit codes, its one-line errors, its table.
#ifndef SF_CLI_H
#define SF_CLI_H

#include "../base/attr.h"
#include <argp.h>
#include <jansson.h>
#include <stdio.h>

/* Exit codes, the same for all subcommands but `run` (see run.c). Documented in symfast(1). */
#define CLI_OK     0 /* done, and the answer is yes */
#define CLI_NO     1 /* done, and the answer is no: outputs differ, the shim cannot serve */
#define CLI_USAGE  2 /* wrong arguments */
#define CLI_TARGET 3 /* the process, segment or file that was named cannot be used */
#define CLI_FAILED 4 /* symfast itself could not go on: no memory, cannot write */

int cli_ab(int argc, char **argv);
int cli_ctl(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_metrics(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_sites(int argc, char **argv);
int cli_stat(int argc, char **argv);
int cli_top(int argc, char **argv);

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
void *cli_alloc(size_t count, size_t size);
void *cli_grow(void *old, size_t count, size_t size);
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The head that all documents share: {"symfast": VERSION, "kind": kind, "format": 1}. */
json_t *cli_document(const char *kind);
/* Writes a document to standard output and drops it; CLI_OK, or CLI_FAILED with one line. */
int cli_print(json_t *document);
/* The same to a file, see cli_file_open. */
int cli_save(json_t *document, const char *path);
/* Reads a document and its kind; NULL after one line. */
json_t *cli_load(const char *path);

/*
 * A file to write: a new one, PATH.XXXXXX, that gets its name when it is complete, in place of a regular
 * file or of nothing. Anything else (a device, a pipe, a link) is written into and stays what it is; "-" is
 * standard output. False after one line.
 */
struct cli_file {
	FILE *stream;
	char *path, *temporary; /* temporary: NULL where the file itself is written */
};
bool cli_file_open(struct cli_file *f, const char *path);
bool cli_file_close(struct cli_file *f);

/* Closed streams filled, no death by SIGPIPE, and an output that fails told at exit. At start. */
void cli_streams(void);
/* Does a command that is run get SIGPIPE's usual effect back? */
bool cli_pipe_given_back(void);
/* CLI_OK; or CLI_FAILED, after one line for errno, the first time. */
int cli_output(bool good);
/* "-", or a link to where standard output goes anyway. */
bool cli_is_output(const char *path);

/* Colours only on a terminal, and not with NO_COLOR set. */
bool cli_colours(FILE *out);

#endif
