// SPDX-License-Identifier: BSD-2-Clause
// table.h: the shared map: questions and libc's answers, bounded, read without a lock.
//
// Three arrays in one reservation (layout.h):
//  cells    answers under the *address* of the name: whole ones of dlsym under short names, else a reference to
//           the entry (cell.h). A guess: what it leads to is verified.
//  index    8-byte slots {tag, entry}: sets of 8, found by a keyed hash of the name's *content*.
//  entries  the questions with their answers, in slabs of one size class each; type-stable.
// A doorkeeper (the last four 16-bit fingerprints per bucket) lets an answer in only when its
// question is seen for the second time, so endless distinct names do not wash the map out (TinyLFU's doorkeeper,
// Einziger et al. 2017, reduced to one bit of history). Eviction is CLOCK (Corbato 1968) within the
// set and within the size class.
//
// Concurrency: an entry is a seqlock (ck_sequence's protocol; readers never spin: odd or changed
// means miss). Writers hold one try-lock. A slot is one atomic word. A stale or
// torn slot leads to an entry that does not match, never to a wrong answer.
#ifndef SF_TABLE_H
#define SF_TABLE_H

#include "../base/bytes.h"
#include "../base/compare.h"
#include "../base/hash.h"
#include "layout.h"
#include "object.h"

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
	uint32_t entry; /* its number, for a cell */
	uint32_t seq;   /* of that entry when it was read */
};

/* Set when the map finds itself overwritten; the next slow call tells the breaker. */
extern SF_HIDDEN uint8_t sf_table_damaged;

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

SF_INLINE struct sf_entry *
sf_table_entry(uint32_t n)
{
	return (struct sf_entry *)(void *)(sf_table.entries + (size_t)n * 64);
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

/* Does what was read of the entry still hold? */
SF_INLINE bool
sf_entry_still(const struct sf_entry *e, const struct sf_reply *r)
{
	sf_fence_load(); /* as above */
	return sf_holds_32(&e->seq, r->seq) && sf_object_is_gen(r->object, r->gen);
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

#endif
