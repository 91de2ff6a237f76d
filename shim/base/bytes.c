// SPDX-License-Identifier: BSD-2-Clause
// bytes.c: the keyed hash, and the memory functions that the compiler itself may call.
//
// The hash is XXH3 (xxHash 0.8, Yann Collet; header only, inlined here): quick on names of 16 to
// 240 bytes and seeded per process. The functions below are hidden: calls that the compiler or ck
// emit stay inside this object, where no interposer (an early sanitizer runtime) can catch them.
#include "hash.h"

uint8_t sf_bytes_careful;

#ifdef __SSE2__
#define ONES_8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
const uint8_t sf_bytes_edge[2 * SF_SHORT_MAX] = {ONES_8, ONES_8, ONES_8, ONES_8};
#endif

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
