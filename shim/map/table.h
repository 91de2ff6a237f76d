// SPDX-License-Identifier: BSD-2-Clause
// table.h: the shared map: questions and libc's answers, bounded, read without a lock.
//
// Three arrays in one reservation:
//  hints    8-byte slots {tag, entry}: a guess, found by the *address* of the name; every guess is
//           verified in the entry. One shared table, and one per hot thread (thread.h).
//  index    8-byte slots {tag, entry}: sets of 8, found by a keyed hash of the name's *content*.
//  entries  the questions with their answers, in slabs of one size class each; type-stable.
// A doorkeeper (the last four 16-bit fingerprints per bucket) lets an answer in only when its question is seen
// for the second time, so endless distinct names do not wash the map out (TinyLFU's doorkeeper,
// Einziger et al. 2017, reduced to one bit of history). Eviction is CLOCK (Corbato 1968) within the
// set and within the size class.
//
// Concurrency: an entry is a seqlock (ck_sequence's protocol; readers never spin: odd or changed
// means miss). Writers hold one lock that is only ever tried. A slot is one atomic word. A stale or
// torn slot leads to an entry that does not match, never to a wrong answer.
#ifndef SF_TABLE_H
#define SF_TABLE_H

#include "../base/bytes.h"
#include "object.h"

#define SF_HINT_WAYS 2
#define SF_NAME_MAX  4000	/* longest name plus version, with their NULs */

enum sf_kind {
	SF_KIND_NONE,
	SF_KIND_SYM,	/* dlsym(handle, name) */
	SF_KIND_VSYM,	/* dlvsym(handle, name, version) */
	SF_KIND_OPEN,	/* dlopen(name, mode): the mode stands for the handle */
};

enum sf_verdict {
	SF_VALUE,	/* the answer is `value` */
	SF_NEGATIVE,	/* the answer is NULL and an "undefined symbol" error */
	SF_PASS,	/* cannot be kept: always ask libc, for `reason` */
};

struct sf_entry {
	uint32_t seq;		/* odd while written or free */
	uint32_t gen;		/* the life of `object` it was learnt in */
	uintptr_t handle;
	void *value;
	struct sf_object *object;
	union {
		struct {
			uint16_t name_len;	/* with NUL */
			uint16_t version_len;	/* with NUL; 0: no version */
			uint8_t kind;
			uint8_t verdict;
			uint8_t ref;		/* CLOCK */
			uint8_t size_class;
		};
		uint64_t shape;			/* all of these in one load */
	};
	char name[];		/* name NUL [version NUL] */
};

#define SF_SHAPE_NAME(shape)    ((uint32_t)(shape) & 0xffff)
#define SF_SHAPE_VERSION(shape) ((uint32_t)(shape) >> 16)
#define SF_SHAPE_KIND(shape)    ((uint8_t)((shape) >> 32))
#define SF_SHAPE_VERDICT(shape) ((uint8_t)((shape) >> 40))

struct sf_question {
	uintptr_t handle;
	const char *name;
	const char *version;	/* NULL unless SF_KIND_VSYM */
	enum sf_kind kind;
	/* Filled by sf_table_hash(). */
	uint32_t name_len, version_len;
	uint64_t hash;
};

struct sf_reply {
	void *value;
	struct sf_object *object;
	uint32_t gen;
	uint8_t verdict;
	uint32_t entry;		/* its number, for a hint */
	uint32_t seq;		/* of that entry when it was read */
};

struct sf_table {
	char *entries;		/* entry number n stands at entries + n * 64; 0 is never used */
	uint64_t *index;
	uint64_t index_mask;	/* sets - 1 */
	uint64_t *hints;
	uint32_t hint_sets;
	uint64_t *door;
	uint64_t door_mask;
	uint64_t *used;		/* a bit per set of the index: was it ever written? */
	uint64_t seed;
};

extern struct sf_table sf_table;

/* Reserves `kib` KiB. False: no memory. */
bool sf_table_init(unsigned int kib);
/* In the child after fork: frees the lock, and the entry a dead thread was writing. */
void sf_table_forked(void);

/* Lengths and hash of a question; false if it is too long to be kept. */
bool sf_table_hash(struct sf_question *q);
/* Answers by content. Touches one line of the index, none if the set was never written. */
bool sf_table_find(const struct sf_question *q, struct sf_reply *r);
/* Has the question been seen before? Notes that it has now. */
bool sf_table_seen(const struct sf_question *q);
/* Keeps a reply (object, gen, verdict, value). False: no room, or the lock was taken. */
bool sf_table_keep(const struct sf_question *q, struct sf_reply *r);

/* ---- hints ---- */

/*
 * A slot: tag in the high half; then 8 bits of strikes and 24 bits of entry number (a map of 1 GiB
 * has 2^24 units). Entry 0 with a tag: this address is known to hold changing names.
 */
#define SF_SLOT_ENTRY(slot)   ((uint32_t)(slot) & 0xffffffu)
#define SF_SLOT_STRIKES(slot) ((uint32_t)(slot) >> 24)
#define SF_SLOT_STRIKES_MAX   3u
#define SF_HINT_UNKNOWN       0xffffffffu

SF_INLINE uint32_t
sf_hint_tag(uint64_t key)
{
	return (uint32_t)(key >> 8);
}

/* Where a question's hint lives: the set and the tag. Cost: one multiplication. */
SF_INLINE uint64_t
sf_hint_key(uintptr_t handle, const char *name, const char *version, enum sf_kind kind)
{
	uint64_t x = (uintptr_t)name ^ (handle << 20 | handle >> 44);

	if (kind == SF_KIND_VSYM)
		x ^= (uintptr_t)version << 33 | (uintptr_t)version >> 31;
	return (x + kind) * 0x9e3779b97f4a7c15ull;
}

SF_INLINE uint64_t *
sf_hint_set(uint64_t *hints, uint32_t mask, uint64_t key)
{
	return hints + (size_t)((key >> 40) & mask) * SF_HINT_WAYS;
}

/*
 * Is the entry this question's, whole, and of a life that still runs? Then `r` has its answer.
 * Budget of a hit with a name of up to 24 bytes: two lines of ours (entry, object's generation).
 * A torn length can at worst compare 64 KiB of our own padding: sf_bytes_equal stops at the host's
 * NUL, and the sequence number discards the result.
 */
enum sf_names { SF_NAMES_SHORT, SF_NAMES_ANY };

SF_INLINE bool
sf_entry_answers(const struct sf_entry *e, uintptr_t handle, const char *name,
		 const char *version, enum sf_kind kind, enum sf_names names, struct sf_reply *r)
{
	uint32_t seq = sf_load_32(&e->seq);
	uint64_t shape;

	sf_fence_load(); /* pairs with the store fence after the writer made seq odd */
	shape = sf_load_64(&e->shape);
	if (sf_load_64((const uint64_t *)&e->handle) != handle || SF_SHAPE_KIND(shape) != kind)
		return false;
	if (names == SF_NAMES_SHORT
		    ? !SF_BYTES_SHORT(name, SF_SHAPE_NAME(shape)) ||
			      !sf_bytes_equal_short(name, e->name, SF_SHAPE_NAME(shape))
		    : !sf_bytes_equal(name, e->name, SF_SHAPE_NAME(shape)))
		return false;
	if (kind == SF_KIND_VSYM &&
	    !sf_bytes_equal(version, e->name + SF_SHAPE_NAME(shape), SF_SHAPE_VERSION(shape)))
		return false;
	r->object = sf_load_ptr(&e->object);
	r->gen = sf_load_32(&e->gen);
	r->value = sf_load_ptr(&e->value);
	r->verdict = SF_SHAPE_VERDICT(shape);
	r->seq = seq;
	sf_fence_load(); /* pairs with the store fence before the writer makes seq even again */
	if ((seq & 1) || sf_load_32(&e->seq) != seq)
		return false;
	return sf_load_32(&r->object->gen) == r->gen;
}

SF_INLINE struct sf_entry *
sf_table_entry(uint32_t n)
{
	return (struct sf_entry *)(void *)(sf_table.entries + (size_t)n * 64);
}

/*
 * Answers by the name's address, from any hint table. On a miss r->entry is SF_HINT_UNKNOWN where
 * nothing is noted for this address, 0 where it is noted as one whose names change.
 */
SF_INLINE bool
sf_hint_find(uint64_t *hints, uint32_t mask, uint64_t key, uintptr_t handle, const char *name,
	     const char *version, enum sf_kind kind, enum sf_names names, struct sf_reply *r)
{
	const uint64_t *set = sf_hint_set(hints, mask, key);
	uint64_t slot = sf_load_64(&set[0]);

	_Static_assert(SF_HINT_WAYS == 2, "unrolled");
	if ((uint32_t)(slot >> 32) != sf_hint_tag(key)) {
		slot = sf_load_64(&set[1]);
		if ((uint32_t)(slot >> 32) != sf_hint_tag(key)) {
			r->entry = SF_HINT_UNKNOWN;
			return false;
		}
	}
	r->entry = SF_SLOT_ENTRY(slot);
	return r->entry != 0 && sf_entry_answers(sf_table_entry(r->entry), handle, name, version,
						 kind, names, r);
}

/*
 * Remembers that this key leads to entry `n`. A key that led to other entries several times before
 * is a buffer which the host fills anew for each call: it is marked (entry 0) and left to the
 * content hash, so that such a caller does not become a writer at every look-up.
 */
void sf_hint_keep(uint64_t *hints, uint32_t mask, uint64_t key, uint32_t n);

#endif
