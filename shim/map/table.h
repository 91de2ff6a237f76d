// SPDX-License-Identifier: BSD-2-Clause
// table.h: the shared map: questions and libc's answers, bounded, read without a lock.
//
// Four arrays in one reservation:
//  cells    whole answers of dlsym under short names, found by the *address* of the name, and once more
//           by its content, for names that stand in a fresh buffer at each call (cell.h).
//  hints    8-byte slots {tag, entry} for all other questions: a guess, found by the address of the
//           name; every guess is verified in the entry.
//  index    8-byte slots {tag, entry}: sets of 8, found by a keyed hash of the name's *content*.
//  entries  the questions with their answers, in slabs of one size class each; type-stable.
// A doorkeeper (the last four 16-bit fingerprints per bucket) lets an answer in only when its
// question is seen for the second time, so endless distinct names do not wash the map out (TinyLFU's doorkeeper,
// Einziger et al. 2017, reduced to one bit of history). Eviction is CLOCK (Corbato 1968) within the
// set and within the size class.
//
// Concurrency: an entry is a seqlock (ck_sequence's protocol; readers never spin: odd or changed
// means miss). Writers hold one lock that is only ever tried. A slot is one atomic word. A stale or
// torn slot leads to an entry that does not match, never to a wrong answer.
#ifndef SF_TABLE_H
#define SF_TABLE_H

#include "../base/bytes.h"
#include "../base/compare.h"
#include "../base/hash.h"
#include "object.h"

#define SF_HINT_WAYS  2
#define SF_TABLE_WAYS 8
#define SF_NAME_MAX   4000 /* longest name plus version, with their NULs */

enum sf_kind {
	SF_KIND_NONE,
	SF_KIND_SYM,  /* dlsym(handle, name) */
	SF_KIND_VSYM, /* dlvsym(handle, name, version) */
	SF_KIND_OPEN, /* dlopen(name, mode): the mode stands for the handle */
};

enum sf_verdict {
	SF_VALUE,    /* the answer is `value` */
	SF_NEGATIVE, /* the answer is NULL and an "undefined symbol" error */
	SF_PASS,     /* cannot be kept: always ask libc, for `reason` */
};

struct sf_entry {
	uint32_t seq; /* odd while written or free */
	uint32_t gen; /* the lifetime of `object` it was learnt in */
	uintptr_t handle;
	void *value;
	struct sf_object *object;
	uint16_t name_len;    /* with NUL */
	uint16_t version_len; /* with NUL; 0: no version */
	uint8_t what;         /* kind and verdict in one byte: SF_WHAT */
	uint8_t ref;          /* CLOCK */
	uint8_t size_class;
	uint8_t unused;
	char name[]; /* name NUL [version NUL] */
};

#define SF_WHAT(kind, verdict) ((uint8_t)((kind) | (verdict) << 4))
#define SF_WHAT_KIND(what)     ((what)&15)
#define SF_WHAT_VERDICT(what)  ((uint8_t)((what) >> 4))

struct sf_question {
	uintptr_t handle;
	const char *name;
	const char *version; /* NULL unless SF_KIND_VSYM */
	enum sf_kind kind;
	const struct sf_object *caller; /* of RTLD_DEFAULT: whom an error names */
	/* Filled by sf_table_hash(). */
	uint32_t name_len, version_len;
	uint64_t hash;
};

struct sf_reply {
	void *value;
	struct sf_object *object;
	uint32_t gen;
	uint8_t verdict;
	uint32_t entry; /* its number, for a hint */
	uint32_t seq;   /* of that entry when it was read */
};

struct sf_cell;

struct sf_table {
	char *entries; /* entry number n stands at entries + n * 64; 0 is never used */
	struct sf_cell *cells;
	struct sf_cell *pairs;
	struct sf_cell *contents;
	uint64_t *index;
	uint64_t index_mask; /* sets - 1 */
	uint64_t *hints;
	uint32_t hint_sets;
	uint64_t *doorkeeper;
	uint64_t doorkeeper_mask;
	uint64_t seed;
};

extern struct sf_table sf_table;
/* Set when the map finds itself overwritten; who sees it tells the breaker. */
extern uint8_t sf_table_damaged;

/*
 * To be called first where memory costs as soon as it is mapped: entries are made writable piece by
 * piece then, by a system call for each.
 */
void sf_table_grow(void);
/* Reserves `kib` KiB and touches none of them. False: no memory. */
bool sf_table_reserve(unsigned int kib);
/*
 * Gives the tables of cells and slots their sizes, which stand in their memory: done when a thread first
 * has a use for them. Until then they are tables of one set. Any thread, as often as one likes.
 */
void sf_table_open(void);
/* Both. */
bool sf_table_init(unsigned int kib);
/* In the child after fork: frees the lock, and the entry a dead thread was writing. */
void sf_table_forked(void);

/* Lengths and hash of a question; false if it is too long to be kept. */
bool sf_table_hash(struct sf_question *q);
/* The hash of a short name, also that of sf_table_hash: handle and kind are part of the key. */
SF_INLINE uint64_t
sf_table_hash_short(const struct sf_short *name, uintptr_t handle, enum sf_kind kind)
{
	return sf_hash_short(name, sf_table.seed + (handle + kind) * 0x9e3779b97f4a7c15ull);
}

/* Answers by content. */
bool sf_table_find(const struct sf_question *q, struct sf_reply *r);
/* Has the question been seen before? Notes that it has now. */
bool sf_table_seen(uint64_t hash);
/* Keeps a reply (object, gen, verdict, value). False: no room, or the lock was taken. */
bool sf_table_keep(const struct sf_question *q, struct sf_reply *r);

/* ---- hints ---- */

/*
 * A slot: tag in the high half; below it the entry's distance from the first one, whose low 6 bits
 * are free and count strikes (a map of 1 GiB ends at 2^30). Entry 0 with a tag: this address is known
 * to hold changing names; entry 0 itself is never written and answers nothing.
 */
#define SF_SLOT(key, n, strikes) ((key) << 32 | (uint64_t)(n) << 6 | (strikes))
#define SF_SLOT_TAG(slot)        ((uint32_t)((slot) >> 32))
#define SF_SLOT_ENTRY(slot)      ((uint32_t)(slot) >> 6)
#define SF_SLOT_STRIKES(slot)    ((uint32_t)(slot)&63u)
#define SF_SLOT_STRIKES_MAX      3u
#define SF_HINT_UNKNOWN          0xffffffffu

/*
 * Where a question's hint is: bits 40 and up choose the set, the low half is the tag. The product's
 * low half depends on the low half of the factor only, and loses nothing of it.
 * Cost: one multiplication.
 */
SF_INLINE uint64_t
sf_hint_key(uintptr_t handle, const char *name, const char *version, enum sf_kind kind)
{
	uint64_t x = (uintptr_t)name ^ (handle << 20 | handle >> 44);

	if (kind == SF_KIND_VSYM)
		x ^= (uintptr_t)version << 33 | (uintptr_t)version >> 31;
	if (kind != SF_KIND_SYM)
		x += kind;
	return x * 0x9e3779b97f4a7c15ull;
}

/*
 * A hint table carries its size in the word before its slots, so that table and size are read as
 * one.
 */
#define SF_HINT_HEADER 8 /* words before the slots: one line */

SF_INLINE uint32_t
sf_hint_mask(const uint64_t *hints)
{
	return (uint32_t)hints[-1];
}

/* Makes a table of `sets` sets in `area`, SF_HINT_HEADER words longer than its slots. */
SF_INLINE uint64_t *
sf_hint_table(uint64_t *area, uint32_t sets)
{
	area[SF_HINT_HEADER - 1] = sets - 1;
	return area + SF_HINT_HEADER;
}

SF_INLINE uint64_t *
sf_hint_set(uint64_t *hints, uint64_t key)
{
	return hints + (size_t)((uint32_t)(key >> 40) & sf_hint_mask(hints)) * SF_HINT_WAYS;
}

SF_INLINE struct sf_entry *
sf_table_entry(uint32_t n)
{
	return (struct sf_entry *)(void *)(sf_table.entries + (size_t)n * 64);
}

/* The halves of a slot, read one by one: a pair that does not belong together leads to an entry
 * that does not match. */
SF_INLINE const uint32_t *
sf_slot_half(const uint64_t *slot, bool high)
{
	return (const uint32_t *)(const void *)slot +
	       (high != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__));
}

/* Where the name's address leads to, as an entry's distance from the first. False: nothing is noted. */
SF_INLINE bool
sf_hint_entry(uint64_t *hints, uint64_t key, uint32_t *at)
{
	const uint64_t *slot = sf_hint_set(hints, key);

	_Static_assert(SF_HINT_WAYS == 2, "unrolled");
	if (sf_unlikely(!sf_holds_32(sf_slot_half(slot, true), (uint32_t)key)) &&
	    !sf_holds_32(sf_slot_half(++slot, true), (uint32_t)key))
		return false;
	*at = sf_load_32(sf_slot_half(slot, false)) & ~63u;
	return true;
}

/*
 * Is the entry this question's, whole, and of a lifetime that still runs? Then `r` has its answer.
 * A torn length can at worst compare 64 KiB of our own padding: sf_bytes_equal stops at the host's
 * NUL, and the sequence number discards the result.
 */
SF_INLINE bool
sf_entry_answers(const struct sf_entry *e, uintptr_t handle, const char *name, const char *version,
		 enum sf_kind kind, struct sf_reply *r)
{
	uint32_t seq = sf_load_32(&e->seq);
	uint32_t len;
	uint8_t what;

	sf_fence_load(); /* pairs with the store fence after the writer made seq odd */
	what = sf_load_8(&e->what);
	len = sf_load_16_wide(&e->name_len);
	if (sf_unlikely(!sf_holds_64(&e->handle, handle) || SF_WHAT_KIND(what) != kind))
		return false;
	if (sf_unlikely(!sf_bytes_equal(name, e->name, len)))
		return false;
	if (kind == SF_KIND_VSYM &&
	    !sf_bytes_equal(version, e->name + len, sf_load_16(&e->version_len)))
		return false;
	r->object = sf_load_ptr(&e->object);
	r->gen = sf_load_32(&e->gen);
	r->value = sf_load_ptr(&e->value);
	r->verdict = SF_WHAT_VERDICT(what);
	r->seq = seq;
	sf_fence_load(); /* pairs with the store fence before the writer makes seq even again */
	return sf_likely(!(seq & 1)) && sf_likely(sf_holds_32(&e->seq, seq)) &&
	       sf_likely(sf_object_is_gen(r->object, r->gen));
}

/* The same for a value under a short name that is already read, in half the instructions. */
SF_INLINE bool
sf_entry_value_short(const struct sf_entry *e, uintptr_t handle, const struct sf_short *name,
		     void **value)
{
	uint32_t seq = sf_load_32(&e->seq) & ~1u, gen; /* of an odd one, the second look differs */
	const struct sf_object *object;

	sf_fence_load(); /* as above */
	if (!sf_holds_64(&e->handle, handle) ||
	    !sf_holds_8(&e->what, SF_WHAT(SF_KIND_SYM, SF_VALUE)) ||
	    sf_load_16_wide(&e->name_len) != name->size || !sf_bytes_short_is(name, e->name))
		return false;
	object = sf_load_ptr(&e->object);
	gen = sf_load_32(&e->gen);
	*value = sf_load_ptr(&e->value);
	sf_fence_load(); /* as above */
	return sf_holds_32(&e->seq, seq) && sf_object_is_gen(object, gen);
}

SF_INLINE uint64_t *
sf_table_set(uint64_t hash)
{
	return sf_table.index + (hash & sf_table.index_mask) * SF_TABLE_WAYS;
}

/* Finds only values of dlsym under short names; `hash` is sf_table_hash_short's. 0: not there. */
SF_INLINE uint32_t
sf_table_value_short(uintptr_t handle, const struct sf_short *name, uint64_t hash, void **value)
{
	const uint64_t *slot = sf_table_set(hash), *end = slot + SF_TABLE_WAYS;

	do {
		uint64_t one = sf_load_64(slot);
		struct sf_entry *e = sf_table_entry((uint32_t)one);

		/* An empty slot with the right tag leads to entry 0, which is of no kind. */
		if ((one ^ hash) >> 32 != 0 || !sf_entry_value_short(e, handle, name, value))
			continue;
		if (!sf_load_8(&e->ref))
			sf_store_8(&e->ref, 1);
		return (uint32_t)one;
	} while (++slot < end);
	return 0;
}

/*
 * Answers by the name's address, from a table of slots. On a miss r->entry is SF_HINT_UNKNOWN where
 * nothing is noted for this address, 0 where it is noted as one whose names change.
 */
SF_INLINE bool
sf_hint_find(uint64_t *hints, uint64_t key, uintptr_t handle, const char *name, const char *version,
	     enum sf_kind kind, struct sf_reply *r)
{
	uint32_t at;

	r->entry = SF_HINT_UNKNOWN;
	if (sf_unlikely(!sf_hint_entry(hints, key, &at)))
		return false;
	r->entry = at / 64;
	return sf_likely(at != 0) &&
	       sf_entry_answers((const struct sf_entry *)(const void *)(sf_table.entries + at),
				handle, name, version, kind, r);
}

/*
 * Remembers that this key leads to entry `n`. A key that led to other entries several times before
 * is a buffer which the host fills anew for each call: it is marked (entry 0) and left to the
 * content hash, so that such a caller does not become a writer at every look-up.
 */
void sf_hint_keep(uint64_t *hints, uint64_t key, uint32_t n);

#endif
