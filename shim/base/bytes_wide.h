// SPDX-License-Identifier: BSD-2-Clause
// bytes_wide.h: 16 bytes at a time, where the CPU is sure to have such values; included by bytes.h only.
#ifndef SF_BYTES_WIDE_H
#define SF_BYTES_WIDE_H

#ifdef __SSE2__
#include "bytes_sse2.h"
#else
#include "bytes_neon.h"
#endif

/* For strings that may end with their page, and short ones. */
bool sf_bytes_equal_blocks(const char *host, const char *stored, size_t n);

/* A bit for each of 32 bytes: are they equal? Those at `any` stand anywhere. */
SF_INLINE unsigned int
sf_bytes_same_32(const char *any, const void *aligned)
{
	return sf_wide_same_32(sf_wide_load(any), sf_wide_load_aligned(aligned),
			       sf_wide_load(any + 16),
			       sf_wide_load_aligned((const char *)aligned + 16));
}

/* All n bytes lie in the page of the first: they may be read whatever they are. */
SF_INLINE bool
sf_bytes_equal(const char *host, const char *stored, size_t n)
{
	const char *last = host + n - 16;
	const char *stored_last = stored + n - 16;

	if (sf_unlikely(n < 16 || ((uintptr_t)host & 4095) + n > 4096 || sf_bytes_careful))
		return sf_bytes_equal_blocks(host, stored, n);
	for (; host < last; host += 16, stored += 16)
		if (sf_unlikely(sf_wide_differ(sf_wide_load(host), sf_wide_load(stored))))
			return false;
	return !sf_wide_differ(sf_wide_load(last), sf_wide_load(stored_last));
}

SF_INLINE size_t
sf_bytes_length(const char *s, size_t max)
{
	size_t m = (uintptr_t)s & 15;
	const char *a = s - m;
	unsigned int hit;
	size_t n;

	if (sf_unlikely(sf_bytes_careful))
		return sf_bytes_length_slow(s, max);
	hit = sf_wide_same(sf_wide_load_aligned(a), sf_wide_zero()) >> m;
	if (hit != 0)
		return (size_t)__builtin_ctz(hit);
	for (n = 16 - m; n < max; n += 16) {
		a += 16;
		hit = sf_wide_same(sf_wide_load_aligned(a), sf_wide_zero());
		if (hit != 0)
			return n + (size_t)__builtin_ctz(hit);
	}
	return max;
}

/* 32 bytes of ones, then as many zeros: read at 32 - n it keeps n bytes. */
extern SF_HIDDEN const uint8_t sf_bytes_edge[2 * SF_SHORT_MAX];

SF_INLINE bool
sf_bytes_load_short(const char *s, struct sf_short *out)
{
	const char *edge;
	sf_wide a, b;
	unsigned int ends;

	if (sf_unlikely(((uintptr_t)s & 4095) > 4096 - SF_SHORT_MAX || sf_bytes_careful))
		return sf_bytes_load_short_slow(s, out);
	a = sf_wide_load(s);
	b = sf_wide_load(s + 16);
	ends = sf_wide_same_32(a, sf_wide_zero(), b, sf_wide_zero());
	if (ends == 0)
		return false;
	out->size = (uint32_t)__builtin_ctz(ends) + 1;
	edge = (const char *)(sf_bytes_edge + SF_SHORT_MAX + 1 - out->size);
	sf_wide_store_aligned(out->word, sf_wide_and(a, sf_wide_load(edge)));
	sf_wide_store_aligned(out->word + 2, sf_wide_and(b, sf_wide_load(edge + 16)));
	return true;
}

SF_INLINE bool
sf_bytes_short_is(const struct sf_short *s, const char *stored)
{
	unsigned int same = sf_bytes_same_32(stored, s->word);

	/* Up to and with the NUL, which is the last of `size`. */
	return ~same << (32 - s->size) == 0;
}

#endif
