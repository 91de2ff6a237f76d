// SPDX-License-Identifier: BSD-2-Clause
// Runs one workload in several threads at once and prints what a call cost.
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "hist.h"
#include "options.h"
#include "ticks.h"

/* Calls between two looks at the clock. */
#define BENCH_BATCH 1000u
/* Calls timed as one group where a single call is shorter than the counter's step. */
#define BENCH_GROUP 16u

/*
 * A workload. Every function returns how many answers were wrong. Each thread has a state of its
 * own; nothing here is called by two threads with the same state.
 */
struct bench_work {
	/* The state of one thread, numbered from 0. */
	void *(*state_new)(unsigned thread);
	/* Makes `calls` calls with nothing but the check of the answer between them. */
	uint64_t (*batch)(void *state, unsigned calls);
	/*
	 * Makes groups * each calls and adds the ticks of every group of `each` calls to h. May
	 * be the only one: a workload without batch() is only timed call by call.
	 */
	uint64_t (*timed)(void *state, struct bench_hist *h, unsigned groups, unsigned each);
	/* Groups between two looks at the clock in timed(); 0 means as many as a batch has. */
	unsigned chunk;
};

/*
 * Runs the workload as the options say (threads, pin, ms, calls) and prints:
 *   call     ns      median over batches of 1000 calls, per call (throughput)
 *   rate     M/s     calls of all threads together in a second
 *   preempted times  how often a thread lost its CPU while it was not waiting
 *   p50 p99 p99.9 max  ns    single calls (latency), counter cost subtracted
 *   g50 g99 g99.9    ns      the same for groups of 16 calls, per call
 *   samples  calls   how many single calls the percentiles stand on
 *   step     ns      what the counter can show at best
 * One thread means the process has no second one. Exits with a message on a wrong answer.
 */
void bench_crew_run(const struct bench_options *o, const struct bench_work *work);

/* Turns a percentile of ticks for groups of `each` calls into nanoseconds per call. */
double bench_crew_ns(const struct bench_hist *h, const struct bench_ticks *t, double q,
		     unsigned each);

#endif
