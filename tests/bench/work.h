// SPDX-License-Identifier: BSD-2-Clause
// Makes the two loops of a workload (batch and timed) out of one call, with the call inlined.
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "crew.h"

/* One call on a thread's state: 0 when the answer was right, 1 when it was wrong. */
typedef unsigned bench_call(void *state);

#define BENCH_INLINE static inline __attribute__((always_inline))

BENCH_INLINE uint64_t
bench_loop(void *state, unsigned calls, bench_call *call)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < calls; i++)
		wrong += call(state);
	return wrong;
}

BENCH_INLINE uint64_t
bench_loop_timed(void *state, struct bench_hist *h, unsigned groups, unsigned each,
		 bench_call *call)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < groups; i++) {
		uint64_t begin = bench_ticks_read();

		for (unsigned j = 0; j < each; j++)
			wrong += call(state);
		bench_hist_add(h, bench_ticks_read() - begin);
	}
	return wrong;
}

/* Defines NAME_batch and NAME_timed from the inline function NAME_call. */
#define BENCH_LOOPS(name)                                                                          \
	static uint64_t name##_batch(void *state, unsigned calls)                                  \
	{                                                                                          \
		return bench_loop(state, calls, name##_call);                                      \
	}                                                                                          \
	static uint64_t name##_timed(void *state, struct bench_hist *h, unsigned groups,           \
				     unsigned each)                                                \
	{                                                                                          \
		return bench_loop_timed(state, h, groups, each, name##_call);                      \
	}

/* A row of a program's table of kinds; its threads start with the program's state_new(). */
struct bench_kind {
	const char *name;
	struct bench_work work;
};

// clang-format off
#define BENCH_KIND(kind) { #kind, { state_new, kind##_batch, kind##_timed, 0 } }
// clang-format on

#endif
