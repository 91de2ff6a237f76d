// SPDX-License-Identifier: BSD-2-Clause
// segment_rounds.h: the segments of a directory, read again and again: what does not change is read once.
//
// A file stays open from round to round, and is read by pread(2) as ever (ADR 0026). Per process and round:
// the header's page, and the blocks of its counters; one poll(2) tells which of all processes have ended.
#ifndef SF_CLI_SEGMENT_ROUNDS_H
#define SF_CLI_SEGMENT_ROUNDS_H

#include "rollup.h"

struct segment_watched {
	struct segment segment; /* as of the last round */
	struct rollup rollup;   /* of the last round; rows stay in their places */
};

struct segment_rounds;

struct segment_rounds *segment_rounds_new(const char *directory);
void segment_rounds_free(struct segment_rounds *w);
/*
 * Reads all of them again, and calls `each` in the order of process ids. *status is CLI_TARGET if some
 * file could not be used, after one line for it. false after one line: the directory cannot be read.
 */
bool segment_rounds_next(struct segment_rounds *w,
			 void (*each)(const struct segment_watched *one, void *data), void *data,
			 int *status);

#endif
