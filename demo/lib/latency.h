// SPDX-License-Identifier: BSD-2-Clause
// Latency histogram of the demo hosts: exact to 1/32, any number of samples, one per thread.
#ifndef DEMO_LATENCY_H
#define DEMO_LATENCY_H

#include <stdint.h>
#include <time.h>

#define LATENCY_SUB     32
#define LATENCY_BUCKETS (60 * LATENCY_SUB)

struct latency {
	uint64_t samples;
	uint64_t bucket[LATENCY_BUCKETS];
};

static inline uint64_t
latency_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Below LATENCY_SUB one bucket per nanosecond, above it LATENCY_SUB buckets per power of two.
static inline void
latency_add(struct latency *l, uint64_t ns)
{
	unsigned shift = ns < LATENCY_SUB ? 0 : 58 - (unsigned)__builtin_clzll(ns);
	unsigned index = shift * LATENCY_SUB + (unsigned)(ns >> shift);

	l->bucket[index]++;
	l->samples++;
}

static inline void
latency_merge(struct latency *into, const struct latency *from)
{
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->samples += from->samples;
}

// The middle of the bucket that holds the quantile, in ns.
static inline double
latency_quantile(const struct latency *l, double quantile)
{
	uint64_t wanted = (uint64_t)((double)l->samples * quantile), seen = 0;
	unsigned i = 0;

	while (i < LATENCY_BUCKETS - 1 && (seen += l->bucket[i]) <= wanted)
		i++;
	if (i < LATENCY_SUB)
		return i ? i : 0.5;
	unsigned shift = i / LATENCY_SUB - 1;

	return ((double)(i - shift * LATENCY_SUB) + 0.5) * (double)(1ull << shift);
}

#endif
