// SPDX-License-Identifier: BSD-2-Clause
// killfile.h: the kill file: while it exists, the process is off.
//
// A thread of its own, made in the constructor if SYMFAST_KILL_FILE is set, looks for it five times a
// second. Threads do not survive fork: in a child, slow calls and sampled hits look, at most as often.
#ifndef SF_KILLFILE_H
#define SF_KILLFILE_H

#include "mode.h"

/* Nonzero: there is a kill file to look for and nobody who does; slow calls call sf_killfile_poll(). */
extern uint8_t sf_killfile_waiting;

/* Looks once, then starts the thread. Nothing if no file is set. Called by the constructor. */
void sf_killfile_start(void);
void sf_killfile_poll(void);
/* In the child after fork. */
void sf_killfile_forked(void);

#endif
