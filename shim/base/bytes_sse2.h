// SPDX-License-Identifier: BSD-2-Clause
// bytes_sse2.h: 16 bytes at a time (SSE2 is part of x86-64); included by bytes.h only.
#ifndef SF_BYTES_SSE2_H
#define SF_BYTES_SSE2_H

#include <emmintrin.h>

/*
 * The host's string starts m bytes into its first aligned block, so the stored copy is read from
 * m bytes before its start and the low m bits of the first mask are shifted out. Every block but
 * the last must be equal and free of NUL: a torn `stored` or `n` could otherwise lead past the
 * host's terminator into an unmapped page. The minimum of a byte and of its all-ones-if-equal mask
 * is zero in both cases at once.
 *
 * A mask has 16 bits and its complement 16 more ones above them. Shifting left by -k (mod 32)
 * leaves bits 0 to k-1 only, so neither these nor bytes behind the NUL count; k = 0 shifts by
 * nothing and never compares equal.
 */
SF_INLINE bool
sf_bytes_equal_two(const char *host, const char *stored, size_t n)
{
	const size_t m = (uintptr_t)host & 15;
	const unsigned int left = (unsigned int)(n + m);
	const __m128i *a = (const __m128i *)(host - m);
	const __m128i *b = (const __m128i *)(const void *)(stored - m);
	__m128i s = _mm_loadu_si128(b);
	__m128i same = _mm_cmpeq_epi8(_mm_load_si128(a), s);

	if (left <= 16)
		return (~(unsigned int)_mm_movemask_epi8(same) >> m) << ((m - left) & 31) == 0;
	if (left > 32)
		return false;
	same = _mm_cmpeq_epi8(_mm_min_epu8(same, s), _mm_setzero_si128());
	if ((unsigned int)_mm_movemask_epi8(same) >> m != 0)
		return false;
	same = _mm_cmpeq_epi8(_mm_load_si128(a + 1), _mm_loadu_si128(b + 1));
	return ~(unsigned int)_mm_movemask_epi8(same) << ((16 - left) & 31) == 0;
}

SF_INLINE bool
sf_bytes_equal(const char *host, const char *stored, size_t n)
{
	size_t m = (uintptr_t)host & 15;
	unsigned int skip = (unsigned int)m;

	/* Whole blocks, then the last two at most. */
	for (; n + m > 32; n -= 16 - m, host += 16 - m, stored += 16 - m, m = 0, skip = 0) {
		__m128i s = _mm_loadu_si128((const __m128i *)(const void *)(stored - m));
		__m128i same = _mm_andnot_si128(
			_mm_cmpeq_epi8(s, _mm_setzero_si128()),
			_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)(host - m)), s));

		if (((unsigned int)_mm_movemask_epi8(same) ^ 0xffffu) >> skip != 0)
			return false;
	}
	return sf_bytes_equal_two(host, stored, n);
}

SF_INLINE size_t
sf_bytes_length(const char *s, size_t max)
{
	size_t m = (uintptr_t)s & 15;
	const __m128i *a = (const __m128i *)(s - m);
	const __m128i zero = _mm_setzero_si128();
	unsigned int hit =
		(unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(a), zero)) >> m;
	size_t n;

	if (hit != 0)
		return (size_t)__builtin_ctz(hit);
	for (n = 16 - m; n < max; n += 16) {
		hit = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(++a), zero));
		if (hit != 0)
			return n + (size_t)__builtin_ctz(hit);
	}
	return max;
}

/* 32 bytes of ones, then as many zeros: read at 32 - n it keeps n bytes. */
extern const uint8_t sf_bytes_edge[2 * SF_SHORT_MAX];

SF_INLINE bool
sf_bytes_load_short(const char *s, struct sf_short *out)
{
	const __m128i zero = _mm_setzero_si128();
	const __m128i *from = (const __m128i *)(const void *)s;
	const __m128i *edge;
	__m128i a, b;
	unsigned int ends;

	if (sf_unlikely(((uintptr_t)s & 4095) > 4096 - SF_SHORT_MAX || sf_bytes_careful))
		return sf_bytes_load_short_slow(s, out);
	a = _mm_loadu_si128(from);
	b = _mm_loadu_si128(from + 1);
	ends = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(a, zero)) |
	       (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(b, zero)) << 16;
	if (ends == 0)
		return false;
	out->size = (uint32_t)__builtin_ctz(ends) + 1;
	edge = (const __m128i *)(const void *)(sf_bytes_edge + SF_SHORT_MAX + 1 - out->size);
	_mm_store_si128((__m128i *)(void *)out->word, _mm_and_si128(a, _mm_loadu_si128(edge)));
	_mm_store_si128((__m128i *)(void *)out->word + 1,
			_mm_and_si128(b, _mm_loadu_si128(edge + 1)));
	return true;
}

SF_INLINE bool
sf_bytes_short_is(const struct sf_short *s, const char *stored)
{
	const __m128i *a = (const __m128i *)(const void *)s->word;
	const __m128i *b = (const __m128i *)(const void *)stored;
	unsigned int same =
		(unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(a[0], _mm_loadu_si128(b))) |
		(unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(a[1], _mm_loadu_si128(b + 1))) << 16;

	/* Up to and with the NUL, which is the last of `size`. */
	return ~same << (32 - s->size) == 0;
}

#endif
