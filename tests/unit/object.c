// SPDX-License-Identifier: BSD-2-Clause
// object.c: the lifetime of a handle: states, counts, generations, reuse of records, retirement.
#include "boot.h"
#include "unit.h"

#include "libc/changes.h"
#include "libc/next.h"
#include "map/object.h"
#include "map/thread.h"
#include "observe/counters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char unit_name[] = "object";

#define GEN_LAST 0xfffffff0u

static char path[] = "/lib/libunit.so";
static struct link_map initial[3] = {{.l_name = (char[]){""}}, {.l_name = path}, {.l_name = path}};
static struct link_map later[5000];

static void
start(void)
{
	for (size_t i = 0; i + 1 < COUNT_OF(initial); i++)
		initial[i].l_next = &initial[i + 1];
	initial[2].l_next = &later[0]; /* beyond the tail: not of the initial set */
	for (size_t i = 0; i < COUNT_OF(later); i++)
		later[i].l_name = path;
	ck_assert(unit_boot()); /* init asks libc which addresses an object covers */
	sf_object_init(&initial[0], &initial[2]);
}

static uint32_t
open_lifetime(void *handle)
{
	const struct sf_object *o;
	uint32_t gen, opened = sf_object_opened(handle);

	o = sf_object_find(handle);
	ck_assert_ptr_nonnull(o);
	ck_assert(sf_object_lifetime(o, &gen));
	ck_assert_uint_eq(opened, gen);
	ck_assert(sf_object_is_gen(o, gen));
	sf_object_complete(handle, gen);
	return gen;
}

static uint32_t
gen_of(const struct sf_object *o)
{
	return SF_STATE_GEN(sf_load_64(&o->state));
}

/* Two references, of which one has been to libc and back: from now on such ones are kept. */
static uint32_t
open_again(void *handle)
{
	uint32_t gen = open_lifetime(handle);

	sf_object_opened(handle);
	ck_assert_int_eq(sf_object_close(handle, false), 1);
	sf_object_opened(handle);
	return gen;
}

START_TEST(the_initial_set_is_permanent)
{
	uint32_t gen;

	start();
	for (size_t i = 0; i < COUNT_OF(initial); i++) {
		struct sf_object *o = sf_object_find(&initial[i]);

		ck_assert(sf_object_initial(&initial[i]));
		ck_assert(sf_object_lifetime(o, &gen));
		ck_assert_uint_eq(gen, 1);
		/* Opened and closed more often than not, its generation stays. */
		sf_object_opened(&initial[i]);
		sf_object_opened(&initial[i]);
		for (int k = 0; k < 4; k++)
			ck_assert_int_eq(sf_object_close(&initial[i], false),
					 k < 2 ? 1 : SF_CLOSE_UNKNOWN);
		ck_assert(sf_object_lifetime(o, &gen));
		ck_assert_uint_eq(gen, 1);
		ck_assert_uint_eq(gen_of(o), 1);
	}
	ck_assert(!sf_object_initial(&later[0]));
	ck_assert_ptr_null(sf_object_find(&later[0]));
	ck_assert_ptr_null(sf_object_find(NULL));
	ck_assert(!sf_object_initial(NULL));
}
END_TEST

/* Who took his reference from libc gives it back there, as long as another one keeps the lifetime. */
START_TEST(real_first)
{
	uint32_t gen;

	start();
	gen = open_again(&later[1]);
	ck_assert_int_eq(sf_object_close(&later[1], true), 1);
	ck_assert_uint_eq(gen_of(sf_object_find(&later[1])), gen);
	ck_assert_int_eq(sf_object_close(&later[1], true), 1);
	ck_assert_uint_ne(gen_of(sf_object_find(&later[1])), gen);
	ck_assert_int_eq(sf_object_close(&later[1], true), SF_CLOSE_UNKNOWN);
}
END_TEST

/* R12: closed, and not unloaded. */
START_TEST(a_record_that_waits)
{
	uint32_t gen, again;
	struct sf_object *o;

	start();
	sf_object_ends_late = true;
	gen = open_again(&later[1]);
	o = sf_object_find(&later[1]);
	ck_assert_int_eq(sf_object_close(&later[1], true), 1);
	ck_assert_int_eq(sf_object_close(&later[1], true), 1);
	ck_assert(sf_object_is_gen(o, gen));
	/* Closed to everybody else, its name included. */
	ck_assert(!sf_object_lifetime(o, &again));
	ck_assert(!sf_object_whole_lifetime(o, &later[1], &again));
	ck_assert(!sf_object_elide(o, gen));
	ck_assert(!sf_object_give_back(&later[1]));
	ck_assert_int_eq(sf_object_close(&later[1], false), SF_CLOSE_UNKNOWN);
	/* Opened again it goes on, but no name is known to lead to it. */
	ck_assert_uint_eq(sf_object_opened(&later[1]), gen);
	ck_assert(sf_object_lifetime(o, &again) && again == gen);
	sf_object_opened(&later[1]);
	ck_assert_int_eq(sf_object_close(&later[1], false), 1);
	sf_object_opened(&later[1]);
	ck_assert_int_eq(sf_object_close(&later[1], false), 0);
	ck_assert(!sf_object_elide(o, gen));
	/* An open one does not end so; one that waits does, once. */
	sf_object_end(&later[1]);
	ck_assert(sf_object_is_gen(o, gen));
	ck_assert_int_eq(sf_object_close(&later[1], false), 2);
	sf_object_end(&later[1]);
	ck_assert(sf_object_is_gen(o, gen + 1));
	sf_object_end(&later[1]);
	ck_assert(sf_object_is_gen(o, gen + 1));
	ck_assert_uint_eq(sf_object_opened(&later[1]), gen + 2);
	ck_assert_int_eq(sf_object_close(&later[1], false), 1);
	/* A reference of our own is no opening of that object. */
	ck_assert_ptr_eq(sf_object_adopted(&later[1], &again), o);
	ck_assert_uint_eq(again, gen + 3);
	sf_object_end(&initial[1]);
	ck_assert(sf_object_is_gen(sf_object_find(&initial[1]), 1));
}
END_TEST

START_TEST(one_open_one_close)
{
	struct sf_object *o;
	uint32_t gen, again;

	start();
	gen = open_lifetime(&later[1]);
	o = sf_object_find(&later[1]);
	ck_assert_int_eq(o->file_len, (int)strlen(path));
	ck_assert_int_eq(memcmp(o->file, path, strlen(path)), 0);
	ck_assert_int_eq(sf_object_close(&later[1], false), 1);
	ck_assert(!sf_object_lifetime(o, &again));
	ck_assert_msg(gen_of(o) != gen, "an answer of the closed lifetime would still be valid");
	ck_assert(!sf_object_elide(o, gen));
	ck_assert(!sf_object_elide(o, gen_of(o)));
	ck_assert_int_eq(sf_object_close(&later[1], false), SF_CLOSE_UNKNOWN);
	again = open_lifetime(&later[1]);
	ck_assert(again != gen);
	ck_assert(!sf_object_elide(o, gen));
}
END_TEST

static void
check_counts(const void *handle, uint32_t real, uint32_t held)
{
	const struct sf_object *o = sf_object_find(handle);

	ck_assert_uint_eq(SF_STATE_REAL(o->state), real);
	ck_assert_uint_eq(SF_STATE_HELD(o->state), held);
}

/* As long as nobody has shown that he comes again, libc has exactly what the host has. */
START_TEST(libc_counts_what_the_host_counts)
{
	struct sf_object *o;
	uint32_t gen;

	start();
	gen = open_lifetime(&later[0]);
	o = sf_object_find(&later[0]);
	ck_assert(!sf_object_elide(o, gen));
	for (uint32_t i = 2; i <= 6; i++) {
		sf_object_opened(&later[0]);
		ck_assert(!sf_object_elide(o, gen));
		check_counts(&later[0], i, i);
	}
	for (uint32_t i = 5; i >= 1; i--) {
		ck_assert(!sf_object_give_back(&later[0]));
		ck_assert_int_eq(sf_object_close(&later[0], false), 1);
		check_counts(&later[0], i, i);
	}
	ck_assert_int_eq(sf_object_close(&later[0], false), 1);
	ck_assert_uint_eq(gen_of(o), gen + 1);
}
END_TEST

START_TEST(what_is_wanted_again_is_kept)
{
	struct sf_object *o;
	uint32_t gen;

	start();
	gen = open_again(&later[0]);
	o = sf_object_find(&later[0]);
	check_counts(&later[0], 2, 2);
	for (int i = 0; i < 3; i++) {
		ck_assert(!sf_object_elide(o, gen)); /* libc has no more than the host */
		ck_assert(i == 0 ? sf_object_close(&later[0], false) == 0
				 : sf_object_give_back(&later[0]));
		check_counts(&later[0], 2, 1);
		ck_assert(!sf_object_give_back(&later[0])); /* never the last */
		ck_assert(sf_object_elide(o, gen));
		check_counts(&later[0], 2, 2);
	}
	ck_assert(sf_object_give_back(&later[0]));
	/* The host's last one: what we kept goes with it. */
	ck_assert_int_eq(sf_object_close(&later[0], false), 2);
	ck_assert_uint_eq(gen_of(o), gen + 1);
	ck_assert(!sf_object_elide(o, gen));
	ck_assert(!sf_object_give_back(&later[0]));
	ck_assert(!sf_object_give_back(NULL));
	/* The next lifetime has to show it again. */
	open_lifetime(&later[0]);
	sf_object_opened(&later[0]);
	ck_assert(!sf_object_give_back(&later[0]));
}
END_TEST

START_TEST(who_opens_for_ever_need_not_ask)
{
	struct sf_object *o;
	uint32_t gen, now;

	start();
	gen = open_lifetime(&later[2]);
	o = sf_object_find(&later[2]);
	for (uint32_t i = 1; i < SF_OBJECT_ENOUGH; i++) {
		ck_assert(!sf_object_elide(o, gen));
		sf_object_opened(&later[2]);
	}
	for (uint32_t i = SF_OBJECT_ENOUGH; i < SF_STATE_HELD_MAX; i++)
		ck_assert(sf_object_elide(o, gen));
	ck_assert(!sf_object_elide(o, gen));
	ck_assert_uint_eq(sf_object_opened(&later[2]), 0);
	check_counts(&later[2], SF_OBJECT_ENOUGH, SF_STATE_HELD_MAX);
	ck_assert_uint_eq(SF_STATE_GEN(o->state), gen);
	ck_assert(!(o->state & SF_STATE_ADOPTED));
	ck_assert(sf_object_lifetime(o, &now) && now == gen);
	/* What came without libc goes without libc. */
	for (uint32_t i = SF_OBJECT_ENOUGH; i < SF_STATE_HELD_MAX; i++)
		ck_assert_int_eq(sf_object_close(&later[2], false), 0);
	check_counts(&later[2], SF_OBJECT_ENOUGH, SF_OBJECT_ENOUGH);
	ck_assert_int_eq(sf_object_close(&later[2], false), 1);
}
END_TEST

/* References that were not counted make the lifetime end early, never late. */
START_TEST(after_saturation_the_lifetime_ends_before_libcs)
{
	struct sf_object *o;
	uint32_t gen, now;
	int closes = 0;

	start();
	gen = open_lifetime(&later[2]);
	o = sf_object_find(&later[2]);
	for (uint32_t i = 1; i < SF_STATE_REAL_MAX + 5; i++)
		sf_object_opened(&later[2]);
	while (sf_object_lifetime(o, &now)) {
		ck_assert_int_eq(sf_object_close(&later[2], false), 1);
		closes++;
	}
	ck_assert_int_eq(closes, SF_STATE_REAL_MAX);
	ck_assert_uint_eq(gen_of(o), gen + 1);
}
END_TEST

START_TEST(the_last_generation_is_never_opened_again)
{
	struct sf_object *o;
	uint32_t gen;

	start();
	open_lifetime(&later[3]);
	sf_object_close(&later[3], false);
	o = sf_object_find(&later[3]);
	o->state = (uint64_t)(GEN_LAST - 1) << 32;
	ck_assert_uint_eq(open_lifetime(&later[3]), GEN_LAST);
	sf_object_close(&later[3], false);
	sf_object_opened(&later[3]);
	ck_assert(!sf_object_lifetime(o, &gen));
	ck_assert_uint_eq(gen_of(o), GEN_LAST + 1);
}
END_TEST

START_TEST(adopted_references)
{
	struct sf_object *o;
	uint32_t gen, again;

	start();
	ck_assert(sf_object_adopted(&later[0], &gen));
	ck_assert(!sf_object_adopted(&later[0], &again));
	o = sf_object_find(&later[0]);
	ck_assert(sf_object_lifetime(o, &again) && again == gen);
	ck_assert(!sf_object_elide(o, gen)); /* the host's own count is unknown */
	ck_assert_int_eq(sf_object_close(&later[0], false), 2);
	ck_assert(!sf_object_lifetime(o, &again));
	/* Together with real ones: given back with the last. */
	ck_assert(sf_object_adopted(&later[0], &gen));
	sf_object_opened(&later[0]);
	sf_object_opened(&later[0]);
	ck_assert_int_eq(sf_object_close(&later[0], false), 1);
	ck_assert_int_eq(sf_object_close(&later[0], false), 2);
	ck_assert_int_eq(sf_object_close(&later[0], false), SF_CLOSE_UNKNOWN);
}
END_TEST

START_TEST(records_are_reused_and_generations_only_grow)
{
	start();
	/* More handles than records, one after the other: each finds a place. */
	for (size_t i = 0; i < COUNT_OF(later); i++) {
		struct sf_object *o;
		uint32_t gen = open_lifetime(&later[i]), other;

		o = sf_object_find(&later[i]);
		ck_assert_uint_eq(o->handle, (uintptr_t)&later[i]);
		ck_assert_int_eq(sf_object_close(&later[i], false), 1);
		ck_assert(!sf_object_lifetime(o, &other));
		ck_assert(other > gen);
	}
	for (size_t i = 0; i < COUNT_OF(initial); i++)
		ck_assert(sf_object_initial(&initial[i]));
}
END_TEST

START_TEST(a_set_full_of_open_handles_refuses_more)
{
	struct link_map *in_set[SF_OBJECT_WAYS + 1];
	const uint16_t *set;
	size_t n = 0;

	start();
	set = sf_object_set(&later[0]);
	for (size_t i = 0; i < COUNT_OF(later) && n < COUNT_OF(in_set); i++)
		if (sf_object_set(&later[i]) == set)
			in_set[n++] = &later[i];
	ck_assert_uint_eq(n, COUNT_OF(in_set));
	n = 0;
	for (size_t i = 0; i < COUNT_OF(in_set); i++) {
		sf_object_opened(in_set[i]);
		n += sf_object_find(in_set[i]) != NULL;
	}
	ck_assert(n <= SF_OBJECT_WAYS && n >= SF_OBJECT_WAYS - COUNT_OF(initial));
	ck_assert_ptr_null(sf_object_find(in_set[SF_OBJECT_WAYS]));
	ck_assert_int_eq(sf_object_close(in_set[SF_OBJECT_WAYS], false), SF_CLOSE_UNKNOWN);
	/* One place becomes free, and the new owner is not mistaken for the old. */
	sf_object_close(in_set[0], false);
	open_lifetime(in_set[SF_OBJECT_WAYS]);
	ck_assert_ptr_null(sf_object_find(in_set[0]));
}
END_TEST

START_TEST(a_reused_record_voids_the_answers_of_the_former_handle)
{
	struct link_map *first = NULL;
	struct sf_object *o;
	uint32_t gen;

	start();
	gen = open_lifetime(&later[0]);
	o = sf_object_find(&later[0]);
	sf_object_close(&later[0], false);
	/* The others of its set stay open until none but this record is left. */
	for (size_t i = 1; i < COUNT_OF(later) && first == NULL; i++) {
		if (sf_object_set(&later[i]) != sf_object_set(&later[0]))
			continue;
		sf_object_opened(&later[i]);
		if (sf_object_find(&later[i]) == o)
			first = &later[i];
	}
	ck_assert_ptr_nonnull(first);
	ck_assert(gen_of(o) > gen);
	ck_assert_ptr_null(sf_object_find(&later[0]));
	ck_assert(!sf_object_elide(o, gen));
}
END_TEST

START_TEST(names_too_long_for_an_error_text_are_not_kept)
{
	char name[SF_OBJECT_FILE_MAX + 2];
	size_t known;

	start();
	for (size_t len = SF_OBJECT_FILE_MAX - 3; len < sizeof(name); len++) {
		struct sf_object *o;

		memset(name, 'n', len);
		name[len] = '\0';
		later[7].l_name = name;
		open_lifetime(&later[7]);
		o = sf_object_find(&later[7]);
		if (len >= SF_OBJECT_FILE_MAX) {
			ck_assert_ptr_null(sf_object_file(o, &known));
		} else {
			ck_assert_str_eq(sf_object_file(o, &known), name);
			ck_assert_uint_eq(known, len);
		}
		sf_object_close(&later[7], false);
	}
}
END_TEST

START_TEST(global_scope_lifetimes)
{
	uint32_t before, during, after;

	start();
	ck_assert(sf_object_global_lifetime(&before));
	sf_object_global_begin();
	ck_assert(!sf_object_global_lifetime(&during));
	ck_assert(during != before);
	sf_object_global_begin();
	sf_object_global_end();
	ck_assert(!sf_object_global_lifetime(&during));
	sf_object_global_end();
	ck_assert(sf_object_global_lifetime(&after));
	ck_assert(after != before && after != during);
	ck_assert_uint_eq(sf_counters_sum(SF_SCOPE_CHANGE), 2);
	sf_object_global_begin();
	sf_object_global_settle();
	sf_object_reset_locks();
	ck_assert(sf_object_global_lifetime(&after));
}
END_TEST

static unsigned int replayed, dropped;
static void *last_replayed, *last_dropped;

static bool
replay(void *handle, const char *name)
{
	ck_assert_ptr_ne(name, NULL);
	replayed++;
	last_replayed = handle;
	return true;
}

static void
drop(void *handle)
{
	dropped++;
	last_dropped = handle;
}

START_TEST(retirement_gives_libc_its_counts_back)
{
	uint32_t gen, now;

	start();
	gen = open_lifetime(&later[0]);
	for (uint32_t i = 1; i < SF_OBJECT_ENOUGH; i++)
		sf_object_opened(&later[0]);
	for (int i = 0; i < 3; i++)
		ck_assert(sf_object_elide(sf_object_find(&later[0]), gen));
	ck_assert(sf_object_adopted(&later[1], &now));
	ck_assert(!sf_object_retired());
	sf_object_retire_all(replay, drop);
	ck_assert(sf_object_retired());
	ck_assert_uint_eq(replayed, 3);
	ck_assert_ptr_eq(last_replayed, &later[0]);
	ck_assert_uint_eq(dropped, 1);
	ck_assert_ptr_eq(last_dropped, &later[1]);
	ck_assert(!sf_object_elide(sf_object_find(&later[0]), gen));
	ck_assert(!sf_object_lifetime(sf_object_find(&later[0]), &now));
	ck_assert_uint_ne(gen_of(sf_object_find(&later[0])), gen);
	ck_assert_int_eq(sf_object_close(&later[0], false), SF_CLOSE_UNKNOWN);
	/* For good: nothing is opened any more, the initial set stays. */
	sf_object_opened(&later[0]);
	ck_assert(!sf_object_lifetime(sf_object_find(&later[0]), &now));
	ck_assert(!sf_object_adopted(&later[2], &now));
	ck_assert(sf_object_lifetime(sf_object_find(&initial[0]), &now));
	sf_object_retire_all(replay, drop);
	ck_assert_uint_eq(replayed, 3);
}
END_TEST

/* What was kept for the host's next dlopen is given back. */
START_TEST(retirement_gives_libc_back_what_was_kept)
{
	start();
	open_again(&later[3]);
	ck_assert(sf_object_give_back(&later[3]));
	check_counts(&later[3], 2, 1);
	sf_object_retire_all(replay, drop);
	ck_assert_uint_eq(replayed, 0);
	ck_assert_uint_eq(dropped, 1);
	ck_assert_ptr_eq(last_dropped, &later[3]);
	ck_assert_int_eq(sf_object_close(&later[3], false), SF_CLOSE_UNKNOWN);
}
END_TEST

static void
unload(bool under_way)
{
	struct r_debug *d = (struct r_debug *)(uintptr_t)sf_next.debug;

	d->r_state = under_way ? RT_DELETE : RT_CONSISTENT;
}

/* Nobody told us: ld.so's list does. */
START_TEST(a_lifetime_ends_with_an_unload_that_was_not_seen)
{
	uint32_t gone, stays, now;

	start();
	ck_assert(unit_changes());
	sf_next.main = &initial[0];
	sf_next.tail = &initial[2];
	later[0].l_next = &later[1];
	gone = open_again(&later[0]);
	stays = open_lifetime(&later[1]);
	sf_object_moved(true); /* a load */
	ck_assert(sf_object_is_gen(sf_object_find(&later[0]), gone));
	initial[2].l_next = &later[1];
	unload(true);
	sf_object_moved(false);
	unload(false);
	ck_assert(sf_object_is_gen(sf_object_find(&later[0]), gone)); /* until it is done */
	sf_thread.dropping = &later[0];
	sf_object_moved(true);
	ck_assert(!sf_object_lifetime(sf_object_find(&later[0]), &now));
	ck_assert_ptr_null(sf_thread.dropping);
	ck_assert_uint_eq(now, gone + 1);
	ck_assert(sf_object_is_gen(sf_object_find(&later[1]), stays));
	ck_assert(sf_object_initial(&initial[0]));
	ck_assert_int_eq(sf_object_close(&later[0], false), SF_CLOSE_UNKNOWN);
	ck_assert_int_eq(sf_object_close(&later[1], false), 1);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, a_record_that_waits);
	tcase_add_test(tests, the_initial_set_is_permanent);
	tcase_add_test(tests, real_first);
	tcase_add_test(tests, one_open_one_close);
	tcase_add_test(tests, libc_counts_what_the_host_counts);
	tcase_add_test(tests, what_is_wanted_again_is_kept);
	tcase_add_test(tests, who_opens_for_ever_need_not_ask);
	tcase_add_test(tests, after_saturation_the_lifetime_ends_before_libcs);
	tcase_add_test(tests, the_last_generation_is_never_opened_again);
	tcase_add_test(tests, adopted_references);
	tcase_add_test(tests, records_are_reused_and_generations_only_grow);
	tcase_add_test(tests, a_set_full_of_open_handles_refuses_more);
	tcase_add_test(tests, a_reused_record_voids_the_answers_of_the_former_handle);
	tcase_add_test(tests, names_too_long_for_an_error_text_are_not_kept);
	tcase_add_test(tests, global_scope_lifetimes);
	tcase_add_test(tests, retirement_gives_libc_its_counts_back);
	tcase_add_test(tests, retirement_gives_libc_back_what_was_kept);
	tcase_add_test(tests, a_lifetime_ends_with_an_unload_that_was_not_seen);
}
