// SPDX-License-Identifier: BSD-2-Clause
// object.h: a type-stable record for each handle: generation, reference counts, name for errors.
//
// One word is the truth
//  - `state` packs the generation, what has been done in it, libc's references as far as we know them (real)
//    and the host's own (held). It changes by compare-and-swap only, and its generation only grows. Nothing
//    that decides anything is stored beside it afterwards.
//  - An answer kept under (record, gen) is valid while the upper half of `state` is gen; it was learnt after
//    reading gen, with the handle open, so it belongs to that lifetime of the handle. The last close takes the
//    state to closed, with the next gen, *before* libc is called: a handle address that libc reuses can
//    therefore never meet an answer of its former lifetime.
//  - `handle` changes together with `state`, as one pair of words, and only while the record is closed. A
//    reader of first the state and then the handle that changes that very state has changed this handle's.
//  - `file` is written by one thread at a time, and belongs to the lifetime whose state says NAMED.
//  - real <= what libc has. held <= real, up to a number that no host closes one by one (SF_OBJECT_ENOUGH): libc's own
//    dlclose, got without us, can take references that we do not see, and may never unload too early. A
//    dlclose is elided rather than a dlopen: what the host gives back stays with us for its next dlopen, and
//    goes to libc with the host's last one. All of it, in the host's own call: destructors run when they should.
//  - Where closed objects are retained (sf_object_ends_late) the last close leaves a record that *waits*: closed, in
//    the same generation. Nothing is learnt, adopted or elided in it. The same object opened again goes on in that
//    generation, so what was learnt counts again; sf_object_end() ends it before libc is called to unload.
//  - Records of the initial set (permanent) never change gen: those objects are never unloaded, and their dlopens
//    need no reference of libc's.
// Progress: readers are wait-free, state changes and claiming a record lock-free; taking one from a
// closed handle needs a try-lock, and is left out on contention. The protocol has a model: tests/model/records.pml.
// Source of the idea: sequence numbers of glibc's elf/dl-find_object.c.
#ifndef SF_OBJECT_H
#define SF_OBJECT_H

#include "../base/atomic.h"
#include "../base/compare.h"
#include <link.h>

#define SF_OBJECT_FILE_MAX 104

struct sf_object {
	/* Line 0: read at every hit; written by every dlopen and dlclose of the handle. */
	SF_CACHE uint64_t state;
	uintptr_t handle;
	const char *named; /* l_name, whose bytes `file` has */
	uint8_t plain; /* its calls of RTLD_DEFAULT are answered from the global scope (CONTRACT 20) */
	/* The rest. File: l_name, for error texts. */
	SF_CACHE char file[SF_OBJECT_FILE_MAX];
	uint8_t file_len; /* of `file`; 0: too long to keep, no negative answers */
	uint8_t permanent;
	uint16_t behind; /* the number of its record for RTLD_NEXT, 0: none yet */
	uint32_t
		listed; /* the last look at libc's list that found the object there; under ld.so's lock */
	/* Objects of the initial set: their range, for calls that depend on their caller. */
	uintptr_t code_start;
	uintptr_t code_size;
};
_Static_assert(sizeof(struct sf_object) == 192, "three lines");

/* state: gen in the high half, then five marks, real (9 bits), held (18 bits). */
#define SF_STATE_GEN(s)  ((uint32_t)((s) >> 32))
#define SF_STATE_ADOPTED (1ull << 31) /* we hold a reference of our own */
#define SF_STATE_WHOLE                                                                             \
	(1ull << 30) /* this lifetime began in a load of ours: its constructors are over */
#define SF_STATE_NAMED    (1ull << 29) /* `file` is this lifetime's */
#define SF_STATE_CLOSED   (1ull << 28) /* a reference went back to libc while others stayed ... */
#define SF_STATE_WAITS    SF_STATE_CLOSED /* of a record that is not open: its generation goes on */
#define SF_STATE_AGAIN    (1ull << 27)    /* ... and was wanted again: from now on they are kept */
#define SF_STATE_REAL_ONE (1ull << 18)
#define SF_STATE_REAL_MAX 0x1ffu
#define SF_STATE_HELD_MAX 0x3ffffu
#define SF_STATE_REAL(s)  ((uint32_t)((s) >> 18) & SF_STATE_REAL_MAX)
#define SF_STATE_HELD(s)  ((uint32_t)(s)&SF_STATE_HELD_MAX)
#define SF_STATE_OPEN(s)  (((s) & (SF_STATE_ADOPTED | SF_STATE_REAL_MAX * SF_STATE_REAL_ONE)) != 0)
/* Has the generation an object that libc knows, open or waiting? */
#define SF_STATE_RUNS(s) (SF_STATE_OPEN(s) || ((s)&SF_STATE_WAITS) != 0)
#define SF_STATE_MARKS   (SF_STATE_WHOLE | SF_STATE_NAMED | SF_STATE_CLOSED | SF_STATE_AGAIN)
/* A closed record in this generation. */
#define SF_STATE_OF_GEN(gen) ((uint64_t)(gen) << 32)

/*
 * So many references of libc's are enough for any host whose closes are not seen. A host that opens an object more
 * often than that and does not close it (Python's ctypes) need not ask libc each time.
 */
#define SF_OBJECT_ENOUGH 64

/* The generation alone: the upper half of the state, in one load. */
SF_INLINE const uint32_t *
sf_object_gen(const struct sf_object *o)
{
	return (const uint32_t *)(const void *)&o->state + (__BYTE_ORDER__ != __ORDER_BIG_ENDIAN__);
}

SF_INLINE bool
sf_object_is_gen(const struct sf_object *o, uint32_t gen)
{
	return sf_holds_32(sf_object_gen(o), gen);
}

/*
 * The handle of the two records below, in place of RTLD_DEFAULT's 0, which memory that was never
 * written has, too: an address in the half that no object has.
 */
#define SF_OBJECT_DEFAULT ((uintptr_t)(intptr_t)-0x7fffffff)

/* The generation of RTLD_DEFAULT answers from the initial set, which never ends. */
extern SF_HIDDEN struct sf_object sf_object_permanent;
/* The generation of negative answers of the global scope: ends at every RTLD_GLOBAL load. */
extern SF_HIDDEN struct sf_object sf_object_global;

/* Enters the initial set, from main to `tail`. */
void sf_object_init(struct link_map *main, struct link_map *tail);
void sf_object_reset_locks(void);

/*
 * A place says which record it has: 0, none, until it is needed, and from then on always the same.
 * So records are handed out one after the other, and those of the initial set share their pages.
 */
#define SF_OBJECT_WAYS 8
#define SF_OBJECT_SETS 256
#define SF_OBJECT_MOST (SF_OBJECT_WAYS * SF_OBJECT_SETS)
extern SF_HIDDEN struct sf_object sf_object_records[SF_OBJECT_MOST + 1];
extern SF_HIDDEN uint16_t sf_object_places[SF_OBJECT_MOST];

SF_INLINE uint16_t *
sf_object_set(const void *handle)
{
	uint64_t x = (uint64_t)(uintptr_t)handle * 0x9e3779b97f4a7c15ull;

	return sf_object_places + (x >> 56) * SF_OBJECT_WAYS;
}

/* The record of a handle, or NULL. Wait-free. */
SF_INLINE struct sf_object *
sf_object_find(const void *handle)
{
	const uint16_t *set = sf_object_set(handle);

	for (int i = 0; i < SF_OBJECT_WAYS; i++) {
		struct sf_object *o = &sf_object_records[sf_load_16(&set[i])];

		/* The place leads to the record: no fence is needed to see the handle it was given first. */
		if (sf_load_64((const uint64_t *)&o->handle) == (uintptr_t)handle)
			return handle != NULL ? o : NULL;
	}
	return NULL;
}

/* Has libc a reference for one more of the host's? */
SF_INLINE bool
sf_object_may_elide(uint64_t s)
{
	uint32_t real = SF_STATE_REAL(s), held = SF_STATE_HELD(s);

	return held < real || (real >= SF_OBJECT_ENOUGH && held < SF_STATE_HELD_MAX);
}

/* May one be given back without libc? Never the last, and only of those that are wanted again. */
SF_INLINE bool
sf_object_may_keep(uint64_t s)
{
	uint32_t held = SF_STATE_HELD(s);

	return held > 1 && ((s & SF_STATE_AGAIN) || held > SF_STATE_REAL(s));
}

/* One more reference without libc, if this lifetime still runs. Lock-free. */
SF_INLINE bool
sf_object_elide(struct sf_object *o, uint32_t gen)
{
	for (;;) {
		uint64_t s = sf_load_64(&o->state);

		/*
		 * What cannot be unloaded needs no reference of libc's to stay. A name leads to an object as long
		 * as that is open: a retained object's next opening is not whole, though its generation is the same.
		 */
		if (SF_STATE_GEN(s) != gen || !(s & SF_STATE_WHOLE) ||
		    !(sf_object_may_elide(s) ||
		      (o->permanent && SF_STATE_HELD(s) < SF_STATE_HELD_MAX)))
			return false;
		if (sf_likely(sf_cas_64(&o->state, s, s + 1))) {
			sf_fence_acquire(); /* what others did before they published the object */
			return true;
		}
	}
}

/* Does the record have this handle? For callers that have read `state` before, and change no other one. */
SF_INLINE bool
sf_object_has(const struct sf_object *o, const void *handle)
{
	sf_fence_load(); /* state first: as a pair they change while the record is closed */
	return sf_load_64((const uint64_t *)&o->handle) == (uintptr_t)handle;
}

/* Gives a reference back without libc; false if that cannot be. Lock-free. */
SF_INLINE bool
sf_object_give_back(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);

	while (o != NULL) {
		uint64_t s = sf_load_64(&o->state);

		if (!sf_object_has(o, handle) ||
		    !(sf_object_may_keep(s) ||
		      (o->permanent && SF_STATE_HELD(s) > SF_STATE_REAL(s))))
			return false;
		sf_fence_release(); /* our use of the object ends before another's last close */
		if (sf_likely(sf_cas_64(&o->state, s, s - 1)))
			return true;
	}
	return false;
}

/* Does this address lie in the record's object, which is of the initial set? */
SF_INLINE bool
sf_object_is_caller(const struct sf_object *o, const void *address)
{
	return (uintptr_t)address - o->code_start < o->code_size;
}

/*
 * What RTLD_NEXT finds from this object of the initial set has a record of its own: permanent, with the same
 * range, and with a handle that no object has. Made at the first question. NULL: there is none left.
 */
const struct sf_object *sf_object_behind(struct sf_object *o);

SF_INLINE uintptr_t
sf_object_behind_handle(uintptr_t handle)
{
	return ~handle;
}

/* Is the object behind this link map part of the initial set? */
bool sf_object_initial(const struct link_map *l);

/*
 * The lifetime that answers for this handle may be kept under: false if the handle is not known to be
 * open. The generation must be read by this call *before* libc is asked.
 */
bool sf_object_lifetime(const struct sf_object *o, uint32_t *gen);

/* The same, if the record is still this handle's: it was found without a lock. */
SF_INLINE bool
sf_object_lifetime_of(const struct sf_object *o, const void *handle, uint32_t *gen)
{
	return sf_object_lifetime(o, gen) && sf_object_has(o, handle);
}

/* The same, of a lifetime that is known to be complete: its dlopen may be answered (CONTRACT 31). */
bool sf_object_whole_lifetime(const struct sf_object *o, const void *handle, uint32_t *gen);

/* The file of the lifetime that runs, and its length; NULL if it is not known. What was made of it counts only
 * if that lifetime runs still. */
const char *sf_object_file(const struct sf_object *o, size_t *len);

/*
 * libc has just returned `handle` from a dlopen: one more real reference, perhaps a new lifetime. Returns its
 * generation, 0 if it could not be counted.
 */
uint32_t sf_object_opened(void *handle);
/* That call mapped the object and has run its constructors: that lifetime may be elided (CONTRACT 31). */
void sf_object_complete(const void *handle, uint32_t gen);
/* libc has just given us a reference of our own. NULL: the record could not take it. */
struct sf_object *sf_object_adopted(void *handle, uint32_t *gen);

/*
 * How often libc's dlclose is to be called: 0, the reference stays with us. The last call is the host's, those
 * before it give back what was ours. SF_CLOSE_UNKNOWN: once; nothing is known of this handle.
 * `real_first`: a reference goes back to libc as long as it has two; for callers that libc answers.
 */
#define SF_CLOSE_UNKNOWN (-1)
int sf_object_close(void *handle, bool real_first);

/*
 * Does the last close leave the generation to sf_object_end()? Set once, at start. A caller of libc's dlclose in
 * the host's place then calls that first.
 */
extern SF_HIDDEN bool sf_object_ends_late;
/* libc may unload the object now: if it was not opened again its generation ends. */
void sf_object_end(const void *handle);

/*
 * ld.so has unloaded something, and holds its lock: ends the lifetimes of what is gone, however it was closed. To be
 * called at each of its notices (sf_changes_on_move).
 */
SF_HIDDEN void sf_object_moved(bool settled);

/* RTLD_GLOBAL load begins / has returned: no global negative is kept or valid in between. */
/* libc has unloaded it, whatever the host has opened meanwhile: no reference counts any more. */
void sf_object_ended(const void *handle);

void sf_object_global_begin(void);
void sf_object_global_end(void);
/* May a global negative be kept now? If so, under which generation. */
bool sf_object_global_lifetime(uint32_t *gen);
/* Has there been none at all? */
bool sf_object_global_untouched(void);
/* In the child after fork: loads that other threads were in the middle of have ended. */
void sf_object_global_settle(void);

/*
 * The host gets hold of libc's own dlclose or dlopen: end every lifetime that is not permanent and keep
 * no more. Calls `replay(handle, name)` for each elided reference (true: libc has counted it), and
 * `drop(handle)` for each reference that is our own. May be called again, by any thread.
 */
void sf_object_retire_all(bool (*replay)(void *, const char *), void (*drop)(void *));
bool sf_object_retired(void);

/* ---- for object.c and object_end.c ---- */

extern SF_HIDDEN uint32_t sf_object_taken;       /* records so far */
extern SF_HIDDEN uint8_t sf_object_kept_no_more; /* set by sf_object_retire_all() */

/* The state that ends a lifetime. */
SF_INLINE uint64_t
sf_object_end_of(uint64_t s, bool permanent)
{
	if (permanent)
		return SF_STATE_OF_GEN(SF_STATE_GEN(s)) | (s & SF_STATE_MARKS);
	return SF_STATE_OF_GEN(SF_STATE_GEN(s) + 1);
}

#endif
