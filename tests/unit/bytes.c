// SPDX-License-Identifier: BSD-2-Clause
// bytes.c: length, equality, copy and hash of names, in both forms, against libc and at page ends.
#include "unit.h"

#include "base/bytes.h"
#include <string.h>

/* The plain C forms beside the ones that bytes.h chose. */
#undef SF_BYTES_GENERIC_H
#define sf_bytes_equal      plain_equal
#define sf_bytes_length     plain_length
#define sf_bytes_load_short plain_load_short
#define sf_bytes_short_is   plain_short_is
#include "base/bytes_generic.h"
#undef sf_bytes_equal
#undef sf_bytes_length
#undef sf_bytes_load_short
#undef sf_bytes_short_is

#define ALIGNS  32
#define LENGTHS 300
#define ROOM    4096 /* around a stored copy, as the map has it */

const char unit_name[] = "bytes";

static char host_room[ROOM], stored_room[ROOM];

static void
fill(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s[i] = (char)('a' + (i * 7 + len) % 26);
	s[len] = '\0';
}

static void
check_equal(const char *host, const char *stored, size_t n)
{
	bool want = n == strlen(host) + 1 && memcmp(host, stored, n) == 0;

	ck_assert_msg(sf_bytes_equal(host, stored, n) == want, "equal(%s, n %zu)", host, n);
	ck_assert_msg(plain_equal(host, stored, n) == want, "plain(%s, n %zu)", host, n);
}

START_TEST(equal_at_every_alignment)
{
	for (size_t a = 0; a < ALIGNS; a++) {
		for (size_t len = 0; len < LENGTHS; len++) {
			char *host = host_room + 64 + a,
			     *stored = stored_room + 64 + (a * 7 + len) % 32;

			fill(host, len);
			memcpy(stored, host, len + 1);
			check_equal(host, stored, len + 1);
			for (size_t at = 0; at<len; at += len> 40 ? 13 : 1) {
				stored[at] ^= 1;
				check_equal(host, stored, len + 1);
				stored[at] ^= 1;
			}
			if (len > 0) {
				/* A name that is the beginning of the other. */
				stored[len - 1] = '\0';
				check_equal(host, stored, len);
				stored[len - 1] = host[len - 1];
				host[len - 1] = '\0';
				check_equal(host, stored, len + 1);
			}
		}
	}
}
END_TEST

START_TEST(equal_at_a_page_end)
{
	char *edge = unit_edge(2);

	for (size_t len = 0; len < LENGTHS; len++) {
		char *host = edge - len - 1, *stored = stored_room + 64;

		fill(host, len);
		memcpy(stored, host, len + 1);
		check_equal(host, stored, len + 1);
		/* What is kept goes on where the host's page ends. */
		memset(stored + len, 'x', 64);
		check_equal(host, stored, len + 64);
	}
}
END_TEST

/* A copy that is being rewritten: any length, any bytes. The answer is free, the reads are not. */
START_TEST(torn_copy_reads_nothing_past_the_host)
{
	static char copy[65536 + 4096];
	char *edge = unit_edge(1);

	for (unsigned int round = 0; round < 20000; round++) {
		size_t len = unit_random() % 80, n = unit_random() % 65536;
		char *host = edge - len - 1;

		fill(host, len);
		memcpy(copy + 64, host, len + 1);
		if (round % 2)
			copy[64 + unit_random() % (len + 1)] = (char)unit_random();
		if (sf_bytes_equal(host, copy + 64, n) && n > 0)
			ck_assert_int_eq(memcmp(host, copy + 64, n < len + 1 ? n : len + 1), 0);
		plain_equal(host, copy + 64, n);
	}
}
END_TEST

static void
check_short(const char *name, size_t len)
{
	struct sf_short s, slow;
	char want[SF_SHORT_MAX] = {0};
	char kept[2 * SF_SHORT_MAX];

	ck_assert_int_eq(sf_bytes_load_short(name, &s), len < SF_SHORT_MAX);
	ck_assert_int_eq(sf_bytes_load_short_slow(name, &slow), len < SF_SHORT_MAX);
	ck_assert_int_eq(plain_load_short(name, &slow), len < SF_SHORT_MAX);
	if (len >= SF_SHORT_MAX)
		return;
	memcpy(want, name, len);
	ck_assert_uint_eq(s.size, len + 1);
	ck_assert_uint_eq(slow.size, len + 1);
	ck_assert_int_eq(memcmp(s.word, want, sizeof(want)), 0);
	ck_assert_int_eq(memcmp(slow.word, want, sizeof(want)), 0);
	memset(kept, '#', sizeof(kept));
	memcpy(kept + 1, name, len + 1);
	for (size_t i = 0; i <= len + 1; i++) {
		bool same = i == len + 1; /* the byte behind the NUL does not count */

		kept[1 + i] ^= 1;
		ck_assert_msg(sf_bytes_short_is(&s, kept + 1) == same, "%zu of %zu", i, len);
		ck_assert_int_eq(plain_short_is(&s, kept + 1), same);
		kept[1 + i] ^= 1;
	}
	ck_assert(sf_bytes_short_is(&s, kept + 1) && plain_short_is(&s, kept + 1));
}

START_TEST(short_names_are_padded)
{
	char *edge = unit_edge(2);

	for (size_t len = 0; len < 70; len++) {
		for (size_t a = 0; a < ALIGNS; a++) {
			char *s = host_room + 64 + a;

			memset(host_room, 'x', sizeof(host_room));
			fill(s, len);
			check_short(s, len);
		}
		fill(edge - len - 1, len);
		check_short(edge - len - 1, len);
		sf_bytes_careful = 1;
		check_short(edge - len - 1, len);
		sf_bytes_careful = 0;
	}
}
END_TEST

START_TEST(length_is_strlen)
{
	char *edge = unit_edge(2);

	for (size_t a = 0; a < ALIGNS; a++) {
		for (size_t len = 0; len < LENGTHS; len++) {
			char *s = host_room + 64 + a;

			fill(s, len);
			ck_assert_uint_eq(sf_bytes_length(s, 4096), len);
			ck_assert_uint_eq(plain_length(s, 4096), len);
			fill(edge - len - 1, len);
			ck_assert_uint_eq(sf_bytes_length(edge - len - 1, 4096), len);
			ck_assert_uint_eq(plain_length(edge - len - 1, 4096), len);
		}
	}
}
END_TEST

/* Callers refuse whatever is not below their limit, so nothing more is promised at or above it. */
START_TEST(length_stops_at_the_limit)
{
	for (size_t a = 0; a < ALIGNS; a++) {
		for (size_t max = 0; max < 100; max++) {
			for (size_t len = 0; len < 120; len++) {
				char *s = host_room + 64 + a;

				fill(s, len);
				if (len < max)
					ck_assert_uint_eq(sf_bytes_length(s, max), len);
				else
					ck_assert(sf_bytes_length(s, max) >= max);
				ck_assert_uint_eq(plain_length(s, max), len < max ? len : max);
			}
		}
	}
}
END_TEST

START_TEST(put_copies_and_touches_nothing_else)
{
	for (size_t a = 0; a < ALIGNS; a++) {
		for (size_t n = 0; n < LENGTHS; n++) {
			const char *from = host_room + 64 + a;
			char *to = stored_room + 64 + (a * 5 + n) % 32;

			for (size_t i = 0; i < n; i++)
				host_room[64 + a + i] = (char)(i * 31 + n);
			memset(stored_room, '#', sizeof(stored_room));
			ck_assert_ptr_eq(sf_bytes_put(to, from, n), to + n);
			ck_assert_int_eq(memcmp(to, from, n), 0);
			ck_assert_int_eq(to[-1], '#');
			ck_assert_int_eq(to[n], '#');
		}
	}
}
END_TEST

START_TEST(put_at_page_ends)
{
	char *from = unit_edge(1), *to = unit_edge(1);

	for (size_t n = 0; n < LENGTHS; n++) {
		memset(from - LENGTHS, (int)(n + 1), LENGTHS);
		sf_bytes_put(to - n, from - n, n);
		ck_assert_int_eq(memcmp(to - n, from - n, n), 0);
		sf_bytes_store(to - n, from - n, n);
	}
}
END_TEST

START_TEST(hash_is_xxh3)
{
	/* From the published test vectors of xxHash: XXH3_64bits of nothing, seed 0. */
	ck_assert_uint_eq(sf_bytes_hash("", 0, 0), 0x2d06800538d394c2ull);
}
END_TEST

START_TEST(hash_depends_on_bytes_length_and_seed_only)
{
	char *edge = unit_edge(1);

	for (size_t n = 1; n < LENGTHS; n++) {
		char *s = edge - n;
		uint64_t h;

		fill(s - 1, n);
		memmove(s, s - 1, n);
		h = sf_bytes_hash(s, n, 42);
		for (size_t a = 0; a < ALIGNS; a++) {
			memcpy(host_room + 64 + a, s, n);
			ck_assert_uint_eq(sf_bytes_hash(host_room + 64 + a, n, 42), h);
		}
		ck_assert_uint_ne(sf_bytes_hash(s, n, 43), h);
		ck_assert_uint_ne(sf_bytes_hash(s, n - 1, 42), h);
		for (size_t at = 0; at < n; at += 1 + n / 16) {
			s[at] ^= 4;
			ck_assert_uint_ne(sf_bytes_hash(s, n, 42), h);
			s[at] ^= 4;
		}
	}
}
END_TEST

START_TEST(same_and_has)
{
	static const char *const words[] = {"", "a", "ab", "b", "abc", "abd", "/lib/a$b"};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		for (size_t j = 0; j < COUNT_OF(words); j++)
			ck_assert_int_eq(sf_bytes_same(words[i], words[j]), i == j);
		for (int c = 1; c < 128; c++)
			ck_assert_int_eq(sf_bytes_has(words[i], (char)c),
					 strchr(words[i], c) != NULL);
	}
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, equal_at_every_alignment);
	tcase_add_test(tests, equal_at_a_page_end);
	tcase_add_test(tests, torn_copy_reads_nothing_past_the_host);
	tcase_add_test(tests, short_names_are_padded);
	tcase_add_test(tests, length_is_strlen);
	tcase_add_test(tests, length_stops_at_the_limit);
	tcase_add_test(tests, put_copies_and_touches_nothing_else);
	tcase_add_test(tests, put_at_page_ends);
	tcase_add_test(tests, hash_is_xxh3);
	tcase_add_test(tests, hash_depends_on_bytes_length_and_seed_only);
	tcase_add_test(tests, same_and_has);
}
