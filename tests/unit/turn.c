// SPDX-License-Identifier: BSD-2-Clause
// turn.c: one owner at a time, nobody left asleep, signal handlers and forks.
#include "unit.h"

#include "base/sys.h"
#include "base/turn.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

const char unit_name[] = "turn";

#define THREADS 4
#define ROUNDS  20000

static struct sf_turn turn;
static unsigned long kept; /* under the turn */
static atomic_int stop;

static void *
count(void *unused)
{
	uint32_t me = sf_sys_thread_id();

	for (int i = 0; i < ROUNDS; i++) {
		ck_assert(sf_turn_take(&turn, me));
		kept++;
		if (i % 64 == 0)
			usleep(1); /* the others fall asleep */
		ck_assert_uint_eq(sf_turn_owner(&turn), me);
		sf_turn_give(&turn, me);
	}
	return unused;
}

START_TEST(one_at_a_time)
{
	pthread_t threads[THREADS];

	kept = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(kept, (unsigned long)THREADS * ROUNDS);
	ck_assert_uint_eq(turn.word, 0);
}
END_TEST

START_TEST(the_owner_goes_on)
{
	uint32_t me = sf_sys_thread_id();

	ck_assert(sf_turn_take(&turn, me));
	ck_assert(!sf_turn_take(&turn, me));
	turn.word |= SF_TURN_WAITED;
	ck_assert(!sf_turn_take(&turn, me));
	ck_assert_uint_eq(sf_turn_owner(&turn), me);
	sf_turn_give(&turn, me);
	ck_assert_uint_eq(turn.word, 0);
}
END_TEST

static void
on_signal(int number)
{
	uint32_t me = sf_sys_thread_id();
	bool took = sf_turn_take(&turn, me);

	(void)number;
	kept++;
	if (took)
		sf_turn_give(&turn, me);
}

static void *
take_and_give(void *unused)
{
	uint32_t me = sf_sys_thread_id();

	while (!atomic_load(&stop)) {
		bool took = sf_turn_take(&turn, me);

		ck_assert_uint_eq(sf_turn_owner(&turn), me);
		if (took)
			sf_turn_give(&turn, me);
	}
	return unused;
}

/* The handler may come between any two instructions of take and give. */
START_TEST(in_handlers)
{
	pthread_t threads[2];

	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, take_and_give, NULL);
	for (int i = 0; i < 4000; i++) {
		pthread_kill(threads[i % 2], SIGUSR1);
		usleep(20);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(turn.word, 0);
}
END_TEST

START_TEST(after_fork)
{
	static const struct {
		uint32_t word, old, me, then;
	} rows[] = {
		{0, 5, 6, 0}, {5, 5, 6, 6}, {5 | SF_TURN_WAITED, 5, 6, 6}, /* who waited is gone */
		{7, 5, 6, 0}, {0, 0, 6, 0}, /* never asked for its id */
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sf_turn t = {rows[i].word};

		sf_turn_forked(&t, rows[i].old, rows[i].me);
		ck_assert_uint_eq(t.word, rows[i].then);
	}
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, one_at_a_time);
	tcase_add_test(tests, the_owner_goes_on);
	tcase_add_test(tests, in_handlers);
	tcase_add_test(tests, after_fork);
}
