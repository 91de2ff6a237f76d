// SPDX-License-Identifier: BSD-2-Clause
// hash.h: the keyed hash of short names, inlined: XXH3 (xxHash 0.8, Yann Collet) of 32 padded bytes; and one of
// a number.
#ifndef SF_HASH_H
#define SF_HASH_H

#include "bytes.h"

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

/* The length is a constant, so that only XXH3's straight code for 17 to 128 bytes remains. */
SF_INLINE uint64_t
sf_hash_short(const struct sf_short *s, uint64_t seed)
{
	return XXH3_64bits_withSeed(s->word, SF_SHORT_MAX, seed);
}

/* A number well mixed: fmix32, the finisher of MurmurHash3 (Austin Appleby, public domain). */
SF_INLINE uint32_t
sf_hash_number(uint32_t n)
{
	n = (n ^ n >> 16) * 0x85ebca6bu;
	n = (n ^ n >> 13) * 0xc2b2ae35u;
	return n ^ n >> 16;
}

#endif
