// SPDX-License-Identifier: BSD-2-Clause
// log.c: lines on standard error: their text, their limits, one write each.
#include "unit.h"

#include "base/log.h"
#include "base/sys.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char unit_name[] = "log";

static void
write_number(void *arg)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_u64(&l, *(const uint64_t *)arg);
	sf_line_write(&l);
}

START_TEST(numbers_are_printed_as_printf_does)
{
	static const uint64_t rows[] = {0,
					1,
					9,
					10,
					99,
					100,
					1234567890,
					UINT64_MAX,
					UINT64_MAX / 10,
					10000000000000000000ull};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t v = rows[i];
		char want[64];

		snprintf(want, sizeof(want), "symfast: %llu\n", (unsigned long long)v);
		ck_assert_str_eq(unit_stderr(write_number, &v), want);
	}
}
END_TEST

static void
write_quoted(void *arg)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_quote(&l, arg, 8);
	sf_line_str(&l, "!");
	sf_line_write(&l);
}

START_TEST(quotes_are_cut_and_tame)
{
	char text[] = "a\x1b[1m\n\x80\xff"
		      "tail";

	ck_assert_str_eq(unit_stderr(write_quoted, text), "symfast: \"a?[1m???\"!\n");
	ck_assert_str_eq(unit_stderr(write_quoted, (char[]){""}), "symfast: \"\"!\n");
	ck_assert_str_eq(unit_stderr(write_quoted, (char[]){"12345678"}),
			 "symfast: \"12345678\"!\n");
}
END_TEST

static void
write_long(void *arg)
{
	struct sf_line l;
	size_t n = *(const size_t *)arg;

	sf_line_start(&l);
	for (; n > 0; n--)
		sf_line_str(&l, "x");
	sf_line_u64(&l, 7);
	sf_line_write(&l);
}

START_TEST(long_lines_are_cut_with_their_newline)
{
	for (size_t n = SF_LINE_MAX - 16; n < SF_LINE_MAX + 600; n++) {
		const char *text = unit_stderr(write_long, &n);
		size_t whole = sizeof("symfast: ") - 1 + n + 2, len = strlen(text);

		ck_assert_uint_eq(len, whole < SF_LINE_MAX ? whole : SF_LINE_MAX);
		ck_assert_int_eq(text[len - 1], '\n');
		ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
	}
}
END_TEST

START_TEST(a_line_is_one_write)
{
	int pair[2];
	char text[SF_LINE_MAX];
	uint64_t v = 42;

	/* A packet socket keeps the boundaries of writes. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	ck_assert_int_eq(dup2(pair[0], 2), 2);
	write_number(&v);
	ck_assert_int_eq(read(pair[1], text, sizeof(text)), (int)strlen("symfast: 42\n"));
}
END_TEST

START_TEST(a_closed_standard_error_is_survived)
{
	uint64_t v = 42;

	close(2);
	write_number(&v);
}
END_TEST

START_TEST(random_numbers_differ)
{
	ck_assert_uint_ne(sf_sys_random(), sf_sys_random());
}
END_TEST

START_TEST(memory_is_zero_and_can_be_refused)
{
	char *p = sf_sys_map(3 << 20);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < 3 << 20; i += 4096)
		ck_assert_int_eq(p[i], 0);
	p[(3 << 20) - 1] = 1;
	sf_sys_unmap(p, 3 << 20);
	ck_assert_ptr_null(sf_sys_map((size_t)1 << 62));
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, numbers_are_printed_as_printf_does);
	tcase_add_test(tests, quotes_are_cut_and_tame);
	tcase_add_test(tests, long_lines_are_cut_with_their_newline);
	tcase_add_test(tests, a_line_is_one_write);
	tcase_add_test(tests, a_closed_standard_error_is_survived);
	tcase_add_test(tests, random_numbers_differ);
	tcase_add_test(tests, memory_is_zero_and_can_be_refused);
}
