// SPDX-License-Identifier: BSD-2-Clause
// fuzz.h: a stream of numbers by seed, and failure with the seed told.
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t fuzz_state, fuzz_seed;

/* SYMFAST_TEST_SEED, or always the same. */
static inline void
fuzz_start(void)
{
	const char *seed = getenv("SYMFAST_TEST_SEED");

	fuzz_seed = seed != NULL ? strtoull(seed, NULL, 10) : 1;
	fuzz_state = fuzz_seed * 0x9e3779b97f4a7c15ull | 1;
}

static inline uint64_t
fuzz_next(void)
{
	fuzz_state ^= fuzz_state << 13;
	fuzz_state ^= fuzz_state >> 7;
	fuzz_state ^= fuzz_state << 17;
	return fuzz_state;
}

static inline uint64_t
fuzz_below(uint64_t n)
{
	return fuzz_next() % n;
}

#define FUZZ_DEMAND(true_, what, round)                                                            \
	do {                                                                                       \
		if (!(true_)) {                                                                    \
			printf("%s: seed %llu, round %lu\n", (what),                               \
			       (unsigned long long)fuzz_seed, (unsigned long)(round));             \
			exit(EXIT_FAILURE);                                                        \
		}                                                                                  \
	} while (0)

#endif
