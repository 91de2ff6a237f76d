// SPDX-License-Identifier: BSD-2-Clause
// snapshot.h: the list of objects as dl_iterate_phdr reports it, to be walked without libc's lock.
//
// A snapshot is made by the thread that has just changed the list, in ld.so's own notice of the change
// (libc/changes.h) and with the loader's lock held, by one walk of libc's. It never changes while it is
// read. libc's write lock did two more things, which are rebuilt here:
//  - Callbacks run one at a time (mode serial): the turn. Mode free does without.
//  - Nothing is unmapped while a callback may read it. The notice before an unload ("window opens") waits
//    until no walk is under way in another thread. Until the notice after it, walks see only the
//    objects of the initial set, which never go; one that wants more waits for the window to close.
//    Loads do not wait.
// Progress: a walk takes no lock of libc's. In serial it waits for other callbacks, and for an unload
// only if it goes beyond the initial set. Lock order: loader's lock, then turn, then libc's write lock.
#ifndef SF_SNAPSHOT_H
#define SF_SNAPSHOT_H

#include "../base/turn.h"
#include "thread.h"
#include <link.h>

#define SF_TLS_ASK INTPTR_MIN /* this thread may have a block: libc knows */

struct sf_listed {
	/* As struct dl_phdr_info begins: copied in one go. */
	ElfW(Addr) addr;
	const char *name;
	const ElfW(Phdr) * phdr;
	size_t count;

	size_t module;
	intptr_t block; /* of each thread, from its thread pointer, or SF_TLS_ASK */
	struct link_map *map;
};

#define SF_LISTED_HEAD offsetof(struct sf_listed, module)
_Static_assert(offsetof(struct dl_phdr_info, dlpi_adds) == SF_LISTED_HEAD &&
		       offsetof(struct dl_phdr_info, dlpi_phnum) ==
			       offsetof(struct sf_listed, count) &&
		       __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the head of dl_phdr_info");

/* The whole list as libc told it in one walk; `loaded` is libc's own number of its objects. */
struct sf_listing {
	uint32_t count, room;
	struct sf_listed *objects;
	uint64_t adds, loaded;
};

/* By a walk of libc's. The blocks of the initial set are known once there is one. False: no memory, or no list. */
bool sf_listing_fill(struct sf_listing *s, const struct sf_listing *initial);
/* The beginning of a full list that never goes, with its blocks, in a place of its own. */
bool sf_listing_initial(struct sf_listing *s, struct sf_listing *initial);

/* What one walk goes through: a snapshot, or the initial part of it while something is unmapped. */
struct sf_view {
	const struct sf_listed *objects;
	uint32_t count;
	bool partial; /* more may follow once the unload is over */
	uint64_t adds;
	uint64_t loaded;
};

enum sf_view_result {
	SF_VIEW_DONE,
	SF_VIEW_NONE,  /* no snapshot could be made: ask libc */
	SF_VIEW_INSIDE /* an unload that this thread makes, or may hold up: ask libc */
};

enum sf_walking { SF_WALKING_LIBC, SF_WALKING_SERIAL, SF_WALKING_FREE };

extern SF_HIDDEN enum sf_walking sf_snapshot_walking;
extern SF_HIDDEN struct sf_turn sf_snapshot_turn;

/*
 * Lists the initial set up to `tail` and asks to be told of changes. Called by the constructor, after
 * sf_changes_init. False: every walk is libc's.
 */
bool sf_snapshot_init(enum sf_walking how);
/* In the child after fork: no other thread walks, loads or unloads any more. */
void sf_snapshot_forked(void);

/* Begins a walk: takes the turn in serial. Its number, for the calls below. */
unsigned int sf_walk_begin(struct sf_thread *t);
/* The list as of now; gives back the view that this walk had before. */
enum sf_view_result sf_walk_view(struct sf_thread *t, unsigned int walk, struct sf_view *v);
/* Waits, without the turn, until nothing is being unmapped by another thread. */
void sf_walk_wait(struct sf_thread *t, unsigned int walk);
/* Gives back what the innermost walk holds. Async-signal-safe, and called while unwinding, too. */
void sf_walk_end(struct sf_thread *t);

/* This thread's block of an object of SF_TLS_ASK; NULL until it was touched (CONTRACT 45). */
void *sf_listed_block_slow(const struct sf_listed *o);

SF_INLINE void *
sf_listed_block(const struct sf_listed *o)
{
	if (o->module == 0)
		return NULL;
	if (sf_unlikely(o->block == SF_TLS_ASK))
		return sf_listed_block_slow(o);
	return (char *)__builtin_thread_pointer() + o->block;
}

#endif
