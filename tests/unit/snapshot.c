// SPDX-License-Identifier: BSD-2-Clause
// snapshot.c: the list against libc's own walk; windows, readers and turns, one step at a time.
#include "boot.h"
#include "unit.h"

#include "map/snapshot.c"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "snapshot";

#define OBJECT "libBrokenLocale.so.1" /* small, of libc's own, loaded by nobody */
#define OTHER  0x7ffffff0u            /* a thread id that nobody has */

static struct sf_thread *self;

static void
begin(enum sf_walking how)
{
	self = &sf_thread;
	ck_assert(unit_boot() && sf_facts_error_init() && unit_changes());
	ck_assert(sf_snapshot_init(how));
}

static struct sf_view
view_of(unsigned int walk)
{
	struct sf_view v;

	ck_assert_int_eq(sf_walk_view(self, walk, &v), SF_VIEW_DONE);
	return v;
}

/* ---- what is listed ---- */

struct comparison {
	struct sf_view v;
	uint32_t at;
};

static int
compare_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct comparison *c = arg;
	const struct sf_listed *o = &c->v.objects[c->at++];

	ck_assert(size == sizeof(*info) && c->at <= c->v.count);
	ck_assert(o->addr == info->dlpi_addr && o->name == info->dlpi_name &&
		  o->phdr == info->dlpi_phdr && o->count == info->dlpi_phnum &&
		  o->module == info->dlpi_tls_modid);
	ck_assert_ptr_eq(sf_listed_block(o), info->dlpi_tls_data);
	ck_assert(c->v.adds == info->dlpi_adds && c->v.adds - c->v.loaded == info->dlpi_subs);
	return 0;
}

static void
compare_list(void)
{
	struct comparison c = {.v = view_of(sf_walk_begin(self))};

	sf_next.iterate_phdr(compare_one, &c);
	ck_assert(c.at == c.v.count && !c.v.partial);
	sf_walk_end(self);
}

START_TEST(the_list_is_libcs)
{
	uint32_t changes;
	void *handle;

	begin(_i ? SF_WALKING_FREE : SF_WALKING_SERIAL);
	compare_list();
	changes = self->changes;
	handle = dlopen(OBJECT, RTLD_NOW);
	ck_assert(handle != NULL && self->changes > changes);
	compare_list();
	changes = self->changes;
	dlclose(handle);
	ck_assert(self->changes > changes && unloader == 0);
	compare_list();
	ck_assert(self->walks == 0 && sf_snapshot_turn.word == 0);
}
END_TEST

/* ---- who may write a snapshot ---- */

START_TEST(what_a_walk_reads_is_not_written)
{
	const struct sf_listed *seen;
	unsigned int walk;

	begin(_i ? SF_WALKING_FREE : SF_WALKING_SERIAL);
	walk = sf_walk_begin(self);
	seen = view_of(walk).objects;
	for (int i = 0; i < 3 * SNAPSHOTS; i++) {
		snapshot_publish();
		ck_assert(current == NONE || snapshots[current].list.objects != seen);
	}
	/* In serial nobody can say who reads which one: then there is none, and walks are libc's. */
	ck_assert((current == NONE) == (_i == 0));
	sf_walk_end(self);
	snapshot_publish();
	ck_assert(current != NONE);
	for (int i = 0; i < SNAPSHOTS; i++)
		ck_assert_uint_eq(snapshot_readers_of(&snapshots[i]), 0);
	compare_list();
}
END_TEST

START_TEST(without_a_snapshot_libc_is_asked)
{
	struct sf_view v;

	begin(SF_WALKING_FREE);
	current = NONE;
	ck_assert_int_eq(sf_walk_view(self, sf_walk_begin(self), &v), SF_VIEW_NONE);
	ck_assert_uint_eq(self->walk[0].snapshot, 0);
	sf_walk_end(self);
}
END_TEST

/* ---- windows ---- */

START_TEST(a_window_shows_the_initial_set)
{
	struct sf_view v;
	void *handle;

	begin(_i ? SF_WALKING_FREE : SF_WALKING_SERIAL);
	handle = dlopen(OBJECT, RTLD_NOW);
	unloader = OTHER;
	v = view_of(sf_walk_begin(self));
	ck_assert(v.partial && v.count == initial.count && v.objects == initial.objects);
	ck_assert_uint_eq(snapshot_readers_of(&snapshots[current]),
			  0); /* the unload does not wait for it */
	sf_walk_end(self);
	snapshot_close_window();
	v = view_of(sf_walk_begin(self));
	ck_assert(!v.partial && v.count == initial.count + 1);
	sf_walk_end(self);
	/* In a window of its own libc, whose lock this thread has, is asked. */
	unloader = self->id;
	ck_assert_int_eq(sf_walk_view(self, sf_walk_begin(self), &v), SF_VIEW_INSIDE);
	sf_walk_end(self);
	snapshot_close_window();
	dlclose(handle);
}
END_TEST

START_TEST(a_walk_within_a_counted_one_sees_all)
{
	struct sf_view v;
	unsigned int inner;

	begin(SF_WALKING_FREE);
	view_of(sf_walk_begin(self));
	unloader = OTHER; /* its unload waits for the outer walk */
	inner = sf_walk_begin(self);
	v = view_of(inner);
	ck_assert(!v.partial && v.objects != initial.objects);
	sf_walk_end(self);
	self->walk[0].counted = 0; /* a signal came before it knew */
	inner = sf_walk_begin(self);
	ck_assert_int_eq(sf_walk_view(self, inner, &v), SF_VIEW_INSIDE);
	sf_walk_end(self);
	sf_walk_end(self);
	unloader = 0;
}
END_TEST

static atomic_int opened;

static void *
open_it(void *unused)
{
	snapshot_open_window(&sf_thread);
	atomic_store(&opened, 1);
	snapshot_close_window();
	return unused;
}

/* The unload waits for a walk of another thread, whichever stripe that one counts in. */
START_TEST(an_unload_waits_for_walks)
{
	pthread_t thread;

	begin(_i ? SF_WALKING_FREE : SF_WALKING_SERIAL);
	self->id = sf_sys_thread_id() + (unsigned int)_i;
	view_of(sf_walk_begin(self));
	ck_assert(_i == 0 || snapshot_readers_of(&snapshots[current]) == 1);
	pthread_create(&thread, NULL, open_it, NULL);
	while (_i ? sf_load_32(&unloader) == 0
		  : !(sf_load_32(&sf_snapshot_turn.word) & SF_TURN_WAITED))
		usleep(100);
	usleep(2000);
	ck_assert_int_eq(atomic_load(&opened), 0);
	sf_walk_end(self);
	pthread_join(thread, NULL);
	ck_assert(atomic_load(&opened) == 1 && unloader == 0);
}
END_TEST

START_TEST(an_own_walk_does_not_hold_up_an_own_unload)
{
	begin(_i ? SF_WALKING_FREE : SF_WALKING_SERIAL);
	view_of(sf_walk_begin(self));
	view_of(sf_walk_begin(self));
	snapshot_open_window(self);
	ck_assert_uint_eq(unloader, self->id);
	ck_assert(_i || sf_turn_owner(&sf_snapshot_turn) == self->id);
	snapshot_close_window();
	sf_walk_end(self);
	sf_walk_end(self);
}
END_TEST

/* ---- fork ---- */

static int
in_child(void)
{
	struct sf_view v;

	snapshot_put_in_order();
	if (unloader != 0 || self->id != (uint32_t)getpid())
		return 1;
	if (snapshot_readers_of(&snapshots[current]) != snapshot_own_reads(self, current))
		return 2;
	sf_walk_end(self); /* the one that forked */
	for (uint32_t i = 0; i < SNAPSHOTS; i++)
		if (snapshot_readers_of(&snapshots[i]) != 0)
			return 3;
	if (sf_snapshot_turn.word != 0)
		return 4;
	if (sf_walk_view(self, sf_walk_begin(self), &v) != SF_VIEW_DONE || v.partial)
		return 5;
	return v.count == initial.count && v.loaded == v.count ? 0 : 6;
}

/* Of another thread's half unload a child keeps what is still mapped. */
START_TEST(a_child_walks_what_is_left)
{
	static struct link_map gone;
	struct snapshot *s;
	pid_t child;
	int status;

	if (!unit_forks_wipe())
		return;
	begin(_i ? SF_WALKING_FREE : SF_WALKING_SERIAL);
	s = &snapshots[current];
	view_of(sf_walk_begin(self));
	s->list.objects[s->list.count] = s->list.objects[0];
	s->list.objects[s->list.count].map = &gone;
	s->list.objects[s->list.count++].phdr = (const ElfW(Phdr) *)16;
	s->list.loaded = s->list.count;
	unloader = OTHER;
	/* Without a handler, too: the first walk, or unload, puts things in order. */
	child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(in_child());
	ck_assert(waitpid(child, &status, 0) == child && WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	unloader = 0;
	sf_walk_end(self);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_loop_test(tests, the_list_is_libcs, 0, 2);
	tcase_add_loop_test(tests, what_a_walk_reads_is_not_written, 0, 2);
	tcase_add_test(tests, without_a_snapshot_libc_is_asked);
	tcase_add_loop_test(tests, a_window_shows_the_initial_set, 0, 2);
	tcase_add_test(tests, a_walk_within_a_counted_one_sees_all);
	tcase_add_loop_test(tests, an_unload_waits_for_walks, 0, 2);
	tcase_add_loop_test(tests, an_own_walk_does_not_hold_up_an_own_unload, 0, 2);
	tcase_add_loop_test(tests, a_child_walks_what_is_left, 0, 2);
}
