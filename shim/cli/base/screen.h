// SPDX-License-Identifier: BSD-2-Clause
// screen.h: a terminal that is redrawn every interval by plain escape sequences; elsewhere only
// lines are written.
#ifndef SF_CLI_SCREEN_H
#define SF_CLI_SCREEN_H

#include "../../base/attr.h"

/* Takes the whole terminal, if standard output is one and it is wanted; false: lines are written instead. */
bool screen_open(bool whole);
/* Gives it back. Safe to call twice, and from a signal handler. */
void screen_close(void);
/* Starts a frame; then one call per line, which is cut to the width; lines below are dropped. */
void screen_begin(void);
void screen_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same in a colour, "\033[..m" or "", if the terminal may have colours. */
void screen_line_in(const char *colour, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Characters of a line; without a terminal more than any line has. */
int screen_width(void);
void screen_end(void);
/* Would another line not be seen? */
bool screen_full(void);
/* Sleeps; true if the user asked for the end (q, or a signal). Any other key ends the sleep and is in *key, else 0. */
bool screen_wait(double seconds, char *key);

#endif
