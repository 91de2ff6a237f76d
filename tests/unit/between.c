// SPDX-License-Identifier: BSD-2-Clause
// between.c: a handler comes by while a thread changes its table, or the segment's lock is taken: at every
// instruction of it.
#include "between.h"

#include "libc/next.h"
#include "map/cell.h"
#include "map/object.h"
#include "map/thread.h"
#include "observe/segment.h"
#include <stdio.h>
#include <string.h>

const char unit_name[] = "between";

#ifdef __x86_64__

/* ---- a handler in the middle of what a thread does to its own table ---- */

#define EVERY 64

static void
start_thread_tables(void)
{
	ck_assert(sf_next_boot());
	sf_layout_init(256);
	sf_thread_init();
	sf_thread_sampling(EVERY, 0);
	ck_assert(sf_thread_attach(&sf_thread));
}

static bool
has_table(void)
{
	return sf_thread.cells == sf_table.cells;
}

static void
begin_due(long turn)
{
	(void)turn;
	sf_thread_due(&sf_thread);
	ck_assert(has_table());
}

static void
begin_taken(long turn)
{
	begin_due(turn);
	sf_thread_sample_next(&sf_thread, EVERY);
	ck_assert(!has_table());
}

static void
make_one_due(void)
{
	sf_thread_sample_next(&sf_thread, EVERY);
}

static void
take_back(void)
{
	sf_thread_due(&sf_thread);
}

/* A handler's look-ups: what is due is done, and the last of them makes another one due. */
static void
handle_once(void)
{
	if (!has_table())
		sf_thread_due(&sf_thread);
	if (has_table())
		sf_thread_sample_next(&sf_thread, EVERY);
}

static void
handle_twice(void)
{
	handle_once();
	if (!has_table())
		sf_thread_due(&sf_thread);
}

static void
check_comes_back_to_table(void)
{
	sf_thread_due(&sf_thread);
	ck_assert(has_table());
}

START_TEST(a_handler_cannot_take_the_table_away)
{
	static const struct row rows[] = {
		{begin_due, make_one_due, handle_once, check_comes_back_to_table, NULL},
		{begin_due, make_one_due, handle_twice, check_comes_back_to_table, NULL},
		{begin_taken, take_back, handle_once, check_comes_back_to_table, NULL},
		{begin_taken, take_back, handle_twice, check_comes_back_to_table, NULL},
	};

	start_thread_tables();
	BETWEEN_ALL(rows);
}
END_TEST

/* ---- a thread comes while another one has the segment's lock ---- */

static void
start_segment(void)
{
	ck_assert(sf_next_boot());
	sf_layout_init(256);
	sf_segment_init(false, "");
	sf_counters_init();
	sf_thread_init();
}

static char *untouched;

static void
begin_without_block(long turn)
{
	untouched = sf_segment_at(SF_SEGMENT_HISTOGRAMS + (size_t)turn * SF_PAGE);
	sf_thread.block = NULL;
}

static void
touch(void)
{
	sf_segment_touch(untouched);
}

static void
attach(void)
{
	sf_thread_attach(&sf_thread);
}

/* Not now is no answer for ever: at its next call it counts where it is seen. */
static void
check_counts_in_segment(void)
{
	ck_assert(sf_thread.block != NULL || sf_thread_attach(&sf_thread));
	ck_assert_ptr_ne(sf_thread.block->n, sf_thread.block->counters.n);
	ck_assert_ptr_eq(sf_thread.n, sf_thread.block->n);
}

START_TEST(a_thread_comes_while_the_segment_is_busy)
{
	static const struct row r = {begin_without_block, touch, attach, check_counts_in_segment,
				     NULL};

	start_segment();
	between(&r);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, a_thread_comes_while_the_segment_is_busy);
	tcase_add_test(tests, a_handler_cannot_take_the_table_away);
}
#endif
