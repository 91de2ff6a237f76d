// SPDX-License-Identifier: BSD-2-Clause
// sample_share.h: shares of a process's time, with what their samples leave open.
#ifndef SF_CLI_SAMPLE_SHARE_H
#define SF_CLI_SAMPLE_SHARE_H

#include "sample_process.h"

struct sample_share {
	double share, low, high; /* 0 to 1; 95 %, as far as samples are independent */
};

/*
 * Which share of the CPU time, with Wilson's interval. Samples stand for different times (a thread that ran
 * shortly and waited long for its CPU is met as often as one that ran all the time), so they count for less than
 * their number: Kish's effective one. None: 0, from 0 to 1.
 */
struct sample_share sample_share_of_cpu(const struct sample_tally *t, double ns);
/* Of the time of all threads, asleep or not: of so many samples of each state; of waits for the lock. */
double sample_share_of_time(const struct sample_tally *t,
			    const uint64_t samples[SAMPLE_TALLY_STATES]);
double sample_share_of_waits(const struct sample_tally *t, uint64_t lock);
/* How many threads it has, on average. */
double sample_share_threads(const struct sample_process *p);

#endif
