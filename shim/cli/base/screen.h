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
void screen_end(void);
/* Would another line not be seen? */
bool screen_full(void);
/* Sleeps; true if the user asked for the end (q, or a signal). */
bool screen_wait(double seconds);

#endif
