// SPDX-License-Identifier: BSD-2-Clause
// bytes.h: strings without libc: length, equality, copy, hash of a NUL-terminated name.
//
// The host's names are read 16 or 32 bytes at a time, but never past the page in which they end: where
// that is not known in aligned 16-byte blocks, and byte by byte under valgrind's checkers, which would
// report more. Stored copies are read unaligned; they lie in the shim's own tables, behind a header of at
// least 16 bytes and before at least 16 bytes of padding.
#ifndef SF_BYTES_H
#define SF_BYTES_H

#include "attr.h"

/* A name of up to 31 bytes, padded with zeros: two names are equal if these are. */
#define SF_SHORT_MAX 32
struct sf_short {
	uint64_t word[SF_SHORT_MAX / 8] __attribute__((aligned(16)));
	uint32_t size; /* with NUL */
};

/* Set at start under memcheck, helgrind and drd: what stands behind the NUL is not ours to read. */
extern SF_HIDDEN uint8_t sf_bytes_careful;

/* sf_bytes_length byte by byte. */
size_t sf_bytes_length_slow(const char *s, size_t max);

/* sf_bytes_load_short without reading past the block that holds the NUL. */
bool sf_bytes_load_short_slow(const char *s, struct sf_short *out);

#if (defined(__SSE2__) || (defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)) &&  \
	!defined(__SANITIZE_THREAD__) && !defined(SF_BYTES_GENERIC)
#define SF_BYTES_WIDE 1
#include "bytes_wide.h"
#else
#include "bytes_generic.h"
#endif

/*
 * sf_bytes_equal(host, stored, n): do the n bytes at `stored`, the last of them NUL, stand at
 * `host`? `stored` may be changing under our feet: the answer is then arbitrary (a seqlock outside
 * discards it), but `host` is never read past the page that holds its own NUL.
 *
 * sf_bytes_load_short(s, out): reads a name of up to 31 bytes; false if it is longer. Reads 32 bytes
 * at once unless that could leave the page.
 *
 * sf_bytes_short_is(short, stored): does it stand at `stored`, which may be changing? Reads 32 bytes.
 *
 * sf_bytes_length(s, max): strlen, or `max` if there is no NUL before it.
 */

/* strcmp(a, b) == 0, byte by byte: for cold paths and text of unknown origin. */
SF_INLINE bool
sf_bytes_same(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	return *a == *b;
}

SF_INLINE bool
sf_bytes_has(const char *s, char c)
{
	for (; *s != '\0'; s++)
		if (*s == c)
			return true;
	return false;
}

SF_INLINE bool
sf_bytes_begins(const char *s, const char *word)
{
	while (*word != '\0')
		if (*s++ != *word++)
			return false;
	return true;
}

/* The part of a path after its last '/'. */
SF_INLINE const char *
sf_bytes_base(const char *path)
{
	const char *base = path;

	for (; *path != '\0'; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

/*
 * The n-th of several words that stand one after the other, each with its NUL: unlike an array of
 * pointers such a list needs no relocation at start. For cold paths.
 */
SF_INLINE const char *
sf_bytes_word(const char *list, unsigned int n)
{
	for (; n > 0; n--)
		while (*list++ != '\0')
			continue;
	return list;
}

/*
 * Copies n bytes and returns the end of the copy. The tail of a long copy overlaps what is already
 * there, so that no byte past n is read or written.
 */
SF_INLINE char *
sf_bytes_put(char *to, const char *from, size_t n)
{
	char *end = to + n;

	if (n >= 16) {
		const char *last = from + n - 16;

		for (; n > 16; n -= 16, to += 16, from += 16)
			__builtin_memcpy(to, from, 16);
		__builtin_memcpy(end - 16, last, 16);
	} else if (n >= 8) {
		uint64_t tail;

		__builtin_memcpy(&tail, from + n - 8, 8);
		__builtin_memcpy(to, from, 8);
		__builtin_memcpy(end - 8, &tail, 8);
	} else {
		while (to < end)
			*to++ = *from++;
	}
	return end;
}

/* A text into a field of `room` bytes, cut if need be, with its NUL. For cold paths. */
SF_INLINE void
sf_bytes_cut(char *to, const char *from, size_t room)
{
	for (; room > 1 && *from != '\0'; room--)
		*to++ = *from++;
	*to = '\0';
}

/* Copies into memory that a seqlock reader may be looking at. */
SF_INLINE void
sf_bytes_store(char *to, const char *from, size_t n)
{
#ifdef __SANITIZE_THREAD__
	for (size_t i = 0; i < n; i++)
		__atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
#else
	sf_bytes_put(to, from, n);
#endif
}

/* Keyed 64-bit hash (XXH3) of n bytes. */
uint64_t sf_bytes_hash(const char *s, size_t n, uint64_t seed);

#endif
