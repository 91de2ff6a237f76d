// SPDX-License-Identifier: BSD-2-Clause
// snapshot.c: see snapshot.h.
#include "snapshot.h"

#include "../base/sys.h"
#include "../libc/changes.h"
#include "../libc/facts.h"

#define STRIPES 8 /* a power of two */

/*
 * A snapshot is written only while it has no reader: not the current one, and
 *  - serial: the turn was seen untaken after it had been replaced. A later taker finds the
 *    newer one. (`retired` is cleared at that sight.)
 *  - free: no reader counted. A reader that counts itself too late finds that the snapshot is no longer
 *    the current one, and tries again.
 */
struct snapshot {
	/* Free: walks that use it. A line for every so many threads, or they would fight for one. */
	struct {
		SF_CACHE uint32_t n;
	} readers[STRIPES];
	SF_CACHE uint32_t retired; /* serial: perhaps still used. Under the loader's lock */
	struct sf_listing list;
};

#define SNAPSHOTS 64
#define NONE      SNAPSHOTS
#define POLL_US   20

enum sf_walking sf_snapshot_walking;
struct sf_turn sf_snapshot_turn SF_CACHE;

SF_LARGE static struct snapshot snapshots[SNAPSHOTS + 1]; /* the last one stands for none */
static SF_CACHE uint32_t current = NONE;                  /* written under the loader's lock */
static uint32_t unloader;         /* id of the thread that is unmapping, 0: none */
static struct sf_listing initial; /* the first so many of every list never go */

/* A child of _Fork or of a raw clone ran no handler. */
static void
snapshot_put_in_order(void)
{
	if (sf_unlikely(sf_changes_child_is_new()))
		sf_snapshot_forked();
}

static uint32_t
snapshot_id_of(struct sf_thread *t)
{
	if (sf_unlikely(t->id == 0))
		t->id = sf_sys_thread_id();
	return t->id;
}

/* Where this thread counts itself. A thread reads under the id that it has when it begins and ends. */
static uint32_t *
snapshot_own_readers(struct snapshot *s, struct sf_thread *t)
{
	return &s->readers[snapshot_id_of(t) & (STRIPES - 1)].n;
}

static uint32_t
snapshot_readers_of(const struct snapshot *s)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < STRIPES; i++)
		n += sf_load_32(&s->readers[i].n);
	return n;
}

/* ---- making one ---- */

static struct snapshot *
snapshot_unused(void)
{
	bool serial = sf_snapshot_walking == SF_WALKING_SERIAL;

	sf_fence_full(); /* pairs with the one in snapshot_read_current() and with sf_turn_take() */
	if (serial && sf_turn_owner(&sf_snapshot_turn) == 0)
		for (uint32_t i = 0; i < SNAPSHOTS; i++)
			snapshots[i].retired = 0;
	for (uint32_t i = 0; i < SNAPSHOTS; i++)
		if (i != current && !snapshots[i].retired &&
		    snapshot_readers_of(&snapshots[i]) == 0)
			return &snapshots[i];
	return NULL;
}

static void
snapshot_publish(void)
{
	struct snapshot *s = snapshot_unused();
	uint32_t place =
		s != NULL && sf_listing_fill(&s->list, &initial) ? (uint32_t)(s - snapshots) : NONE;

	if (current != NONE)
		snapshots[current].retired = sf_snapshot_walking == SF_WALKING_SERIAL;
	sf_fence_store(); /* pairs with the load fence in snapshot_read_current() */
	sf_store_32(&current, place);
}

/* ---- windows ---- */

static uint32_t
snapshot_own_reads(const struct sf_thread *t, uint32_t place)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < SF_WALKS_MAX; i++)
		n += t->walk[i].snapshot == place + 1;
	return n;
}

static bool
snapshot_others_read(const struct sf_thread *t)
{
	for (uint32_t i = 0; i < SNAPSHOTS; i++)
		if (snapshot_readers_of(&snapshots[i]) != snapshot_own_reads(t, i))
			return true;
	return false;
}

/* No other thread is inside a walk beyond the initial set from here on, until the window closes. */
static void
snapshot_open_window(struct sf_thread *t)
{
	uint32_t me;

	snapshot_put_in_order();
	me = snapshot_id_of(t);
	if (sf_snapshot_walking == SF_WALKING_SERIAL) {
		bool took = sf_turn_take(&sf_snapshot_turn, me);

		sf_store_32(&unloader, me);
		if (took)
			sf_turn_give(&sf_snapshot_turn, me);
		return;
	}
	sf_store_32(&unloader, me);
	sf_fence_full(); /* pairs with the one in snapshot_read_current() */
	for (unsigned int i = 0; snapshot_others_read(t); i++) {
		if (i < 100)
			sf_stall();
		else
			sf_sys_pause(POLL_US);
	}
}

static void
snapshot_close_window(void)
{
	if (sf_load_32(&unloader) == 0)
		return;
	sf_fence_store(); /* the new list is current before anyone may go beyond the initial set */
	sf_store_32(&unloader, 0);
	sf_fence_full();
	sf_sys_wake(&unloader, 1 << 30);
}

/* ld.so says that the list changes, or has changed; its lock is held. */
static void
snapshot_moved(bool settled)
{
	struct sf_thread *t = &sf_thread;

	if (!settled) {
		if (sf_changes_is_unload() && sf_load_32(&unloader) == 0)
			snapshot_open_window(t);
		return;
	}
	snapshot_publish();
	t->changes++;
	snapshot_close_window();
}

/* ---- walks ---- */

unsigned int
sf_walk_begin(struct sf_thread *t)
{
	unsigned int walk;

	snapshot_put_in_order();
	walk = t->walks++;
	t->walk[walk] = (struct sf_walk){0};
	if (sf_snapshot_walking == SF_WALKING_SERIAL)
		t->walk[walk].turn = sf_turn_take(&sf_snapshot_turn, snapshot_id_of(t));
	return walk;
}

static void
snapshot_stop_reading(struct sf_thread *t, struct sf_walk *w)
{
	if (w->snapshot == 0)
		return;
	w->counted = 0;
	sf_fence_release(); /* what the callback read, before the unload that waits for it */
	sf_add_32(snapshot_own_readers(&snapshots[w->snapshot - 1], t), (uint32_t)-1);
	w->snapshot = 0;
}

void
sf_walk_end(struct sf_thread *t)
{
	struct sf_walk *w;

	if (t->walks == 0)
		return;
	w = &t->walk[t->walks - 1];
	snapshot_stop_reading(t, w);
	if (w->turn) {
		w->turn = 0;
		sf_turn_give(&sf_snapshot_turn, t->id);
	}
	t->walks--;
}

/* The current snapshot, which stays as it is while this walk has the turn or counts as a reader. */
static const struct snapshot *
snapshot_read_current(struct sf_thread *t, struct sf_walk *w)
{
	for (;;) {
		uint32_t place = sf_load_32(&current);

		if (place == NONE)
			return NULL;
		if (sf_snapshot_walking == SF_WALKING_SERIAL) {
			sf_fence_load(); /* pairs with the store fence in snapshot_publish() */
			return &snapshots[place];
		}
		w->snapshot = (uint8_t)(place + 1);
		sf_add_32(snapshot_own_readers(&snapshots[place], t), 1);
		sf_fence_atomic_load(); /* pairs with those in snapshot_unused() and snapshot_open_window() */
		if (sf_likely(sf_load_32(&current) == place))
			return &snapshots[place];
		snapshot_stop_reading(t, w);
	}
}

/*
 * Free: a window is open, or about to be, and this walk is inside another one of its thread, in its
 * callback or in a signal handler. If that one is counted, the unload waits for it: this one sees
 * everything, and must not wait for the unload. If it is just about to be counted or no longer to be,
 * it is unknown: libc's own lock decides. In serial an outer walk has the turn, and no window opens.
 */
enum outer { OUTER_NONE, OUTER_COUNTED, OUTER_UNSURE };

static enum outer
snapshot_outer_walk(const struct sf_thread *t, unsigned int walk)
{
	enum outer found = OUTER_NONE;

	while (walk-- > 0) {
		if (t->walk[walk].counted)
			return OUTER_COUNTED;
		if (t->walk[walk].snapshot != 0)
			found = OUTER_UNSURE;
	}
	return found;
}

enum sf_view_result
sf_walk_view(struct sf_thread *t, unsigned int walk, struct sf_view *v)
{
	struct sf_walk *w = &t->walk[walk];
	const struct snapshot *s;
	enum outer outer;
	uint32_t other;

	/* In a handler or callback: it must wait for no unload. */
	for (unsigned int i = 0; i < walk; i++)
		if (t->walk[i].by_libc)
			return SF_VIEW_INSIDE;
	do {
		snapshot_stop_reading(t, w);
		s = snapshot_read_current(t, w);
		if (s == NULL)
			return SF_VIEW_NONE;
		other = sf_load_32(&unloader);
		sf_fence_load(); /* pairs with the store fence in snapshot_close_window(): closed means replaced */
	} while (sf_unlikely(s != &snapshots[sf_load_32(&current)]));
	*v = (struct sf_view){.objects = s->list.objects,
			      .count = s->list.count,
			      .adds = s->list.adds,
			      .loaded = s->list.loaded};
	if (sf_likely(other == 0)) {
		w->counted = w->snapshot != 0; /* no window was open: the next one waits for us */
		return SF_VIEW_DONE;
	}
	outer = snapshot_outer_walk(t, walk);
	if (outer == OUTER_COUNTED)
		return SF_VIEW_DONE;
	if (outer == OUTER_UNSURE || other == snapshot_id_of(t)) {
		snapshot_stop_reading(t, w);
		return SF_VIEW_INSIDE;
	}
	v->objects = initial.objects;
	v->count = initial.count;
	v->partial = true;
	snapshot_stop_reading(t, w);
	return SF_VIEW_DONE;
}

void
sf_walk_wait(struct sf_thread *t, unsigned int walk)
{
	struct sf_walk *w = &t->walk[walk];
	bool turn = w->turn;
	uint32_t other;

	w->turn = 0;
	if (turn)
		sf_turn_give(&sf_snapshot_turn, t->id);
	while ((other = sf_load_32(&unloader)) != 0 && other != t->id)
		sf_sys_wait(&unloader, other);
	if (turn)
		w->turn = sf_turn_take(&sf_snapshot_turn, t->id);
}

void *
sf_listed_block_slow(const struct sf_listed *o)
{
	return sf_facts_thread_block(o->map);
}

/* ---- start and fork ---- */

bool
sf_snapshot_init(enum sf_walking how)
{
	struct snapshot *s = &snapshots[0];
	uint64_t count = sf_changes_count();

	s->readers[0].n = 1; /* not to be chosen until it is in use */
	if (!sf_changes_settled(count) || !sf_listing_fill(&s->list, &initial) ||
	    !sf_listing_initial(&s->list, &initial))
		return false;
	sf_snapshot_walking = how;
	sf_changes_child_ordered();
	/* From here on each change makes a snapshot; ours is current if there was none meanwhile. */
	sf_changes_on_move(snapshot_moved);
	sf_fence_full();
	if (sf_changes_count() == count && sf_cas_32(&current, NONE, 0) &&
	    sf_changes_count() != count)
		sf_cas_32(&current, 0, NONE);
	sf_add_32(&s->readers[0].n, (uint32_t)-1);
	return true;
}

/* Still there? libc unmaps an object first and strikes it off after that; a fork waits for the former. */
static bool
snapshot_is_left(const struct sf_listed *o)
{
	struct link_map *l = NULL;
	uintptr_t lo, hi;

	return sf_facts_object(o->phdr, &l, &lo, &hi) && l == o->map &&
	       sf_sys_is_mapped((const void *)lo) && sf_sys_is_mapped(o->phdr);
}

/*
 * The fork fell into another thread's unload, which will never be finished: libc's write lock stays taken
 * and libc's list half changed. Of the last snapshot what is still mapped stays.
 */
static void
snapshot_keep_what_is_left(void)
{
	struct snapshot *s = &snapshots[current];
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->list.count; i++)
		if (i < initial.count || snapshot_is_left(&s->list.objects[i]))
			s->list.objects[n++] = s->list.objects[i];
	s->list.count = n;
	s->list.loaded = n;
}

void
sf_snapshot_forked(void)
{
	struct sf_thread *t = &sf_thread;
	uint32_t old = t->id;
	bool whole = unloader == 0 || unloader == old;

	if (sf_snapshot_walking == SF_WALKING_LIBC)
		return;
	sf_changes_child_ordered();
	t->id = sf_sys_thread_id();
	sf_turn_forked(&sf_snapshot_turn, old, t->id);
	for (uint32_t i = 0; i < SNAPSHOTS; i++) {
		for (unsigned int j = 0; j < STRIPES; j++)
			snapshots[i].readers[j].n = 0;
		*snapshot_own_readers(&snapshots[i], t) = snapshot_own_reads(t, i);
	}
	if (!whole && current != NONE)
		snapshot_keep_what_is_left();
	unloader = whole && unloader != 0 ? t->id : 0;
}
