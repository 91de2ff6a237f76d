// SPDX-License-Identifier: BSD-2-Clause
// output.h: where the program writes: its standard streams, and files that others may have put there.
#ifndef SF_CLI_OUTPUT_H
#define SF_CLI_OUTPUT_H

#include "cli.h"

/*
 * A file to write: a new one, PATH.XXXXXX, that gets its name when it is complete, in place of a regular
 * file or of nothing. Anything else (a device, a pipe, a link) is written into and stays what it is; "-" is
 * standard output. False after one line.
 */
struct output_file {
	FILE *stream;
	char *path, *temporary; /* temporary: NULL where the file itself is written */
};
bool output_open(struct output_file *f, const char *path);
bool output_close(struct output_file *f);

/* Closed streams filled, no death by SIGPIPE, and an output that fails told at exit. At start. */
void output_streams(void);
/* Does a command that is run get SIGPIPE's usual effect back? */
bool output_pipe_given_back(void);
/* CLI_OK; or CLI_FAILED, after one line for errno, the first time. */
int output_result(bool good);
/* "-", or a link to where standard output goes anyway. */
bool output_is_standard(const char *path);

#endif
