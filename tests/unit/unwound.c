// SPDX-License-Identifier: BSD-2-Clause
// unwound.c: a signal handler leaves a section for good, by longjmp, after each of its instructions: the
// same thread's next call from there, and everybody's after its end, finds the lock free and all in order.
#include "between.h"

#include "base/lock.h"
#include "libc/next.h"
#include "map/cell.h"
#include "map/object.h"
#include "map/thread.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char unit_name[] = "unwound";

#ifdef __x86_64__

static sigjmp_buf way_out;
static void (*section)(void);
static struct link_map first, maps[64];
static char names[64][32];
static char name[4096] __attribute__((aligned(4096)));
static struct sf_object *lifetime;
static unsigned int turns;

static volatile bool inside;

static void
leave(void)
{
	if (!inside)
		return;
	inside = false;
	siglongjmp(way_out, 1);
}

static __attribute__((noinline)) void
enter(void)
{
	if (sigsetjmp(way_out, 1) == 0) {
		inside = true;
		section();
	}
	inside = false;
}

static bool
keep(const char *asked, uintptr_t value)
{
	struct sf_question q = {.handle = lifetime->handle, .name = asked, .kind = SF_KIND_SYM};
	struct sf_reply r = {.value = (void *)value,
			     .object = lifetime,
			     .gen = SF_STATE_GEN(lifetime->state),
			     .verdict = SF_VALUE};

	return sf_table_hash(&q) && sf_table_keep(&q, &r) && sf_cell_keep(&q, r.entry);
}

/* In the map and, under the name's address, in a cell. */
static bool
found(const char *asked, uintptr_t value)
{
	struct sf_question q = {.handle = lifetime->handle, .name = asked, .kind = SF_KIND_SYM};
	uint32_t seq;
	const struct sf_cell *c = sf_cell_tagged(sf_cell_set(sf_table.cells, q.handle, asked),
						 sf_cell_tag(asked), &seq);
	struct sf_reply r;
	void *kept;

	return sf_table_hash(&q) && sf_table_find(&q, &r) && (uintptr_t)r.value == value &&
	       c != NULL && sf_cell_value(c, seq, q.handle, asked, &kept) &&
	       (uintptr_t)kept == value;
}

static void
start(void)
{
	static char path[] = "/lib/first.so";

	first.l_name = path;
	for (size_t i = 0; i < COUNT_OF(maps); i++) {
		snprintf(names[i], sizeof(names[i]), "/lib/object-%04zu.so", i);
		maps[i].l_name = names[i];
	}
	ck_assert(sf_next_boot() && sf_layout_init(256));
	sf_object_init(&first, &first);
	sf_thread_init();
	lifetime = sf_object_find(&first);
}

/* ---- answers ---- */

static void
keep_name(void)
{
	keep(name, 16);
}

static void
begin_name(long turn)
{
	(void)turn;
	snprintf(name, sizeof(name), "name_%04u", turns++ % 1000);
}

static void
check_keeps(void)
{
	static char others[8192] __attribute__((aligned(4096)));
	char *other_name = others + turns % 64 * 64;

	snprintf(other_name, 64, "other_%04u", turns % 1000);
	ck_assert(keep(other_name, turns + 32) && found(other_name, turns + 32));
	ck_assert(keep(name, 48) && found(name, 48));
}

START_TEST(while_an_answer_is_kept)
{
	static const struct row r = {begin_name, enter, leave, check_keeps, NULL};

	start();
	section = keep_name;
	way_wanders = true;
	for (int i = 0; i < 600; i++) {
		begin_name(i);
		keep_name();
	}
	between_way(&r);
}
END_TEST

/* ---- names of objects ---- */

static void
open_one(void)
{
	sf_object_opened(&maps[1]);
}

static void
begin_closed(long turn)
{
	const struct sf_object *o = sf_object_find(&maps[1]);

	(void)turn;
	while (o != NULL && SF_STATE_OPEN(o->state))
		sf_object_close(&maps[1], false);
	/* The address comes again with another file: it is written. */
	maps[1].l_name = maps[1].l_name == names[1] ? names[3] : names[1];
	if (o == NULL) {
		sf_object_opened(&maps[1]);
		sf_object_close(&maps[1], false);
		maps[1].l_name = names[5];
	}
}

static void
check_named(void)
{
	size_t len;

	sf_object_opened(&maps[1]);
	ck_assert_str_eq(sf_object_file(sf_object_find(&maps[1]), &len), maps[1].l_name);
	sf_object_opened(&maps[2]);
	ck_assert_str_eq(sf_object_file(sf_object_find(&maps[2]), &len), maps[2].l_name);
	while (SF_STATE_OPEN(sf_object_find(&maps[2])->state))
		sf_object_close(&maps[2], false);
}

START_TEST(while_an_object_is_named)
{
	static const struct row r = {begin_closed, enter, leave, check_named, NULL};

	start();
	section = open_one;
	between_way(&r);
}
END_TEST

/* ---- a thread's first call ---- */

static void
attach(void)
{
	sf_thread_attach(&sf_thread);
}

static void
begin_without_block(long turn)
{
	(void)turn;
	sf_thread.block = NULL;
}

static void
check_attaches(void)
{
	ck_assert(sf_thread.block != NULL || sf_thread_attach(&sf_thread));
}

START_TEST(while_a_thread_attaches)
{
	static const struct row r = {begin_without_block, enter, leave, check_attaches, NULL};

	start();
	sf_counters_init();
	section = attach;
	way_wanders = true;
	between_way(&r);
}
END_TEST

/* ---- who may take it, and who not ---- */

SF_LOCK(lock, NULL);

static __attribute__((noinline)) bool
try_here(void)
{
	volatile char room[256];
	bool got;

	room[0] = 0;
	got = sf_lock_try(&lock);
	return got && room[0] == 0;
}

static bool got_by_handler;

static void
try_in_handler(int number)
{
	(void)number;
	got_by_handler = try_here();
}

/* The holder's section is still there: a handler does without, also on a stack that lies above. */
static __attribute__((noinline)) void
hold_and_raise(void)
{
	ck_assert(sf_lock_try(&lock));
	raise(SIGUSR1);
	sf_lock_release(&lock);
}

START_TEST(a_handler_takes_nothing_from_who_comes_back)
{
	char own[65536];
	stack_t stack = {.ss_sp = own, .ss_size = sizeof(own)};
	struct sigaction action = {.sa_handler = try_in_handler};

	sigaction(SIGUSR1, &action, NULL);
	hold_and_raise();
	ck_assert(!got_by_handler);
	sigaltstack(&stack, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &action, NULL);
	hold_and_raise();
	ck_assert(!got_by_handler);
}
END_TEST

static void *
take_and_end(void *arg)
{
	start();
	if (arg != NULL)
		ck_assert(sf_thread_attach(&sf_thread));
	ck_assert(try_here());
	return NULL;
}

static void *
try_elsewhere(void *arg)
{
	return try_here() ? arg : NULL;
}

START_TEST(a_thread_that_ends_holds_nothing)
{
	static char yes;
	pthread_t holder, other_one;
	void *got = NULL;

	pthread_create(&holder, NULL, take_and_end, &yes);
	pthread_join(holder, NULL);
	pthread_create(&other_one, NULL, try_elsewhere, &yes);
	pthread_join(other_one, &got);
	ck_assert_ptr_nonnull(got);
}
END_TEST

START_TEST(another_thread_takes_nothing_from_one_that_is_alive)
{
	static char yes;
	pthread_t other_one;
	void *got = NULL;

	ck_assert(try_here());
	pthread_create(&other_one, NULL, try_elsewhere, &yes);
	pthread_join(other_one, &got);
	ck_assert_ptr_null(got);
	ck_assert(try_here()); /* it is ours, and the frame that took it is gone */
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_set_timeout(tests, 200);
	tcase_add_test(tests, while_an_answer_is_kept);
	tcase_add_test(tests, while_an_object_is_named);
	tcase_add_test(tests, while_a_thread_attaches);
	tcase_add_test(tests, a_handler_takes_nothing_from_who_comes_back);
	tcase_add_test(tests, a_thread_that_ends_holds_nothing);
	tcase_add_test(tests, another_thread_takes_nothing_from_one_that_is_alive);
}
#endif
