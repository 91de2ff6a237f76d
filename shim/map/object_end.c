// SPDX-License-Identifier: BSD-2-Clause
// object_end.c: lifetimes that end without a dlclose of the host's: unloads that are found afterwards, and retirement.
#include "object.h"

#include "../libc/changes.h"
#include "../libc/facts.h"
#include "self.h"

/* ---- unloads that are found afterwards ---- */

void
sf_object_ended(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);
	uint64_t s;

	do {
		s = o != NULL ? sf_load_64(&o->state) : 0;
		if (!SF_STATE_OPEN(s) || o->permanent || !sf_object_has(o, handle))
			return;
	} while (!sf_cas_64(&o->state, s, sf_object_end_of(s, false)));
	sf_fence_full();
	sf_count(SF_OBJECT_CLOSE);
}

static bool
object_end_is_listed(const void *handle)
{
	for (const struct link_map *l = sf_next.main; l != NULL; l = l->l_next)
		if (l == handle)
			return true;
	return false;
}

static void
object_end_if_gone(struct sf_object *o, uint32_t look)
{
	uint64_t s = sf_load_64(&o->state);
	const void *handle;

	sf_fence_load();
	handle = (const void *)o->handle;
	/* Not marked by this look: it is gone, or was not counted yet. */
	while (!o->permanent && SF_STATE_RUNS(s) && o->listed != look &&
	       !object_end_is_listed(handle)) {
		if (sf_cas_64(&o->state, s, sf_object_end_of(s, false))) {
			if (SF_STATE_OPEN(s))
				sf_count(SF_OBJECT_CLOSE);
			return;
		}
		s = sf_load_64(&o->state);
		if (!sf_object_has(o, handle))
			return;
	}
}

void
sf_object_moved(bool settled)
{
	static bool unloading;
	static uint32_t look;
	struct sf_object *o;

	if (!settled)
		unloading |= sf_changes_is_unload();
	if (!settled || !unloading)
		return;
	unloading = false;
	look++;
	for (const struct link_map *l = sf_next.tail->l_next; l != NULL; l = l->l_next) {
		o = sf_object_find(l);
		if (o != NULL)
			o->listed = look;
	}
	for (uint32_t i = 1; i <= SF_OBJECT_MOST && i <= sf_load_32(&sf_object_taken); i++)
		object_end_if_gone(&sf_object_records[i], look);
	if (sf_thread.dropping != NULL && !object_end_is_listed(sf_thread.dropping))
		sf_thread.dropping = NULL;
}

/* ---- retirement ---- */

/*
 * References that libc has not got are made real one at a time, while the record is still open: a close that
 * comes in between finds either ours or libc's. What is more than the host holds goes back at the end.
 */
static void
object_end_retire(struct sf_object *o, bool (*replay)(void *, const char *), void (*drop)(void *))
{
	void *handle;
	uint64_t s;

	do {
		s = sf_load_64(&o->state);
		sf_fence_load();
		handle = (void *)sf_load_64((uint64_t *)&o->handle);
		while (SF_STATE_HELD(s) > SF_STATE_REAL(s)) {
			/* The record's copy of the name: the object itself may be gone by now. */
			bool got = replay(handle, handle == sf_next.main ? "" : o->file);

			if (!sf_cas_64(&o->state, s, s - 1) && got)
				drop(handle);
			s = sf_load_64(&o->state);
			if (!sf_object_has(o, handle))
				return; /* closed, and another one's by now */
		}
		if (!SF_STATE_RUNS(s))
			return;
	} while (!sf_cas_64(&o->state, s, sf_object_end_of(s, o->permanent)));
	for (uint32_t i = SF_STATE_HELD(s); i < SF_STATE_REAL(s); i++)
		drop(handle);
	if (s & SF_STATE_ADOPTED)
		drop(handle);
}

void
sf_object_retire_all(bool (*replay)(void *, const char *), void (*drop)(void *))
{
	sf_store_8(&sf_object_kept_no_more, 1);
	sf_fence_full();
	/* Every thread that gets one of libc's functions sweeps: none leaves before all is replayed. */
	for (uint32_t i = 1; i <= SF_OBJECT_MOST && i <= sf_load_32(&sf_object_taken); i++)
		object_end_retire(&sf_object_records[i], replay, drop);
}

bool
sf_object_retired(void)
{
	return sf_load_8(&sf_object_kept_no_more);
}
