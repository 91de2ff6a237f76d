// SPDX-License-Identifier: BSD-2-Clause
// object.h: a type-stable record for each handle: generation, reference counts, name for errors.
//
// Invariants
//  - `gen` only grows. An answer kept under (record, gen) is valid while the two still agree; it was
//    learnt after reading gen, with the handle open, so it belongs to that life of the handle.
//  - `state` packs gen, the libc references we have seen (real), those handed out without libc
//    (elided) and whether we hold one of our own (adopted). It changes by CAS only. The last close
//    takes it to closed, with the next gen, *before* libc is called: a handle address that libc
//    reuses can therefore never meet an answer of its former life.
//  - elided > 0 implies real > 0 or permanent: giving an elided reference back never unloads, and the close that
//    reaches libc last is the host's last one.
//  - Records of the initial set (permanent) never change gen: those objects are never unloaded.
// Progress: readers are wait-free, state changes and claiming a record lock-free; taking one from a
// closed handle tries a lock and does without if it is taken. Source of the idea: sequence numbers of glibc's elf/dl-find_object.c.
#ifndef SF_OBJECT_H
#define SF_OBJECT_H

#include "../base/atomic.h"
#include <link.h>

#define SF_OBJECT_FILE_MAX 104

struct sf_object {
	/* Line 0: read at every hit, written when a life ends. */
	uint32_t gen;
	uint8_t permanent;
	uint8_t file_len; /* of `file`; 0: too long to keep, no negative answers */
	uint8_t elidable; /* this life began in a load of ours: its constructors are over */
	uint8_t unused;
	uintptr_t handle;
	/* Objects of the initial set that are not symbolic: their range, for RTLD_DEFAULT's callers. */
	uintptr_t code_start;
	uintptr_t code_size;
	const char *named;             /* l_name, whose bytes are */
	char file[SF_OBJECT_FILE_MAX]; /* for error texts */
	/* A line of its own: written by every elided dlopen and dlclose. */
	SF_CACHE uint64_t state;
};

/* state: gen in the high half, then adopted (1 bit), real (11 bits), elided (20 bits). */
#define SF_STATE_GEN(s)     ((uint32_t)((s) >> 32))
#define SF_STATE_ADOPTED    (1ull << 31)
#define SF_STATE_REAL_ONE   (1ull << 20)
#define SF_STATE_REAL_MAX   0x7ffu
#define SF_STATE_ELIDED_MAX 0xfffffu
#define SF_STATE_REAL(s)    ((uint32_t)((s) >> 20) & SF_STATE_REAL_MAX)
#define SF_STATE_ELIDED(s)  ((uint32_t)(s)&SF_STATE_ELIDED_MAX)
#define SF_STATE_OPEN(s)    ((uint32_t)(s) >> 20 != 0)

/*
 * The handle of the two records below, in place of RTLD_DEFAULT's 0, which memory that was never
 * written has, too: an address in the half that no object has.
 */
#define SF_OBJECT_DEFAULT ((uintptr_t)(intptr_t)-0x7fffffff)

/* The generation of RTLD_DEFAULT answers from the initial set, which never ends. */
extern struct sf_object sf_object_permanent;
/* The generation of negative answers of the global scope: ends at every RTLD_GLOBAL load. */
extern struct sf_object sf_object_global;

/* Enters the initial set, from main to `tail`. */
void sf_object_init(struct link_map *main, struct link_map *tail);
void sf_object_reset_locks(void);

/*
 * A place says which record it has: 0, nobody's, until it is needed, and from then on always the same.
 * So records are handed out one after the other, and those of the initial set share their pages.
 */
#define SF_OBJECT_WAYS 8
#define SF_OBJECT_SETS 256
#define SF_OBJECT_MOST (SF_OBJECT_WAYS * SF_OBJECT_SETS)
extern struct sf_object sf_object_records[SF_OBJECT_MOST + 1];
extern uint16_t sf_object_places[SF_OBJECT_MOST];

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

/* One more reference without libc, if this life still runs. Lock-free. */
SF_INLINE bool
sf_object_elide(struct sf_object *o, uint32_t gen)
{
	for (;;) {
		uint64_t s = sf_load_64(&o->state);

		/* What cannot be unloaded needs no reference of libc's to stay. */
		if (SF_STATE_GEN(s) != gen || (SF_STATE_REAL(s) == 0 && !o->permanent) ||
		    SF_STATE_ELIDED(s) == SF_STATE_ELIDED_MAX)
			return false;
		if (sf_likely(sf_cas_64(&o->state, s, s + 1))) {
			sf_fence_acquire(); /* what others did before they published the object */
			return true;
		}
	}
}

/* Gives such a reference back; false if there is none. Lock-free. */
SF_INLINE bool
sf_object_give_back(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);

	while (o != NULL) {
		uint64_t s = sf_load_64(&o->state);

		if (sf_load_64((const uint64_t *)&o->handle) != (uintptr_t)handle ||
		    SF_STATE_ELIDED(s) == 0)
			return false;
		sf_fence_release(); /* our use of the object ends before another's last close */
		if (sf_likely(sf_cas_64(&o->state, s, s - 1)))
			return true;
	}
	return false;
}
/* Does this address lie in the record's object, and is that a plain caller (CONTRACT 20)? */
SF_INLINE bool
sf_object_is_caller(const struct sf_object *o, const void *address)
{
	return (uintptr_t)address - o->code_start < o->code_size;
}

/* Is the object behind this link map part of the initial set? */
bool sf_object_initial(const struct link_map *l);

/*
 * The life that answers for this handle may be kept under: false if the handle is not known to be
 * open. The generation must be read by this call *before* libc is asked.
 */
bool sf_object_life(const struct sf_object *o, uint32_t *gen);

/* The same, if the record is still this handle's: it was found without a lock. */
SF_INLINE bool
sf_object_life_of(const struct sf_object *o, const void *handle, uint32_t *gen)
{
	return sf_object_life(o, gen) &&
	       sf_load_64((const uint64_t *)&o->handle) == (uintptr_t)handle;
}

/* libc has just returned `handle` from a dlopen: one more real reference, perhaps a new life. */
void sf_object_opened(void *handle);
/* That call mapped the object and has run its constructors: it may be elided (CONTRACT 31). */
void sf_object_complete(const void *handle);
/* libc has just given us a reference of our own. False: the record could not take it. */
bool sf_object_adopted(void *handle, uint32_t *gen);

enum sf_close {
	SF_CLOSE_ELIDED,     /* given back, libc need not know */
	SF_CLOSE_LIBC,       /* libc must be called once; it has a reference to give back */
	SF_CLOSE_UNKNOWN,    /* libc must be called once; no books are kept for this handle */
	SF_CLOSE_LIBC_TWICE, /* the life ended; drop our own reference first, then the host's */
};
/* `real_first`: not an elided reference as long as libc has two; for callers that libc answers. */
enum sf_close sf_object_close(void *handle, bool real_first);

/* RTLD_GLOBAL load begins / has returned: no global negative is kept or valid in between. */
void sf_object_global_begin(void);
void sf_object_global_end(void);
/* May a global negative be kept now? If so, under which generation. */
bool sf_object_global_life(uint32_t *gen);
/* Has there been none at all? */
bool sf_object_global_untouched(void);
/* In the child after fork: loads that other threads were in the middle of have ended. */
void sf_object_global_settle(void);

/*
 * The host gets hold of libc's own dlclose or dlopen: end every life that is not permanent and keep
 * no more. Calls `replay(handle, name)` for each elided reference (true: libc has counted it), and
 * `drop(handle)` for each reference that is our own. May be called again, by any thread.
 */
void sf_object_retire_all(bool (*replay)(void *, const char *), void (*drop)(void *));
bool sf_object_retired(void);

#endif
