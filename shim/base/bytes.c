// SPDX-License-Identifier: BSD-2-Clause
// bytes.c: the keyed hash, and the memory functions that the compiler itself may call.
//
// The hash is XXH3 (xxHash 0.8, Yann Collet; header only, inlined here): quick on names of 16 to
// 240 bytes and seeded per process. The functions below are hidden: calls that the compiler or ck
// emit stay inside this object, where no interposer (an early sanitizer runtime) can catch them.
#include "hash.h"

uint8_t sf_bytes_careful;

#ifdef SF_BYTES_WIDE
#define ONES_8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
const uint8_t sf_bytes_edge[2 * SF_SHORT_MAX] = {ONES_8, ONES_8, ONES_8, ONES_8};

/*
 * The host's string starts m bytes into its first aligned block, so the stored copy is read from
 * m bytes before its start and the low m bits of the first mask are shifted out. Every block but
 * the last must be equal and free of NUL: a torn `stored` or `n` could otherwise lead past the
 * host's terminator into an unmapped page.
 *
 * A mask has 16 bits and its complement 16 more ones above them. Shifting left by -k (mod 32)
 * leaves bits 0 to k-1 only, so neither these nor bytes behind the NUL count; k = 0 shifts by
 * nothing and never compares equal.
 */
static bool
bytes_equal_two(const char *host, const char *stored, size_t n)
{
	const size_t m = (uintptr_t)host & 15;
	const unsigned int left = (unsigned int)(n + m);
	const char *a = host - m, *b = stored - m;
	sf_wide h = sf_wide_load_aligned(a), s = sf_wide_load(b);

	if (left <= 16)
		return (~sf_wide_same(h, s) >> m) << ((m - left) & 31) == 0;
	if (left > 32)
		return false;
	if (sf_wide_ends(h, s) >> m != 0)
		return false;
	h = sf_wide_load_aligned(a + 16);
	return ~sf_wide_same(h, sf_wide_load(b + 16)) << ((16 - left) & 31) == 0;
}

static bool
bytes_equal_each(const char *host, const char *stored, size_t n)
{
	size_t i = 0;

	/* A torn copy must not lead past the host's NUL. */
	while (i + 1 < n && host[i] == stored[i] && host[i] != '\0')
		i++;
	return i + 1 == n && host[i] == stored[i];
}

bool
sf_bytes_equal_blocks(const char *host, const char *stored, size_t n)
{
	size_t m = (uintptr_t)host & 15;
	unsigned int skip = (unsigned int)m;

	if (sf_unlikely(sf_bytes_careful))
		return bytes_equal_each(host, stored, n);
	/* Whole blocks, then the last two at most. */
	for (; n + m > 32; n -= 16 - m, host += 16 - m, stored += 16 - m, m = 0, skip = 0)
		if (sf_wide_ends(sf_wide_load_aligned(host - m), sf_wide_load(stored - m)) >>
			    skip !=
		    0)
			return false;
	return bytes_equal_two(host, stored, n);
}
#endif

size_t
sf_bytes_length_slow(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

bool
sf_bytes_load_short_slow(const char *s, struct sf_short *out)
{
	char *to = (char *)out->word;
	uint32_t n = 0;

	for (size_t i = 0; i < SF_SHORT_MAX / 8; i++)
		out->word[i] = 0;
	while (s[n] != '\0') {
		to[n] = s[n];
		if (++n == SF_SHORT_MAX)
			return false;
	}
	out->size = n + 1;
	return true;
}

uint64_t
sf_bytes_hash(const char *s, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(s, n, seed);
}

#ifdef SF_OWN_MEM
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *t = to;
	const char *f = from;

	for (; n >= 8; n -= 8, t += 8, f += 8)
		*(uint64_t *)(void *)t = *(const uint64_t *)(const void *)f;
	while (n-- > 0)
		*t++ = *f++;
	return to;
}

void *
memmove(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (t <= f)
		return memcpy(to, from, n);
	while (n-- > 0)
		t[n] = f[n];
	return to;
}

void *
memset(void *to, int c, size_t n)
{
	for (char *t = to; n-- > 0;)
		*t++ = (char)c;
	return to;
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	for (; n-- > 0; p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}
#endif
