// SPDX-License-Identifier: BSD-2-Clause
// bytes.c: the keyed hash, and the memory functions that the compiler itself may call.
//
// The hash is XXH3 (xxHash 0.8, Yann Collet; header only, inlined here): quick on names of 16 to
// 240 bytes and seeded per process. The functions below are hidden: calls that the compiler or ck
// emit stay inside this object, where no interposer (an early sanitizer runtime) can catch them.
#include "bytes.h"

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

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
