// SPDX-License-Identifier: BSD-2-Clause
// ticks.h: the CPU's time stamp counter, the unit of all durations that are measured.
//
// Not ordered with the instructions around it: an error of a few tens of cycles is less than the
// cost of fences. Readers turn ticks into time by two pairs of readings (symfast_shm.h).
#ifndef SF_TICKS_H
#define SF_TICKS_H

#include "attr.h"

/* Some 10 ms or less of it, on any CPU: for those who need not ask the clock yet. */
#if defined(__x86_64__)
#define SF_TICKS_FEW (1u << 23)
#else
#define SF_TICKS_FEW (1u << 18)
#endif

/*
 * 1: the host has forbidden itself the counter (PR_SET_TSC, strict seccomp): reading it would be SIGSEGV.
 * Noticed by entry/confine.c; all durations are 0 from then on. Hidden: the Go leaf reads it, too.
 */
extern uint8_t sf_ticks_forbidden __attribute__((visibility("hidden")));

SF_INLINE uint64_t
sf_ticks(void)
{
	if (sf_unlikely(sf_ticks_forbidden))
		return 0;
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
#endif
}

/* Since `from`; 0 if the counter of another CPU stands a little behind. */
SF_INLINE uint64_t
sf_ticks_since(uint64_t from)
{
	uint64_t now = sf_ticks();

	return now > from ? now - from : 0;
}

#endif
