// SPDX-License-Identifier: BSD-2-Clause
// thread.c: what a thread owns: attach, promotion, death, reuse, fork, and when it is in a dlopen.
#include "unit.h"

#include "base/sys.h"
#include "libc/key.h"
#include "map/cell.h"
#include "map/thread.h"
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "thread";

static void
start(void)
{
	ck_assert(sf_layout_init(256));
	sf_thread_init();
}

START_TEST(a_new_thread_has_an_empty_table)
{
	static const char f[SF_CELL_ROOM] __attribute__((aligned(SF_CELL_ROOM))) = "f";
	const struct sf_cell *c;
	uint32_t seq;
	void *value;

	ck_assert_ptr_nonnull(sf_thread.cells);
	ck_assert_uint_eq(sf_cell_mask(sf_thread.cells), 0);
	ck_assert_ptr_null(sf_thread.block);
	/* Before anything was set up, and before the TSD key exists. */
	c = sf_cell_set(sf_thread.cells, 8, f);
	ck_assert(!sf_cell_value(c, 0, 8, f, &value) && !sf_cell_value(c + 1, 0, 8, f, &value));
	ck_assert_ptr_null(sf_cell_tagged(c, sf_cell_tag(f), &seq));
	ck_assert(!sf_thread_attach(&sf_thread));
	ck_assert(sizeof(struct sf_thread) < 1024);
}
END_TEST

START_TEST(attach_gives_a_block_and_the_shared_table)
{
	start();
	ck_assert(sf_thread_attach(&sf_thread));
	ck_assert_ptr_nonnull(sf_thread.block);
	ck_assert_ptr_eq(sf_thread.cells, sf_table.cells);
	ck_assert_uint_gt(sf_cell_mask(sf_thread.cells), 0);
	ck_assert_uint_eq(sf_counters_sum(SF_THREAD_BLOCK), 1);
	sf_count(SF_DLSYM_HIT);
	ck_assert_uint_eq(sf_thread.block->counters.n[SF_DLSYM_HIT], 1);
}
END_TEST

/* The constructor promises the main thread its memory: the host may have forbidden mmap by now. */
START_TEST(the_main_thread_needs_no_mmap)
{
	const struct rlimit none = {0, 0};

	ck_assert(sf_layout_reserve(256));
	sf_thread_init();
	sf_thread_first();
	ck_assert_ptr_null(sf_thread.block);
	ck_assert_uint_eq(sf_cell_mask(sf_table.cells), 0); /* not touched until somebody comes */
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
#ifdef __x86_64__ /* qemu's user mode, where the others run, does not obey the limit */
	ck_assert_ptr_null(sf_sys_map(4096));
#endif
	ck_assert(sf_thread_attach(&sf_thread));
	ck_assert_uint_eq(sf_thread.main, 0); /* given out once */
	ck_assert_uint_gt(sf_cell_mask(sf_thread.cells), 0);
}
END_TEST

START_TEST(a_signal_in_the_middle_of_attach_does_without)
{
	start();
	sf_thread.starting = 1;
	ck_assert(!sf_thread_attach(&sf_thread));
	sf_thread.starting = 0;
	ck_assert(sf_thread_attach(&sf_thread));
}
END_TEST

struct visit {
	struct sf_block *block;
	struct sf_thread *thread;
};

static void *
attach_and_die(void *arg)
{
	struct visit *v = arg;

	ck_assert(sf_thread_attach(&sf_thread));
	sf_count(SF_DLSYM_HIT);
	v->block = sf_thread.block;
	return NULL;
}

START_TEST(a_dead_threads_block_serves_the_next)
{
	struct visit first = {NULL, NULL};

	start();
	for (int i = 0; i < 100; i++) {
		struct visit v;
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, attach_and_die, &v), 0);
		pthread_join(thread, NULL);
		if (i == 0)
			first = v;
		ck_assert_ptr_eq(v.block, first.block);
	}
	/* What the dead counted stays counted. */
	ck_assert_uint_ge(sf_counters_sum(SF_DLSYM_HIT), 100);
}
END_TEST

static pthread_key_t late;
static int late_calls, late_right;

/* A key above ours: its destructor comes after ours in each of libc's rounds. */
static void
later_destructor(void *arg)
{
	bool last = ++late_calls == SF_KEY_ROUNDS;

	if (!last)
		pthread_setspecific(late, arg);
	late_right += last ? sf_thread.dead && sf_thread.block == NULL &&
				      sf_thread.cells != sf_table.cells &&
				      sf_cell_mask(sf_thread.cells) == 0 &&
				      !sf_thread_attach(&sf_thread)
			   : !sf_thread.dead && sf_thread.block != NULL &&
				      sf_thread.cells == sf_table.cells;
	late_right += sf_thread.pending == 1 && sf_thread.text[0] == 'x';
}

static void *
die_slowly(void *arg)
{
	pthread_setspecific(late, arg);
	ck_assert(sf_thread_attach(&sf_thread));
	sf_thread.pending = 1;
	sf_thread.block->text[0] = 'x';
	return NULL;
}

START_TEST(destructors_find_the_thread_as_it_was_until_the_last_round)
{
	pthread_t thread;

	start();
	for (int i = 0; i < 40; i++)
		pthread_key_create(&late, i < 39 ? NULL : later_destructor);
	pthread_create(&thread, NULL, die_slowly, &late);
	pthread_join(thread, NULL);
	ck_assert_int_eq(late_calls, SF_KEY_ROUNDS);
	ck_assert_int_eq(late_right, 2 * SF_KEY_ROUNDS);
}
END_TEST

/* Another thread's memory lies elsewhere: its record is on this stack here. */
START_TEST(a_dead_threads_block_waits_while_others_come)
{
	struct visit v;
	pthread_t thread;
	unsigned int fresh = 0;

	start();
	for (int i = 0; i < 20; i++) {
		struct sf_thread next = {.hit_mask = 0};

		pthread_create(&thread, NULL, attach_and_die, &v);
		pthread_join(thread, NULL);
		ck_assert(sf_thread_attach(&next));
		fresh += next.block != v.block;
	}
	ck_assert_uint_eq(fresh, 20);
}
END_TEST

START_TEST(the_key_is_far_up_and_leaves_zero_alone)
{
	pthread_key_t next[40];

	start();
	for (unsigned int i = 0; i < COUNT_OF(next); i++) {
		pthread_key_create(&next[i], NULL);
		ck_assert_uint_eq(next[i], i < 31 ? i : i + 1);
	}
}
END_TEST

START_TEST(nothing_but_zero_is_free_then_there_is_no_key)
{
	pthread_key_t next;

	for (unsigned int i = 0; i < 40; i++)
		pthread_key_create(&next, NULL);
	pthread_key_delete(0);
	start();
	ck_assert(!sf_thread_attach(&sf_thread));
	pthread_key_create(&next, NULL);
	ck_assert_uint_eq(next, 0);
	pthread_key_delete(3);
	ck_assert(sf_key_make(later_destructor));
	ck_assert_int_eq(pthread_key_create(&next, NULL), 0);
	ck_assert_uint_eq(next, 40);
}
END_TEST

static pthread_barrier_t barrier;

static void *
attach_and_stay(void *arg)
{
	struct visit *v = arg;

	v->thread = sf_thread_attach(&sf_thread) ? &sf_thread : NULL;
	v->block = sf_thread.block;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

#define THREADS 40

START_TEST(after_fork_only_our_block_is_in_use)
{
	struct visit visits[THREADS];
	pthread_t threads[THREADS];
	int status;

	start();
	ck_assert(sf_thread_attach(&sf_thread));
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, attach_and_stay, &visits[i]);
	pthread_barrier_wait(&barrier);
	if (fork() == 0) {
		/* A record as another thread would have it; qemu-user starts no thread in here. */
		struct sf_thread next = {.block = NULL};
		bool reused = false;

		sf_thread_forked();
		if (!sf_thread_attach(&next))
			_exit(2);
		for (int i = 0; i < THREADS; i++)
			reused |= next.block == visits[i].block;
		_exit(reused && next.block != sf_thread.block ? 0 : 1);
	}
	wait(&status);
	ck_assert_int_eq(status, 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		for (int k = 0; k < i; k++)
			ck_assert(visits[i].block == NULL || visits[i].block != visits[k].block);
	}
}
END_TEST

/* Which of a program's calls are sampled, if they repeat with this period: the hits that are due, by place. */
static unsigned int
sampled_places(unsigned int period, unsigned int hits, unsigned int *places)
{
	unsigned int due = 0;

	for (unsigned int i = 0; i < hits; i++) {
		if (sf_thread_due(&sf_thread) != SF_DUE_NOTHING) {
			places[i % period]++;
			due++;
		}
		if (sf_thread_hit(&sf_thread, SF_DLSYM_HIT))
			sf_thread_sample_next(&sf_thread, sf_thread.n[SF_DLSYM_HIT]);
	}
	return due;
}

START_TEST(samples_fall_on_every_call_of_any_period)
{
	static const unsigned int every[] = {1, 2, 16, 64, 1024};

	for (size_t i = 0; i < COUNT_OF(every); i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			start();
			sf_thread_sampling(0, every[i]);
			ck_assert(sf_thread_attach(&sf_thread));
			for (unsigned int period = 1; period <= 96; period++) {
				unsigned int places[96] = {0},
					     hits = 200 * every[i] * period / 16 + 64 * every[i];
				unsigned int due = sampled_places(period, hits, places);

				/* One hit in N, and no place of the period is left out. */
				ck_assert_uint_le(due, hits / every[i] + 2);
				ck_assert_uint_ge(due + 2, hits / every[i]);
				for (unsigned int p = 0; p < period; p++)
					ck_assert_msg(places[p] > 0, "1/%u, period %u, place %u",
						      every[i], period, p);
			}
			_exit(0);
		}
		waitpid(child, &status, 0);
		ck_assert_msg(status == 0, "every %u", every[i]);
	}
}
END_TEST

/* Two functions that are called in turn: the samples of one do not end those of the other. */
START_TEST(samples_of_several_functions_wait_for_each_other)
{
	static const enum sf_counter of[] = {SF_DLOPEN_HIT, SF_DLSYM_HIT, SF_DLCLOSE_HIT};
	unsigned int due[COUNT_OF(of)] = {0};

	start();
	sf_thread_sampling(0, 64);
	ck_assert(sf_thread_attach(&sf_thread));
	for (unsigned int i = 0; i < 64000 * COUNT_OF(of); i++) {
		unsigned int f = i % COUNT_OF(of);
		bool next = sf_thread_next_hit_due(&sf_thread, of[f]);

		sf_thread.n[of[f]]++;
		if (next && sf_thread_take_sample(&sf_thread, sf_thread.n[of[f]]) != SF_DUE_NOTHING)
			due[f]++;
	}
	for (size_t f = 0; f < COUNT_OF(of); f++)
		ck_assert_msg(due[f] > 700 && due[f] < 1300, "%u of %s", due[f],
			      sf_counters_name(of[f]));
}
END_TEST

/* One in sixteen; of a loop of names each has its turn. */
START_TEST(what_is_found_by_content_seldom_gets_a_cell)
{
	unsigned int kept[64] = {0}, sum = 0;

	start();
	for (int i = 0; i < 64 * 160; i++)
		kept[i % 64] += sf_thread_keeps(&sf_thread);
	for (int i = 0; i < 64; i++) {
		ck_assert_uint_ge(kept[i], 9);
		sum += kept[i];
	}
	ck_assert(sum >= 639 && sum <= 641);
}
END_TEST

START_TEST(inside_a_dlopen_until_the_stack_proves_otherwise)
{
	struct sf_thread t = {.open_depth = 0};

	ck_assert(!sf_thread_in_open(&t, 0x700000));
	sf_thread_mark_open(&t, 0x700000);
	ck_assert(sf_thread_in_open(&t, 0x6ff000)); /* deeper: a constructor */
	sf_thread_mark_open(&t, 0x6ff000);          /* nested: the outermost counts */
	ck_assert_uint_eq(t.open_mark, 0x700000);
	ck_assert(sf_thread_in_open(&t, 0x6ff800));
	ck_assert(!sf_thread_in_open(&t, 0x700000)); /* the same depth: it has returned */
	sf_thread_mark_open(&t, 0x700000);
	ck_assert(!sf_thread_in_open(&t, 0x700100));
	sf_thread_mark_open(&t, 0x700000);
	ck_assert(sf_thread_in_open(&t, 0x700000 + (16u << 20))); /* another stack tells nothing */
	ck_assert(!sf_thread_in_open(&t, 0x700008));
	t.open_depth = 1; /* made from C: no doubt */
	ck_assert(sf_thread_in_open(&t, 0x700008));
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, a_new_thread_has_an_empty_table);
	tcase_add_test(tests, attach_gives_a_block_and_the_shared_table);
	tcase_add_test(tests, the_main_thread_needs_no_mmap);
	tcase_add_test(tests, a_signal_in_the_middle_of_attach_does_without);
	tcase_add_test(tests, a_dead_threads_block_serves_the_next);
	tcase_add_test(tests, destructors_find_the_thread_as_it_was_until_the_last_round);
	tcase_add_test(tests, a_dead_threads_block_waits_while_others_come);
	tcase_add_test(tests, the_key_is_far_up_and_leaves_zero_alone);
	tcase_add_test(tests, nothing_but_zero_is_free_then_there_is_no_key);
	tcase_add_test(tests, after_fork_only_our_block_is_in_use);
	tcase_add_test(tests, samples_fall_on_every_call_of_any_period);
	tcase_add_test(tests, samples_of_several_functions_wait_for_each_other);
	tcase_add_test(tests, what_is_found_by_content_seldom_gets_a_cell);
	tcase_add_test(tests, inside_a_dlopen_until_the_stack_proves_otherwise);
}
