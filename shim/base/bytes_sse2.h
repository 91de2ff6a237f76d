// SPDX-License-Identifier: BSD-2-Clause
// bytes_sse2.h: 16 bytes as one value, by SSE2, which is part of x86-64; included by bytes_wide.h only.
#ifndef SF_BYTES_SSE2_H
#define SF_BYTES_SSE2_H

#include <emmintrin.h>

typedef __m128i sf_wide;

SF_INLINE sf_wide
sf_wide_zero(void)
{
	return _mm_setzero_si128();
}

SF_INLINE sf_wide
sf_wide_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* `p` is a multiple of 16. */
SF_INLINE sf_wide
sf_wide_load_aligned(const void *p)
{
	return _mm_load_si128((const __m128i *)p);
}

SF_INLINE void
sf_wide_store_aligned(void *p, sf_wide v)
{
	_mm_store_si128((__m128i *)p, v);
}

SF_INLINE sf_wide
sf_wide_and(sf_wide a, sf_wide b)
{
	return _mm_and_si128(a, b);
}

/* A bit for each of 16 bytes, the lowest for the first: are they equal? */
SF_INLINE unsigned int
sf_wide_same(sf_wide a, sf_wide b)
{
	return (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

/* The same of 32. */
SF_INLINE unsigned int
sf_wide_same_32(sf_wide a, sf_wide b, sf_wide a_more, sf_wide b_more)
{
	return sf_wide_same(a, b) | sf_wide_same(a_more, b_more) << 16;
}

/* A bit where the bytes differ, or are zero: the minimum of a byte and of its all-ones-if-equal mask is zero in both. */
SF_INLINE unsigned int
sf_wide_ends(sf_wide a, sf_wide b)
{
	return sf_wide_same(_mm_min_epu8(_mm_cmpeq_epi8(a, b), b), _mm_setzero_si128());
}

SF_INLINE bool
sf_wide_differ(sf_wide a, sf_wide b)
{
	return sf_wide_same(a, b) != 0xffff;
}

#endif
