// SPDX-License-Identifier: BSD-2-Clause
// log.h: one line on standard error, built on the stack and written by one write(2).
#ifndef SF_LOG_H
#define SF_LOG_H

#include "attr.h"

#define SF_LINE_MAX 512

struct sf_line {
	size_t len;
	char text[SF_LINE_MAX];
};

/* Starts a line with "symfast: ". No allocation, no libc, safe in a signal handler. */
void sf_line_start(struct sf_line *l);
/* Appends; what does not fit is cut, the newline always fits. */
void sf_line_str(struct sf_line *l, const char *s);
/* The same for text from outside: at most `max` bytes, control characters shown as '?'. */
void sf_line_clean(struct sf_line *l, const char *s, size_t max);
/* And between quotes. */
void sf_line_quote(struct sf_line *l, const char *s, size_t max);
void sf_line_u64(struct sf_line *l, uint64_t v);
/* Ends the line and writes it to standard error. */
void sf_line_write(struct sf_line *l);

#endif
