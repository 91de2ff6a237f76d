// SPDX-License-Identifier: BSD-2-Clause
// killfile.h: the kill file: while it exists, the process is off.
//
// Only the host's own calls check for it: each call that libc has to answer, and one hit in
// SF_KILLFILE_HITS of each kind in each thread, at most five times a second for the process. A
// process that makes no call is served nothing; its first calls afterwards may still be, until one checks.
// A thread would see it sooner, but would break hosts that did not make it: libc changes ids in all
// threads or aborts, and capabilities, namespaces and filters are per thread.
//
// Only with SYMFAST_KILL_FILE: a check is a clock_gettime and a faccessat, which a filter may forbid.
#ifndef SF_KILLFILE_H
#define SF_KILLFILE_H

#include "mode.h"

#define SF_KILLFILE_HITS 64

/* Nonzero: there is a kill file to look for: calls go to sf_killfile_poll(). */
extern SF_HIDDEN uint8_t sf_killfile_waiting;

/* Looks once. Nothing if no file is set. Called by the constructor. */
void sf_killfile_start(void);
/* Any thread, signal handlers too; takes no time unless a look is due. */
SF_HIDDEN void sf_killfile_poll(void);
/* In the child after fork. */
void sf_killfile_forked(void);

#endif
