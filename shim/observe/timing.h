// SPDX-License-Identifier: BSD-2-Clause
// timing.h: the duration of one call of libc, and now and then the CPU time that its thread spent in it.
//
// Between two readings of the time stamp counter a thread may wait, or lose the processor. Its CPU clock tells, for a
// system call at each end: read around calls of functions that take many times as long as that. Where it is read at one
// call in so many, that one stands for all those.
#ifndef SF_TIMING_H
#define SF_TIMING_H

#include "histogram.h"

struct sf_timing {
	uint64_t from;   /* ticks */
	uint64_t cpu_ns; /* of the thread */
	uint32_t stands; /* for so many calls; 0: not read */
};

/* `function`: as which it will be recorded, as far as that is known yet. */
struct sf_timing sf_timing_begin(enum sf_timed function);
/* Records it in libc's arm; returns its duration in ticks. */
uint64_t sf_timing_end(const struct sf_timing *t, enum sf_timed function);
/* Observing itself took the time since `from`, and it is much: no part of what the host would take without. */
void sf_timing_own(uint64_t from);
/* Ticks since `from`, without what it takes to read the counter. */
uint64_t sf_timing_since(uint64_t from);

#endif
