// SPDX-License-Identifier: BSD-2-Clause
// histogram.h: durations by function and arm, in the statistics segment.
//
// Only samples and calls that libc answered are recorded here, by atomic adds on shared lines: that
// cost is next to that of the call. The bucket rule is in symfast_shm.h.
#ifndef SF_HISTOGRAM_H
#define SF_HISTOGRAM_H

#include "../base/atomic.h"
#include <symfast_shm.h>

/* X(identifier, "name"): what can be timed. The order is that of the rows in the segment. */
#define SF_TIMED(X)                                                                                \
	X(DLSYM, "dlsym")                                                                          \
	X(DEFAULT, "default")                                                                      \
	X(NEXT, "next")                                                                            \
	X(DLVSYM, "dlvsym")                                                                        \
	X(DLOPEN, "dlopen")                                                                        \
	X(DLCLOSE, "dlclose")                                                                      \
	X(GO_OPEN, "plugin.Open")                                                                  \
	X(REALPATH, "realpath")                                                                    \
	X(DLADDR, "dladdr")                                                                        \
	X(BACKTRACE, "backtrace_symbols")                                                          \
	X(PHDR, "dl_iterate_phdr")                                                                 \
	X(LOAD, "load")                                                                            \
	X(UNLOAD, "unload")

enum sf_timed {
#define X(id, name) SF_TIMED_##id,
	SF_TIMED(X)
#undef X
		SF_TIMED_COUNT
};

enum sf_arm { SF_ARM_LIBC, SF_ARM_MAP };

/* Number of the bucket of a duration. */
SF_INLINE unsigned int
sf_histogram_bucket(uint64_t ticks)
{
	unsigned int e;

	if (ticks < 16)
		return (unsigned int)ticks;
	e = 63u - (unsigned int)__builtin_clzll(ticks);
	if (e > 33)
		return SYMFAST_SHM_BUCKETS - 1;
	return (e - 3) * 16 + ((unsigned int)(ticks >> (e - 4)) & 15);
}

/* Least duration of a bucket. */
SF_INLINE uint64_t
sf_histogram_start(unsigned int bucket)
{
	return bucket < 16 ? bucket : (uint64_t)(16 + bucket % 16) << (bucket / 16 - 1);
}

/* A call that took so many times the usual has waited for something. */
#define SF_HISTOGRAM_UNUSUAL 8

/*
 * Adds one call to a row whose pages may be written. `usual`: running mean of such calls, outliers cut
 * off; written by any thread, unlocked. Returns the part of the duration that was waiting.
 */
SF_INLINE uint64_t
sf_histogram_note(struct symfast_shm_histogram *h, uint64_t *usual, uint64_t ticks)
{
	uint64_t m = sf_load_64(usual), waited = 0;

	if (m == 0) {
		sf_store_64(usual, ticks);
	} else {
		sf_store_64(usual, m + (ticks < m * 4 ? ticks : m * 4) / 16 - m / 16);
		waited = ticks > m * SF_HISTOGRAM_UNUSUAL ? ticks - m : 0;
	}
	sf_add_64(&h->count, 1);
	sf_add_64(&h->ticks, ticks);
	sf_add_64(&h->bucket[sf_histogram_bucket(ticks)], 1);
	if (waited != 0)
		sf_add_64(&h->waited, waited);
	if (ticks > sf_load_64(&h->longest))
		sf_store_64(&h->longest, ticks);
	return waited;
}

/* Names the rows for readers of the segment. Once, in the constructor. */
void sf_histogram_init(void);
/*
 * Records one call; `waited` of the row grows by what exceeds this function's usual duration. False: its
 * page cannot be written now, because another thread is just making one, or at all.
 */
bool sf_histogram_add(enum sf_timed function, enum sf_arm arm, uint64_t ticks);
/* The running mean of such calls; 0: there were none. */
uint64_t sf_histogram_usual(enum sf_timed function, enum sf_arm arm);
/* A row whose pages may be written, NULL: they may not. */
struct symfast_shm_histogram *sf_histogram_ready(enum sf_timed function, enum sf_arm arm);
/* A row; never NULL once the segment's area is there. */
struct symfast_shm_histogram *sf_histogram_row(enum sf_timed function, enum sf_arm arm);
const char *sf_histogram_name(enum sf_timed function);

#endif
