// SPDX-License-Identifier: BSD-2-Clause
// cell.h: cells: answers found by the name's address, one cache line each.
//
// A cell holds the answer and the name, up to 32 bytes with its NUL, so that a hit compares 32 bytes
// of the host's as they stand: no length, no loop, no second line of ours but the lifetime's generation.
// The tag holds the low half of the name's address, and with it its place in its page: names that
// end a page have no cell, so a reader that finds its tag may read 32 bytes, whatever the cell says.
// For all else (a longer name, a version, a path to open, a negative answer) the cell refers to the entry of the
// map, in which everything is compared again.
//
// All threads share one table: a hit only reads it. A signal handler may rewrite a cell in the middle of a
// look-up of its own thread.
//
// Concurrency: a cell is a seqlock (ck_sequence's protocol; readers never spin). Writers hold one
// try-lock; on contention the cell stays as it is. Readers are wait-free.
#ifndef SF_CELL_H
#define SF_CELL_H

#include "table.h"

#define SF_CELL_WAYS 2
#define SF_CELL_ROOM 32

struct sf_cell {
	uint32_t seq;  /* even while written; 0: never used, as if it were written for ever */
	uint32_t gen;  /* of the lifetime */
	uint32_t tag;  /* low half of the name's address; 0 if never used */
	uint32_t care; /* a bit for each byte of the name, its NUL included */
	void *value;   /* or an entry, or what a mark says */
	/*
	 * How far the lifetime stands from this cell; its `handle` is the question's. Of a cell that was never
	 * used this is the cell itself.
	 */
	uint64_t lifetime;
	char name[SF_CELL_ROOM];
};
_Static_assert(sizeof(struct sf_cell) == 64, "one cache line");
_Static_assert(SF_CELL_ROOM == SF_SHORT_MAX, "what sf_bytes_load_short reads");

/* A table carries its mask in the word before its cells: table and size are read as one. */
#define SF_CELL_HEADER 64

/* Bytes that a table of this many sets takes; copies of names read a block past its last cell. */
#define SF_CELL_SLACK 16
#define SF_CELL_BYTES(sets)                                                                        \
	(SF_CELL_HEADER + (size_t)(sets)*SF_CELL_WAYS * sizeof(struct sf_cell) + SF_CELL_SLACK)

/* Makes a table of `sets` sets, a power of two, in zeroed memory aligned to 64 bytes. */
SF_INLINE struct sf_cell *
sf_cell_table(void *area, uint32_t sets)
{
	uint64_t *header = area;

	header[SF_CELL_HEADER / 8 - 1] =
		(uint64_t)(sets - 1) * SF_CELL_WAYS * sizeof(struct sf_cell);
	return (struct sf_cell *)(void *)((char *)area + SF_CELL_HEADER);
}

SF_INLINE uint64_t
sf_cell_mask(const struct sf_cell *cells)
{
	return ((const uint64_t *)(const void *)cells)[-1];
}

/*
 * Cost: one multiplication. The set is an offset in bytes. Names of one table of strings spread evenly
 * (the multiplier is Knuth's, 2^32 by the golden ratio); handles are multiples of 16, and move them on.
 */
SF_INLINE struct sf_cell *
sf_cell_set(struct sf_cell *cells, uintptr_t handle, const char *name)
{
	uint64_t key = ((uintptr_t)name + handle * 8) * 0x61c88647;

	return (struct sf_cell *)(void *)((char *)cells + (key >> 25 & sf_cell_mask(cells)));
}

SF_INLINE uint32_t
sf_cell_tag(const char *name)
{
	return (uint32_t)(uintptr_t)name;
}

/*
 * The number that a cell must still have at the end. An even one never has it: the zeros of a cell that
 * was never used match a key of zeros in every field but this one.
 */
SF_INLINE uint32_t
sf_cell_seq(const struct sf_cell *c)
{
	uint32_t seq = sf_load_32(&c->seq) | 1u;

	sf_fence_load(); /* pairs with the store fence after the writer made seq even */
	return seq;
}

SF_INLINE bool
sf_cell_whole(const struct sf_cell *c, uint32_t seq)
{
	sf_fence_load(); /* pairs with the store fence before the writer makes seq odd again */
	return sf_holds_32(&c->seq, seq);
}

/*
 * The cell of a set that has this tag, or NULL. The number is read before the tag is looked at: what
 * is found under it afterwards is of this name, or the number has changed.
 */
SF_INLINE const struct sf_cell *
sf_cell_tagged(const struct sf_cell *set, uint32_t tag, uint32_t *seq)
{
	_Static_assert(SF_CELL_WAYS == 2, "unrolled");
	*seq = sf_cell_seq(set);
	if (sf_likely(sf_holds_32(&set->tag, tag)))
		return set;
	*seq = sf_cell_seq(++set);
	return sf_holds_32(&set->tag, tag) ? set : NULL;
}

/* Does the cell's name stand at `name`? The tag has been found to be this address's. */
#ifdef SF_BYTES_WIDE
SF_INLINE bool
sf_cell_same(const struct sf_cell *c, const char *name)
{
	return sf_clear_32(&c->care, ~sf_bytes_same_32(name, c->name));
}

#else
SF_INLINE bool
sf_cell_same(const struct sf_cell *c, const char *name)
{
	for (size_t i = 0; i < SF_CELL_ROOM; i++) {
		char kept = (char)sf_load_8((const uint8_t *)&c->name[i]);

		if (name[i] != kept)
			return false;
		if (kept == '\0')
			return true;
	}
	return false;
}

#endif

SF_INLINE const struct sf_object *
sf_cell_lifetime(const struct sf_cell *c)
{
	return (const struct sf_object *)(const void *)((const char *)c + sf_load_64(&c->lifetime));
}

/* What a cell says of a question, as far as it is read. */
struct sf_cell_reading {
	const struct sf_object *lifetime;
	void *value;
	uint32_t gen;
};

SF_INLINE void
sf_cell_read_rest(const struct sf_cell *c, struct sf_cell_reading *r)
{
	sf_fence_load(); /* pairs with the store fence between lifetime and tag */
	r->lifetime = sf_cell_lifetime(c);
	r->gen = sf_load_32(&c->gen);
	r->value = sf_load_ptr(&c->value);
}

/* Reads it; false if another name stands at the address. */
SF_INLINE bool
sf_cell_read(const struct sf_cell *c, const char *name, struct sf_cell_reading *r)
{
	if (sf_unlikely(!sf_cell_same(c, name)))
		return false;
	sf_cell_read_rest(c, r);
	return true;
}

/* The handle before its generation: a record that changes hands changes both at once. */
SF_INLINE bool
sf_cell_of_handle(const struct sf_cell_reading *r, uintptr_t handle)
{
	return sf_holds_64(&r->lifetime->handle, handle);
}

/* At last: was it all of one writing, in a lifetime that still runs? */
SF_INLINE bool
sf_cell_still(const struct sf_cell *c, uint32_t seq, const struct sf_cell_reading *r)
{
	sf_fence_load(); /* the handle before the generation, which changes with it */
	return sf_likely(sf_object_is_gen(r->lifetime, r->gen)) && sf_likely(sf_cell_whole(c, seq));
}

/*
 * A value for this question (SF_OBJECT_DEFAULT: of RTLD_DEFAULT), from a cell that has its tag, seen
 * with this number before. "No" says nothing. Budget: 22 instructions; two cache lines, the cell
 * and the lifetime.
 */
SF_INLINE bool
sf_cell_value(const struct sf_cell *c, uint32_t seq, uintptr_t handle, const char *name,
	      void **value)
{
	struct sf_cell_reading r;

	if (sf_unlikely(!sf_cell_read(c, name, &r) || !sf_cell_of_handle(&r, handle) ||
			!sf_cell_still(c, seq, &r)))
		return false;
	*value = r.value;
	return true;
}

/*
 * The lifetimes of cells that hold no value, which no handle matches: of a reference, whose `value` is an entry of
 * the map; and of a mark.
 */
extern SF_HIDDEN const struct sf_object sf_cell_reference, sf_cell_no_value;

/*
 * The entry that the cell of this address refers to, or NULL. What the entry answers is to be found out
 * (sf_entry_answers): it may be another question's by now.
 */
SF_INLINE const struct sf_entry *
sf_cell_entry(const struct sf_cell *c, uint32_t seq)
{
	const struct sf_object *lifetime = sf_cell_lifetime(c);
	const struct sf_entry *e = sf_load_ptr(&c->value);

	return lifetime == &sf_cell_reference && sf_cell_whole(c, seq) ? e : NULL;
}

/* The same where nothing else is of use: dlvsym, dlopen. */
SF_INLINE const struct sf_entry *
sf_cell_set_entry(const struct sf_cell *set, const char *name)
{
	uint32_t seq;
	const struct sf_cell *c = sf_cell_tagged(set, sf_cell_tag(name), &seq);

	return c != NULL ? sf_cell_entry(c, seq) : NULL;
}

/*
 * A mark: this address's look-up is libc's affair, for the reason in the top byte of `value`, which no address uses;
 * the rest of it is a lifetime. Its tag is the complement of an address's, so that no reader of answers finds it. Nothing else of it is compared: libc is
 * always right, and one call in SF_CELL_MARK_TRUST goes the whole way, which replaces a mark that is outdated.
 */
#define SF_CELL_MARK_TRUST 128
#define SF_CELL_WHY_SHIFT  56

SF_INLINE bool
sf_cell_marked(const struct sf_cell *c, const char *name)
{
	return sf_holds_32(&c->tag, ~sf_cell_tag(name));
}

SF_INLINE uint8_t
sf_cell_mark_why(const struct sf_cell *c)
{
	const uint8_t *bytes = (const uint8_t *)&c->value;

	return sf_load_8(&bytes[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : 7]);
}

/* Marks this address in its set. The mark gives way when that lifetime has ended. */
void sf_cell_mark(struct sf_cell *set, const char *name, const struct sf_object *lifetime,
		  uint32_t gen, uint8_t why);

/*
 * May this address have a cell? Not where 32 bytes would leave the page; and valgrind would report what a hit reads
 * past the NUL.
 */
SF_INLINE bool
sf_cell_has_room(const char *name)
{
	return ((uintptr_t)name & 4095) <= 4096 - SF_CELL_ROOM && !sf_bytes_careful;
}

/* Where a question has its cell: that of a version by both addresses. */
SF_INLINE struct sf_cell *
sf_cell_set_of(struct sf_cell *cells, const struct sf_question *q)
{
	return sf_cell_set(cells, q->handle + (uintptr_t)q->version, q->name);
}

/*
 * Remembers the answer of entry number `entry` under the question's address. All of it is copied from the entry:
 * the host's string may have changed since. False: this address has no cells.
 */
bool sf_cell_keep(const struct sf_question *q, uint32_t entry);

/* In the child after fork: frees the lock, and the cell a dead thread was writing. */
void sf_cell_forked(void);

#endif
