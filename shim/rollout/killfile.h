// SPDX-License-Identifier: BSD-2-Clause
// killfile.h: the kill file: while it exists, the process is off.
//
// Nobody but the host's own calls looks for it: each call that libc has to answer, and of those answered
// from memory one in SF_KILLFILE_HITS of each kind in each thread, at most five times a second for the process. A
// process that makes no call is served nothing; its first calls afterwards may still be, until one looks.
// A thread would see it sooner, but no host stands one that it did not make: libc changes ids in all
// threads or aborts, and capabilities, namespaces and filters are each thread's own.
//
// Only with SYMFAST_KILL_FILE: a look is a clock_gettime and a faccessat, which a filter may forbid.
#ifndef SF_KILLFILE_H
#define SF_KILLFILE_H

#include "mode.h"

#define SF_KILLFILE_HITS 64

/* Nonzero: there is a kill file to look for: calls go to sf_killfile_poll(). */
extern uint8_t sf_killfile_waiting;

/* Looks once. Nothing if no file is set. Called by the constructor. */
void sf_killfile_start(void);
/* Any thread, signal handlers too; takes no time unless a look is due. */
void sf_killfile_poll(void);
/* In the child after fork. */
void sf_killfile_forked(void);

#endif
