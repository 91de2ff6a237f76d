// SPDX-License-Identifier: BSD-2-Clause
// changes.h: learns of every load and unload in the process, libc's own included (ADR 0011).
//
// ld.so calls the empty function that r_debug.r_brk names (_dl_debug_state) around each change of the
// list of objects: with r_state ADD or DELETE before it, CONSISTENT after it; in every namespace, for
// dlopen and dlclose as for what libc loads by itself (NSS, iconv, libgcc_s), always with its lock held.
// A jump to sf_changes_seen() is written over that function, once, in the constructor.
//
// The count moves at each of those calls. Its low bit says "a change is under way".
//  - Read the count first, learn the fact second. A fact learnt under an even count holds for as long
//    as sf_changes_count() returns the same number.
//  - It moves before anything is unmapped, and before dlclose returns; at a load, after everything is
//    mapped and listed, before the first constructor runs. So a fact can be used while another
//    thread's dlclose has not returned yet, never after. In destructors of an object that is being
//    closed the count has not moved yet, and libc itself still knows the object.
//  - Under an odd count nothing may be learnt: ask libc.
// Memory of an object may be read only within sf_changes_hold(): an unload waits for it to end.
#ifndef SF_CHANGES_H
#define SF_CHANGES_H

#include "../base/atomic.h"

/*
 * Installs the jump. Called by the constructor. False: it cannot be had (sf_changes_refusal says
 * why), nothing was changed, and the count is odd for ever.
 */
bool sf_changes_init(void);
/* Why not, in a few words; NULL if the jump is in place. */
const char *sf_changes_refusal(void);
/*
 * One more function to call at each move (six in all), with ld.so's lock held, no holder left, and the
 * count still odd. `settled`: no change is under way any more; after a removal _dl_find_object no longer
 * finds what is gone, and the count becomes even when all have returned. It must not allocate, nor call
 * dlopen or dlclose, nor wait for a thread that may wait for ld.so's lock.
 */
void sf_changes_on_move(void (*hook)(bool settled));
/* For such a function, under an odd count: are objects of the base namespace about to be unmapped? */
bool sf_changes_is_unload(void);
/* Is there, or was there ever, a second namespace? Only after sf_changes_init succeeded. Before glibc 2.35: since its first change. */
bool sf_changes_has_namespaces(void);
/* In the child after fork: holders that were other threads are gone. */
void sf_changes_forked(void);

/* In memory that a child of fork, _Fork or a raw clone finds zeroed; one with CLONE_VM shares it. */
struct sf_wiped {
	uint32_t process; /* that may hold; 0: a new child, whose first holder writes its own */
	uint32_t holders;
	uint32_t waiting; /* an unload sleeps on `holders` */
	uint32_t ordered; /* sf_changes_child_ordered() was called in this process */
};

/* What one store of this CPU replaces of its code, compared as one. */
#ifdef __x86_64__
typedef uint64_t sf_break_word;
#define sf_break_load(p) sf_load_64(p)
#else
typedef uint32_t sf_break_word;
#define sf_break_load(p) sf_load_32(p)
#endif

struct sf_changes {
	SF_CACHE uint64_t count; /* written by sf_changes_seen only, under ld.so's lock */
	const sf_break_word *at; /* the jump, and what was written there */
	sf_break_word text;
	struct sf_wiped *wiped;
	const void *
		mover; /* the thread in which ld.so tells of a change, from its thread pointer; NULL: none does */
	/* Before glibc 2.35, written by libc/mapped.c: there is or was another namespace; and its changes cannot be told. */
	uint32_t spaces, blind;
};

extern SF_HIDDEN struct sf_changes sf_changes;

/*
 * Is this a child that ran no fork handler (_Fork, a raw clone), so that nobody has put in order what its parent
 * had under way? The thread that does calls sf_changes_child_ordered().
 */
SF_INLINE bool
sf_changes_child_is_new(void)
{
	return sf_load_32(&sf_changes.wiped->ordered) == 0;
}

SF_INLINE void
sf_changes_child_ordered(void)
{
	sf_store_32(&sf_changes.wiped->ordered, 1);
}

/* One relaxed load. */
SF_INLINE uint64_t
sf_changes_count(void)
{
	return sf_load_64(&sf_changes.count);
}

SF_INLINE bool
sf_changes_settled(uint64_t count)
{
	return !(count & 1);
}

/*
 * Is the jump still there? A uprobe set later puts a breakpoint over it and then runs what the file has there, so
 * that nothing is seen any more; taken away, it leaves the file's byte. If this is true after a fact was
 * read, every change before that was seen.
 */
SF_INLINE bool
sf_changes_intact(void)
{
	return sf_break_load(sf_changes.at) == sf_changes.text;
}

struct sf_hold {
	uint64_t signals; /* the caller's mask */
};

/*
 * Begins a short stretch (well below a millisecond) in which nothing that was mapped under `count` is
 * unmapped: signals are blocked, and an unload waits. In it: no lock, no dl* call, no waiting.
 * False: nothing is held; the count is odd or has moved, changes are no longer seen, or this is a child of
 * clone(CLONE_VM), which could be killed as a holder and leave its parent waiting. Three system calls.
 */
bool sf_changes_hold(struct sf_hold *h, uint64_t count);
/* The same for what is never unmapped (the initial set): no unload has to wait. */
void sf_changes_hold_initial(struct sf_hold *h);
void sf_changes_release(struct sf_hold *h);
void sf_changes_release_initial(struct sf_hold *h);

/* ---- for changes.c and its CPU's part ---- */

/*
 * Is the function at `at` nothing but a return, with room for a jump up to the next one? Then writes
 * the jump to `to`. NULL: done, else why not. `undo` receives what was there.
 */
#define SF_BREAK_ROOM 16
const char *sf_break_write(uint8_t *at, void (*to)(void), uint8_t undo[SF_BREAK_ROOM]);
/* The word of a written jump that says whether it is still there. */
const sf_break_word *sf_break_jump(const uint8_t *at);
void sf_break_undo(uint8_t *at, const uint8_t undo[SF_BREAK_ROOM]);

#endif
