// SPDX-License-Identifier: BSD-2-Clause
// names.h: the list of SYMFAST_RETAIN: which files are retained, and how. Pure text, no memory but its own.
//
// LIST is PATTERN[=keep][:PATTERN...]; a pattern is a glob (* ? [a-z] [!a-z]) over the file's own name, without its
// folder. `!PATTERN` takes files out again, wherever it stands. `@FILE` stands for the lines of a file, '#' begins a
// comment there; a file is not read from within a file.
#ifndef SF_RETAIN_NAMES_H
#define SF_RETAIN_NAMES_H

#include "../base/attr.h"

enum sf_retain_how {
	SF_RETAIN_NOT,
	SF_RETAIN_FRESH, /* as new in each lifetime */
	SF_RETAIN_KEEP,  /* as RTLD_NODELETE */
};

#define SF_RETAIN_LIST_MAX 8192

/*
 * Reads the list. A pattern that cannot be used, a file that cannot be read, or more than SF_RETAIN_LIST_MAX bytes
 * are told in one line, and nothing is retained: false. An empty list is true.
 */
bool sf_retain_names_read(const char *list);

/* How is a file of this path (or bare name) retained? Any thread, any time after the list was read. */
enum sf_retain_how sf_retain_names_find(const char *path);

#endif
