// SPDX-License-Identifier: BSD-2-Clause
// segment_each.h: all segments that this user may read.
#ifndef SF_CLI_SEGMENT_EACH_H
#define SF_CLI_SEGMENT_EACH_H

#include "segment_open.h"

/*
 * Calls `each` for every segment of a directory, in the order of process ids; `each` may keep nothing
 * of it. Other users' files are left out without a word; *status is CLI_TARGET if another could not
 * be used, after one line for it, else CLI_OK. false after one line: the directory cannot be read.
 */
bool segment_each(const char *directory,
		  void (*each)(const struct segment *s, const char *path, void *data), void *data,
		  int *status);
/* The same; `bad` tells what cannot be used, and errno why the directory cannot be read. */
bool segment_each_or(const char *directory,
		     void (*each)(const struct segment *s, const char *path, void *data),
		     void (*bad)(const char *path, const char *why, void *data), void *data,
		     int *status);

#endif
