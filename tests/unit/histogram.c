// SPDX-License-Identifier: BSD-2-Clause
// histogram.c: buckets, quantiles, what is recorded, what counts as waiting.
#include "unit.h"

#include "observe/histogram.h"
#include "observe/segment.h"
#include <string.h>

const char unit_name[] = "histogram";

START_TEST(every_bucket_begins_where_the_last_one_ended)
{
	ck_assert_uint_eq(sf_histogram_start(0), 0);
	for (unsigned int b = 1; b < SYMFAST_SHM_BUCKETS; b++) {
		uint64_t start = sf_histogram_start(b);

		ck_assert_msg(sf_histogram_bucket(start) == b, "bucket %u", b);
		ck_assert_msg(sf_histogram_bucket(start - 1) == b - 1, "before bucket %u", b);
	}
	ck_assert_uint_eq(sf_histogram_bucket((1ull << 34) - 1), SYMFAST_SHM_BUCKETS - 1);
}
END_TEST

START_TEST(buckets_of_some_durations)
{
	static const struct {
		uint64_t ticks;
		unsigned int bucket;
	} rows[] = {{0, 0},      {15, 15},          {16, 16},          {17, 17},    {31, 31},
		    {32, 32},    {33, 32},          {34, 33},          {63, 47},    {64, 48},
		    {1000, 111}, {1ull << 33, 480}, {1ull << 34, 495}, {~0ull, 495}};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_msg(sf_histogram_bucket(rows[i].ticks) == rows[i].bucket,
			      "%llu in %u, not %u", (unsigned long long)rows[i].ticks,
			      sf_histogram_bucket(rows[i].ticks), rows[i].bucket);
}
END_TEST

/* A bucket is no wider than a sixteenth of where it begins. */
START_TEST(no_bucket_is_too_wide)
{
	for (unsigned int b = 16; b + 1 < SYMFAST_SHM_BUCKETS; b++)
		ck_assert_uint_le(sf_histogram_start(b + 1) - sf_histogram_start(b),
				  sf_histogram_start(b) / 16);
}
END_TEST

START_TEST(what_is_recorded)
{
	const struct symfast_shm_histogram *h;

	/* No area yet: nothing happens. */
	ck_assert(!sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_LIBC, 100));
	sf_segment_init(false, "");
	h = sf_histogram_row(SF_TIMED_DLVSYM, SF_ARM_MAP);
	ck_assert(sf_histogram_add(SF_TIMED_DLVSYM, SF_ARM_MAP, 100));
	sf_histogram_add(SF_TIMED_DLVSYM, SF_ARM_MAP, 104);
	sf_histogram_add(SF_TIMED_DLVSYM, SF_ARM_MAP, 40);
	ck_assert_uint_eq(h->count, 3);
	ck_assert_uint_eq(h->ticks, 244);
	ck_assert_uint_eq(h->longest, 104);
	ck_assert_uint_eq(h->waited, 0);
	ck_assert_uint_eq(h->bucket[sf_histogram_bucket(100)], 1);
	ck_assert_uint_eq(h->bucket[sf_histogram_bucket(104)], 1);
	ck_assert_uint_eq(sf_histogram_row(SF_TIMED_DLVSYM, SF_ARM_LIBC)->count, 0);
	ck_assert_uint_eq(sf_histogram_row(SF_TIMED_DLSYM, SF_ARM_MAP)->count, 0);
}
END_TEST

START_TEST(what_is_unusual_is_waiting)
{
	const struct symfast_shm_histogram *h;

	sf_segment_init(false, "");
	h = sf_histogram_row(SF_TIMED_DLSYM, SF_ARM_LIBC);
	for (int i = 0; i < 100; i++)
		sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_LIBC, 1000);
	ck_assert_uint_eq(h->waited, 0);
	sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_LIBC, 7000);
	ck_assert_uint_eq(h->waited, 0);
	sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_LIBC, 1000000);
	ck_assert_uint_gt(h->waited, 990000);
	ck_assert_uint_lt(h->waited, 1000000);
}
END_TEST

START_TEST(names)
{
	static const char *const want[] = {
		"dlsym",           "default",     "next",     "dlvsym", "dlopen",
		"dlclose",         "plugin.Open", "realpath", "dladdr", "backtrace_symbols",
		"dl_iterate_phdr", "load",        "unload"};

	ck_assert_uint_eq(COUNT_OF(want), SF_TIMED_COUNT);
	for (size_t i = 0; i < COUNT_OF(want); i++)
		ck_assert_str_eq(sf_histogram_name((enum sf_timed)i), want[i]);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, every_bucket_begins_where_the_last_one_ended);
	tcase_add_test(tests, buckets_of_some_durations);
	tcase_add_test(tests, no_bucket_is_too_wide);
	tcase_add_test(tests, what_is_recorded);
	tcase_add_test(tests, what_is_unusual_is_waiting);
	tcase_add_test(tests, names);
}
