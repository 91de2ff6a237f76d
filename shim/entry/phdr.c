// SPDX-License-Identifier: BSD-2-Clause
// phdr.c: dl_iterate_phdr: a jump to libc's, or a walk over a snapshot of the list (SYMFAST_PHDR).
//
// Only libc's answer depends on the caller, and only with more than one namespace: then, as in every
// doubt, libc is jumped to.
#include <dlfcn.h>
#include <link.h>

/* Everything declared from here on is this library's own: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "entry.h"

#include "../libc/changes.h"
#include "../libc/next.h"
#include "../map/snapshot.h"

typedef int callback_fn(struct dl_phdr_info *, size_t, void *);

/* The mode word was not ON once, or changes were not seen: for good, because a walk of libc's may still run when it is ON again. */
static uint8_t stood_down;

/*
 * Called by the unwinder for the frame of phdr_walk(), when a callback throws, or its thread is cancelled or
 * ends in it. There is nothing to land on: what the walk holds is given back, and the frame is left.
 * Needs nothing of the unwinder, so it serves whichever the host has.
 */
#define UA_CLEANUP_PHASE    2
#define URC_CONTINUE_UNWIND 8
int sf_phdr_unwound(int version, int actions, uint64_t language, void *exception, void *context);

int
sf_phdr_unwound(int version, int actions, uint64_t language, void *exception, void *context)
{
	(void)version;
	(void)language;
	(void)exception;
	(void)context;
	if (actions & UA_CLEANUP_PHASE)
		sf_walk_end(&sf_thread);
	return URC_CONTINUE_UNWIND;
}

/* ---- the rest of a walk, from libc ---- */

struct rest {
	callback_fn *callback;
	void *arg;
	const struct dl_phdr_info *last; /* what was told last */
	uint64_t loaded;                 /* when the walk began */
	uint64_t ahead;                  /* what others have loaded since */
	bool own;                        /* it was the callback that has loaded something */
	bool begun, found;
};

/* libc begins a walk of its own, whose numbers are those of now: the host's goes on with its first ones. */
static int
phdr_after_last(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct rest *r = arg;

	if (!r->begun && !r->own)
		r->ahead = info->dlpi_adds - r->last->dlpi_adds;
	r->begun = true;
	if (!r->found) {
		r->found = info->dlpi_addr == r->last->dlpi_addr &&
			   info->dlpi_name == r->last->dlpi_name &&
			   info->dlpi_phdr == r->last->dlpi_phdr;
		return 0;
	}
	info->dlpi_adds -= r->ahead;
	info->dlpi_subs = info->dlpi_adds - r->loaded;
	return r->callback(info, size, r->arg);
}

static int
phdr_rest_by_libc(struct sf_walk *w, callback_fn *callback, void *arg,
		  const struct dl_phdr_info *last, bool own)
{
	struct rest r = {.callback = callback,
			 .arg = arg,
			 .last = last,
			 .loaded = last->dlpi_adds - last->dlpi_subs,
			 .own = own};

	sf_count(SF_PHDR_REST);
	w->by_libc = 1;
	return sf_next.iterate_phdr(phdr_after_last, &r);
}

/* ---- walking ---- */

static uint32_t
phdr_place_of(const struct sf_view *v, const struct link_map *map)
{
	uint32_t i = 0;

	while (i < v->count && v->objects[i].map != map)
		i++;
	return i;
}

/*
 * The callback of `seen` has loaded or unloaded something: goes on as libc would, with what follows in
 * the new list (CONTRACT 44). An object that closed itself is followed by its former neighbour.
 */
static SF_NOINLINE bool
phdr_follow(struct sf_thread *t, unsigned int walk, struct sf_view *v, uint32_t *at)
{
	/* Read while the old view still stands. */
	const struct link_map *self = v->objects[*at].map;
	const struct link_map *next = *at + 1 < v->count ? v->objects[*at + 1].map : NULL;

	for (;;) {
		uint32_t place;

		if (sf_walk_view(t, walk, v) != SF_VIEW_DONE)
			return false;
		place = phdr_place_of(v, self);
		if (place < v->count) {
			*at = place + 1;
			return true;
		}
		if (!v->partial)
			break;
		sf_walk_wait(t, walk);
	}
	*at = next != NULL ? phdr_place_of(v, next) : v->count;
	return true;
}

/* The end of what could be told at once: true if there is more by now. */
static SF_NOINLINE bool
phdr_more(struct sf_thread *t, unsigned int walk, struct sf_view *v)
{
	sf_count_for(t, SF_PHDR_WAIT);
	sf_walk_wait(t, walk);
	return sf_walk_view(t, walk, v) == SF_VIEW_DONE;
}

/* Tells the objects from `at` on, up to the end of the view; leaves in `at` where it stopped. */
SF_INLINE int
phdr_tell(struct sf_thread *t, const struct sf_view *v, struct dl_phdr_info *info, uint64_t adds,
	  uint64_t subs, callback_fn *callback, void *arg, uint32_t *at)
{
	const struct sf_listed *o = v->objects + *at, *end = v->objects + v->count;
	const uint32_t changes = t->changes;
	int result = 0;

	while (o != end) {
		__builtin_memcpy(info, o, SF_LISTED_HEAD);
		info->dlpi_adds = adds;
		info->dlpi_subs = subs;
		info->dlpi_tls_modid = o->module;
		info->dlpi_tls_data = sf_listed_block(o);
		result = callback(info, sizeof(*info), arg);
		if (sf_unlikely(result != 0 || t->changes != changes))
			break;
		o++;
	}
	*at = (uint32_t)(o - v->objects);
	return result;
}

/*
 * libc counts what was loaded once, at the beginning of a walk, and reads dlpi_adds each time; but
 * there only the callback's own loads can move it.
 */
static int
phdr_through(struct sf_thread *t, unsigned int walk, struct sf_view *v, callback_fn *callback,
	     void *arg)
{
	const uint64_t loaded = v->loaded;
	uint64_t adds = v->adds;
	struct dl_phdr_info info;
	uint32_t at = 0;

	for (;;) {
		int result = phdr_tell(t, v, &info, adds, adds - loaded, callback, arg, &at);

		if (result != 0)
			return result;
		if (at < v->count) {
			if (!phdr_follow(t, walk, v, &at))
				return phdr_rest_by_libc(&t->walk[walk], callback, arg, &info,
							 true);
			adds = v->adds;
		} else if (!v->partial) {
			return 0;
		} else if (!phdr_more(t, walk, v)) {
			return phdr_rest_by_libc(&t->walk[walk], callback, arg, &info, false);
		}
	}
}

/* The one frame with a personality: must stay a function of its own, and in one piece. */
static __attribute__((noinline, noclone)) int
phdr_walk(struct sf_thread *t, callback_fn *callback, void *arg)
{
	struct sf_view v;
	unsigned int number;
	int result;

	__asm__ volatile(".cfi_personality 0x1b, sf_phdr_unwound");
	number = sf_walk_begin(t);
	/* Looked at again with the turn: a walk that stood down has waited for it, and will not again. */
	if (sf_likely(!sf_load_8(&stood_down) && sf_walk_view(t, number, &v) == SF_VIEW_DONE)) {
		sf_count_for(t, SF_PHDR_WALK);
		result = phdr_through(t, number, &v, callback, arg);
	} else {
		sf_count_for(t, SF_PHDR_PASS);
		sf_count_for(t, SF_BYPASS_SNAPSHOT);
		t->walk[number].by_libc = 1;
		result = sf_next.iterate_phdr(callback, arg);
	}
	sf_walk_end(t);
	return result;
}

static int
phdr_serve(callback_fn *callback, void *arg)
{
	struct sf_thread *t = &sf_thread;

	SF_ENTRY_LOOK();
	if (sf_unlikely(t->walks == SF_WALKS_MAX)) {
		sf_pass(t, SF_PHDR_PASS, SF_BYPASS_DEEP);
		return sf_next.iterate_phdr(callback, arg);
	}
	if (sf_unlikely(sf_load_32(&sf_mode_word) != SF_MODE_WORD_ON || !sf_changes_intact()))
		sf_store_8(&stood_down, 1);
	if (sf_unlikely(sf_changes_has_namespaces() || sf_load_8(&stood_down))) {
		/* Walks that began before that are over before libc's begin. */
		sf_walk_begin(t);
		sf_walk_end(t);
		sf_pass(t, SF_PHDR_PASS, sf_load_8(&stood_down) ? SF_BYPASS_OFF : SF_BYPASS_SPACE);
		return sf_next.iterate_phdr(callback, arg);
	}
	return phdr_walk(t, callback, arg);
}

/* ---- entry ---- */

static SF_NOINLINE int
phdr_early(callback_fn *callback, void *arg)
{
	sf_boot();
	return sf_next.iterate_phdr != NULL ? sf_next.iterate_phdr(callback, arg) : 0;
}

SF_EXPORT int
dl_iterate_phdr(callback_fn *callback, void *arg)
{
	if (sf_unlikely(sf_snapshot_walking != SF_WALKING_LIBC))
		return phdr_serve(callback, arg);
	if (sf_unlikely(sf_next.iterate_phdr == NULL))
		return phdr_early(callback, arg);
	return sf_next.iterate_phdr(callback, arg);
}
#pragma GCC visibility pop
