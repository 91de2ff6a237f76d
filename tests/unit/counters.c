// SPDX-License-Identifier: BSD-2-Clause
// counters.c: blocks, sums, names, printing.
#include "unit.h"

#include "map/thread.h"
#include "observe/counters.h"
#include "observe/segment.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

const char unit_name[] = "counters";

START_TEST(names_are_unique_and_match_the_table)
{
	static const char *const want[] = {
#define X(id, name, text) name,
		SF_COUNTERS(X)
#undef X
	};

	for (size_t i = 0; i < SF_COUNTER_COUNT; i++) {
		ck_assert_str_eq(sf_counters_name((enum sf_counter)i), want[i]);
		for (size_t j = 0; j < i; j++)
			ck_assert(strcmp(want[i], want[j]) != 0);
	}
}
END_TEST

/* entry/dlsym.c adds a place (hit, shared, negative, learn, pass) to the first of the five. */
START_TEST(the_five_outcomes_stand_side_by_side)
{
	static const enum sf_counter first[] = {SF_DLSYM_HIT, SF_DEFAULT_HIT, SF_NEXT_HIT,
						SF_DLVSYM_HIT};
	static const char *const outcome[] = {"hit", "shared", "negative", "learn", "pass"};

	for (size_t i = 0; i < COUNT_OF(first); i++)
		for (size_t k = 0; k < COUNT_OF(outcome); k++)
			ck_assert_str_eq(strchr(sf_counters_name(first[i] + k), '.') + 1,
					 outcome[k]);
}
END_TEST

START_TEST(sums_over_blocks_and_the_shared_one)
{
	static struct sf_counters own[5];

	sf_counters_add_shared(SF_DLSYM_HIT);
	sf_segment_init(false, "");
	sf_counters_init();
	for (size_t i = 0; i < COUNT_OF(own); i++) {
		uint64_t *n = sf_counters_take(&own[i]);

		ck_assert_ptr_ne(n, own[i].n);
		n[SF_DLSYM_HIT] = i + 1;
		n[SF_COUNTER_COUNT - 1] = 100;
	}
	sf_counters_add_shared(SF_DLSYM_HIT);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), 17);
	ck_assert_uint_eq(sf_counters_sum(SF_COUNTER_COUNT - 1), 500);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_PASS), 0);
	/* As in the child after fork. */
	sf_segment_forked();
	sf_counters_reset();
	for (size_t i = 0; i < SF_COUNTER_COUNT; i++)
		ck_assert_uint_eq(sf_counters_sum((enum sf_counter)i), 0);
}
END_TEST

START_TEST(without_a_segment_a_thread_counts_in_its_own)
{
	static struct sf_counters own[3];

	for (size_t i = 0; i < COUNT_OF(own); i++) {
		uint64_t *n = sf_counters_take(&own[i]);

		ck_assert_ptr_eq(n, own[i].n);
		n[SF_DLSYM_HIT] = i + 1;
	}
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), 6);
	sf_counters_reset();
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), 0);
}
END_TEST

#define THREADS 8
#define ROUNDS  20000

static void *
count_and_take(void *arg)
{
	uint64_t *n;

	while ((n = sf_counters_take(arg)) == NULL)
		sched_yield(); /* as a thread asks again at its next call */
	for (int i = 0; i < ROUNDS; i++) {
		n[SF_DLSYM_HIT]++;
		sf_counters_add_shared(SF_DLSYM_PASS);
	}
	return NULL;
}

START_TEST(threads_lose_no_count_and_no_block)
{
	static struct sf_counters own[THREADS];
	pthread_t threads[THREADS];

	if (_i) {
		sf_segment_init(false, "");
		sf_counters_init();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count_and_take, &own[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), THREADS * ROUNDS);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_PASS), THREADS * ROUNDS);
}
END_TEST

START_TEST(a_thread_without_a_block_counts_in_the_shared_one)
{
	static struct sf_block block;

	sf_count(SF_MAP_FULL);
	sf_thread.block = &block;
	sf_thread.n = sf_counters_take(&block.counters);
	sf_count(SF_MAP_FULL);
	ck_assert_uint_eq(sf_counters_sum(SF_MAP_FULL), 2);
	ck_assert_uint_eq(sf_thread.n[SF_MAP_FULL], 1);
	sf_thread.block = NULL;
}
END_TEST

static void
print(void *arg)
{
	(void)arg;
	sf_counters_print();
}

START_TEST(only_what_is_not_zero_is_printed)
{
	ck_assert_str_eq(unit_stderr(print, NULL), "");
	sf_counters_add_shared(SF_DLSYM_HIT);
	sf_counters_add_shared(SF_DLSYM_HIT);
	sf_counters_add_shared(SF_BYPASS_NEXT);
	ck_assert_str_eq(unit_stderr(print, NULL),
			 "symfast: dlsym.hit 2\nsymfast: bypass.next 1\n");
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, names_are_unique_and_match_the_table);
	tcase_add_test(tests, the_five_outcomes_stand_side_by_side);
	tcase_add_test(tests, sums_over_blocks_and_the_shared_one);
	tcase_add_test(tests, without_a_segment_a_thread_counts_in_its_own);
	tcase_add_loop_test(tests, threads_lose_no_count_and_no_block, 0, 2);
	tcase_add_test(tests, a_thread_without_a_block_counts_in_the_shared_one);
	tcase_add_test(tests, only_what_is_not_zero_is_printed);
}
