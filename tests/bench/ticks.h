// SPDX-License-Identifier: BSD-2-Clause
// The two clocks of the bench: the kernel's for batches, the CPU's counter for single calls.
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <stdint.h>
#include <time.h>

/* What a pair of counter readings is worth; filled by bench_ticks_calibrate(). */
struct bench_ticks {
	double per_ns; /* counter ticks in one nanosecond */
	double cost;   /* mean ticks that an empty begin/end pair shows */
	uint64_t step; /* smallest difference that the counter can show, in ticks */
};

static inline uint64_t
bench_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * The barriers keep the timed call between the two readings: nothing older may still be running
 * at the first, nothing of the call may be left at the second. They also keep two timed calls
 * from overlapping, so single timings show latency where batches show throughput.
 */
#if defined(__x86_64__)
static inline uint64_t
bench_ticks_read(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
#elif defined(__aarch64__)
static inline uint64_t
bench_ticks_read(void)
{
	uint64_t t;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(t) : : "memory");
	return t;
}
#else
#error "no CPU counter known for this architecture"
#endif

static inline void
bench_relax(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pause" : : : "memory");
#else
	__asm__ volatile("yield" : : : "memory");
#endif
}

/* Measures the counter for about 20 ms; the caller should be the only busy thread. */
void bench_ticks_calibrate(struct bench_ticks *t);

#endif
