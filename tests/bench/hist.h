// SPDX-License-Identifier: BSD-2-Clause
// A histogram of logarithmic buckets: any 64-bit value, 0.8 % wide, no allocation per sample.
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define BENCH_HIST_SUB     7 /* 2^7 buckets for each power of two */
#define BENCH_HIST_BUCKETS ((64 - BENCH_HIST_SUB + 1) << BENCH_HIST_SUB)

/* One writer at a time; threads keep one each and merge at the end. */
struct bench_hist {
	uint64_t count;
	uint64_t max;
	uint32_t bucket[BENCH_HIST_BUCKETS];
};

/* Values below 2^(SUB+1) have a bucket each; above that the top SUB+1 bits choose the bucket. */
static inline unsigned
bench_hist_index(uint64_t v)
{
	unsigned shift;

	if (v < 2u << BENCH_HIST_SUB)
		return (unsigned)v;
	shift = 63 - (unsigned)__builtin_clzll(v) - BENCH_HIST_SUB;
	return (shift << BENCH_HIST_SUB) + (unsigned)(v >> shift);
}

static inline void
bench_hist_add(struct bench_hist *h, uint64_t v)
{
	h->count++;
	if (v > h->max)
		h->max = v;
	h->bucket[bench_hist_index(v)]++;
}

/* An empty histogram on its own pages, already touched; exits if memory ran out. */
struct bench_hist *bench_hist_new(void);

void bench_hist_merge(struct bench_hist *to, const struct bench_hist *from);

/* The value below or at which the share q (0 to 1) of the samples lies; 0 when there are none. */
double bench_hist_at(const struct bench_hist *h, double q);

#endif
