// SPDX-License-Identifier: BSD-2-Clause
// bytes_sse2.h: 16 bytes at a time (SSE2 is part of x86-64); included by bytes.h only.
#ifndef SF_BYTES_SSE2_H
#define SF_BYTES_SSE2_H

#include <emmintrin.h>

/* For strings that may end with their page, and short ones. */
bool sf_bytes_equal_blocks(const char *host, const char *stored, size_t n);

/* A bit for each of 16 bytes: are they equal? Those at `any` stand anywhere. */
SF_INLINE unsigned int
sf_bytes_same_16(const char *any, const __m128i *aligned)
{
	const __m128i *from = (const __m128i *)(const void *)any;

	return (unsigned int)_mm_movemask_epi8(
		_mm_cmpeq_epi8(_mm_loadu_si128(from), _mm_load_si128(aligned)));
}

/* The same of 32. */
SF_INLINE unsigned int
sf_bytes_same_32(const char *any, const __m128i *aligned)
{
	return sf_bytes_same_16(any, aligned) | sf_bytes_same_16(any + 16, aligned + 1) << 16;
}

/* Do these 16 bytes differ? */
SF_INLINE bool
sf_bytes_differ_16(const char *a, const char *b)
{
	const __m128i to = _mm_loadu_si128((const __m128i *)(const void *)b);

	return sf_bytes_same_16(a, &to) != 0xffff;
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
		if (sf_unlikely(sf_bytes_differ_16(host, stored)))
			return false;
	return !sf_bytes_differ_16(last, stored_last);
}

SF_INLINE size_t
sf_bytes_length(const char *s, size_t max)
{
	size_t m = (uintptr_t)s & 15;
	const __m128i *a = (const __m128i *)(s - m);
	const __m128i zero = _mm_setzero_si128();
	unsigned int hit;
	size_t n;

	if (sf_unlikely(sf_bytes_careful))
		return sf_bytes_length_slow(s, max);
	hit = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(a), zero)) >> m;
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
	unsigned int same = sf_bytes_same_32(stored, (const __m128i *)(const void *)s->word);

	/* Up to and with the NUL, which is the last of `size`. */
	return ~same << (32 - s->size) == 0;
}

#endif
