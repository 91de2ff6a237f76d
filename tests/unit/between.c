// SPDX-License-Identifier: BSD-2-Clause
// between.c: two threads open and close, a handler comes by while a thread changes its table: at every
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

/* ---- handles ---- */

#define HANDLES 6000

static struct link_map maps[HANDLES];
static char names[HANDLES][32];
static struct link_map *one, *two;
static struct link_map first;

static void
start_objects(void)
{
	static char path[] = "/lib/first.so";

	first.l_name = path;
	ck_assert(sf_next_boot());
	sf_object_init(&first, &first);
	for (size_t i = 0; i < HANDLES; i++) {
		snprintf(names[i], sizeof(names[i]), "/lib/object-%zu.so", i);
		maps[i].l_name = names[i];
	}
}

static uint64_t
state_of(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);

	return o != NULL ? sf_load_64(&o->state) : 0;
}

static void
close_all(struct link_map *l)
{
	while (SF_STATE_OPEN(state_of(l)))
		sf_object_close(l, false);
}

static void
open_one(void)
{
	sf_object_opened(one);
}

static void
open_one_completely(void)
{
	sf_object_opened(one);
	sf_object_complete(one);
}

static void
close_one(void)
{
	sf_object_close(one, false);
}

static void
open_two(void)
{
	sf_object_opened(two);
}

/* The same address, with another object each time. */
static void
begin_again(long turn)
{
	one = &maps[0];
	close_all(one);
	one->l_name = names[turn % HANDLES];
}

static void
check_both_noted(void)
{
	const struct sf_object *o = sf_object_find(one);

	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(SF_STATE_REAL(o->state), 2);
	ck_assert_str_eq(o->file, one->l_name);
	ck_assert_uint_eq(o->file_len, strlen(one->l_name));
}

static void
check_complete(void)
{
	check_both_noted();
	ck_assert_uint_eq(sf_object_find(one)->elidable, 1);
}

START_TEST(two_threads_open_one_object)
{
	static const struct row r = {begin_again, open_one, open_one_completely, check_complete,
				     NULL};

	start_objects();
	between(&r);
}
END_TEST

static void
begin_anew(long turn)
{
	one = &maps[2 * turn];
	two = &maps[2 * turn + 1];
}

START_TEST(two_threads_open_one_object_for_the_first_time)
{
	static const struct row r = {begin_anew, open_one, open_one_completely, check_both_noted,
				     NULL};

	start_objects();
	between(&r);
}
END_TEST

static void
check_each_noted(void)
{
	ck_assert_uint_eq(SF_STATE_REAL(state_of(one)), 1);
	ck_assert_uint_eq(SF_STATE_REAL(state_of(two)), 1);
}

START_TEST(two_threads_open_two_objects)
{
	static const struct row r = {begin_anew, open_one, open_two, check_each_noted, NULL};

	start_objects();
	between(&r);
}
END_TEST

/* Of one set, neither of them known: the second finds the place filled that it was about to fill. */
static void
begin_beside(long turn)
{
	static size_t next;

	(void)turn;
	one = &maps[next++];
	two = one;
	for (size_t i = next; i < HANDLES && two == one; i++)
		if (sf_object_set(&maps[i]) == sf_object_set(one) &&
		    sf_object_find(&maps[i]) == NULL)
			two = &maps[i];
	while (sf_object_find(&maps[next]) != NULL || &maps[next] == two)
		next++;
}

START_TEST(two_threads_fill_one_place)
{
	static const struct row r = {begin_beside, open_one, open_two, check_each_noted, NULL};

	start_objects();
	between(&r);
}
END_TEST

static void
begin_open(long turn)
{
	begin_again(turn);
	sf_object_opened(one);
}

static void
check_one_reference(void)
{
	ck_assert_uint_eq(SF_STATE_REAL(state_of(one)), 1);
	ck_assert_str_eq(sf_object_find(one)->file, one->l_name);
}

START_TEST(one_thread_closes_what_another_opens)
{
	static const struct row rows[] = {
		{begin_open, close_one, open_one, check_one_reference, NULL},
		{begin_open, open_one, close_one, check_one_reference, NULL},
	};

	start_objects();
	BETWEEN_ALL(rows);
}
END_TEST

static void
begin_half_complete(long turn)
{
	begin_again(turn);
	open_one_completely();
}

static void
check_not_complete(void)
{
	check_one_reference();
	/* A life that began anew in a call which did not load it may not be elided. */
	if (SF_STATE_GEN(state_of(one)) % 2 == 0)
		ck_assert_uint_eq(sf_object_find(one)->elidable, 0);
}

START_TEST(a_new_life_is_not_complete)
{
	static const struct row r = {begin_half_complete, close_one, open_one, check_one_reference,
				     NULL};

	start_objects();
	between(&r);
	begin_half_complete(1);
	close_one();
	open_one();
	check_not_complete();
	ck_assert_uint_eq(sf_object_find(one)->elidable, 0);
}
END_TEST

/* Nine handles that share a set of eight records: the ninth takes one from its handle. */
static struct link_map *crowd[SF_OBJECT_WAYS + 1];

static void
find_crowd(void)
{
	size_t n = 0;

	for (size_t i = 0; i < HANDLES && n < COUNT_OF(crowd); i++)
		if (sf_object_set(&maps[i]) == sf_object_set(&maps[0]))
			crowd[n++] = &maps[i];
	ck_assert_uint_eq(n, COUNT_OF(crowd));
}

static void
begin_crowded(long turn)
{
	const uint16_t *set = sf_object_set(crowd[0]);

	(void)turn;
	for (size_t i = 0; i < COUNT_OF(crowd); i++)
		close_all(crowd[i]);
	for (size_t i = 0; i < COUNT_OF(crowd); i++) {
		if (sf_object_find(crowd[i]) == NULL)
			sf_object_opened(crowd[i]);
		close_all(crowd[i]);
	}
	for (size_t i = 0; i < COUNT_OF(crowd); i++)
		if (sf_object_find(crowd[i]) == NULL)
			two = crowd[i];
	for (size_t i = 0; i < SF_OBJECT_WAYS; i++) {
		const struct sf_object *o = &sf_object_records[set[i]];

		if (!o->permanent) {
			one = (struct link_map *)o->handle;
			return;
		}
	}
}

static void
check_names(void)
{
	for (size_t i = 0; i < COUNT_OF(crowd); i++) {
		const struct sf_object *o = sf_object_find(crowd[i]);

		if (o != NULL && SF_STATE_OPEN(o->state))
			ck_assert_str_eq(o->file, crowd[i]->l_name);
	}
	ck_assert(SF_STATE_OPEN(state_of(one)) || SF_STATE_OPEN(state_of(two)));
}

START_TEST(a_record_is_taken_from_a_handle_that_is_opened_again)
{
	static const struct row r = {begin_crowded, open_one, open_two, check_names, NULL};

	start_objects();
	find_crowd();
	between(&r);
}
END_TEST

/* ---- a handler in the middle of what a thread does to its own table ---- */

#define EVERY 64

static void
start_thread_tables(void)
{
	ck_assert(sf_next_boot());
	sf_table_init(256);
	sf_thread_init(64);
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
	sf_thread_beat(&sf_thread, EVERY);
	ck_assert(!has_table());
}

static void
make_one_due(void)
{
	sf_thread_beat(&sf_thread, EVERY);
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
		sf_thread_beat(&sf_thread, EVERY);
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
	sf_table_init(256);
	sf_segment_init(false, "");
	sf_counters_init();
	sf_thread_init(64);
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
	tcase_add_test(tests, two_threads_open_one_object);
	tcase_add_test(tests, two_threads_open_one_object_for_the_first_time);
	tcase_add_test(tests, two_threads_open_two_objects);
	tcase_add_test(tests, two_threads_fill_one_place);
	tcase_add_test(tests, one_thread_closes_what_another_opens);
	tcase_add_test(tests, a_new_life_is_not_complete);
	tcase_add_test(tests, a_record_is_taken_from_a_handle_that_is_opened_again);
	tcase_add_test(tests, a_handler_cannot_take_the_table_away);
}
#endif
