// SPDX-License-Identifier: BSD-2-Clause
// cell.h: the hint table: whole answers of dlsym, one cache line each, found by the name's address.
//
// A cell holds the answer and the one or two aligned 16-byte blocks of memory in which the name
// stood when it was learnt, so that a hit compares the host's blocks as they are: no length, no
// shift, no second line of ours but the life's generation. Names of more than two blocks, and
// everything that is not dlsym, have slots instead (table.h).
//
// Tables: one shared by all threads, and one for each thread that proves hot (thread.h), which is
// filled from the shared one. The same reader serves both: a signal handler may rewrite a cell of
// its own thread's table in the middle of a look-up.
//
// Concurrency: a cell is a seqlock (ck_sequence's protocol; readers never spin). Writers hold one
// lock that is only ever tried; who does not get it leaves the cell as it is. Readers are wait-free.
#ifndef SF_CELL_H
#define SF_CELL_H

#include "table.h"

#define SF_CELL_WAYS  2
#define SF_CELL_BLOCK 16
#define SF_CELL_ROOM  (2 * SF_CELL_BLOCK)

struct sf_cell {
	uint32_t seq;  /* odd while written; 0: never used */
	uint32_t gen;  /* of `life` */
	uint32_t tag;  /* low half of the name's address: whoever has the same has its alignment */
	uint16_t care; /* bytes of the first block that belong to the name, its NUL included */
	uint16_t skip; /* bytes of the second block that do not; bit 0 clear: there is a second */
	void *value;   /* if it is no value: the life, and in the top byte why */
	const struct sf_object *life; /* its `handle` is the question's; or &sf_cell_no_value */
	unsigned char blocks[SF_CELL_ROOM];
};
_Static_assert(sizeof(struct sf_cell) == 64, "one cache line");

/* A table carries its mask in the word before its cells: table and size are read as one. */
#define SF_CELL_HEADER 64

/* Bytes that a table of this many sets takes; copies of names read a block past its last cell. */
#define SF_CELL_BYTES(sets)                                                                        \
	(SF_CELL_HEADER + (size_t)(sets)*SF_CELL_WAYS * sizeof(struct sf_cell) + SF_CELL_BLOCK)

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

/* Cost: one multiplication. The set is an offset in bytes. */
SF_INLINE struct sf_cell *
sf_cell_set(struct sf_cell *cells, uintptr_t handle, const char *name)
{
	uint64_t key = ((uintptr_t)name ^ handle << 20) * 0x9e3779b97f4a7c15ull;

	return (struct sf_cell *)(void *)((char *)cells + (key >> 32 & sf_cell_mask(cells)));
}

SF_INLINE uint32_t
sf_cell_tag(const char *name)
{
	return (uint32_t)(uintptr_t)name;
}

/* The cell of a set that has this tag, or NULL. */
SF_INLINE const struct sf_cell *
sf_cell_tagged(const struct sf_cell *set, uint32_t tag)
{
	_Static_assert(SF_CELL_WAYS == 2, "unrolled");
	if (sf_likely(sf_holds_32(&set->tag, tag)))
		return set;
	return sf_holds_32(&(++set)->tag, tag) ? set : NULL;
}

/* The number that a cell must still have at the end; of an odd one it is another. */
SF_INLINE uint32_t
sf_cell_seq(const struct sf_cell *c)
{
	uint32_t seq = sf_load_32(&c->seq) & ~1u;

	sf_fence_load(); /* pairs with the store fence after the writer made seq odd */
	return seq;
}

SF_INLINE bool
sf_cell_whole(const struct sf_cell *c, uint32_t seq)
{
	sf_fence_load(); /* pairs with the store fence before the writer makes seq even again */
	return sf_holds_32(&c->seq, seq);
}

/*
 * Do the cell's bytes stand at `name`? The second block is read only if the first one matched and
 * the cell was whole until then: then the host's string does go on there. A zeroed cell has no
 * bytes to care for, so `skip` sends it to the second step, where it fails.
 */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__) && !defined(SF_BYTES_GENERIC)
SF_INLINE bool
sf_cell_same(const struct sf_cell *c, uint32_t seq, const char *name)
{
	const __m128i *host = (const __m128i *)((uintptr_t)name & -(uintptr_t)SF_CELL_BLOCK);
	const __m128i *kept = (const __m128i *)(const void *)c->blocks;
	unsigned int differ = 0xffffu ^ (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(
						_mm_load_si128(host), _mm_load_si128(kept)));

	if (!sf_clear_16(&c->care, differ))
		return false;
	if (!sf_clear_8(&c->skip, 1))
		return true;
	if (seq == 0 || !sf_cell_whole(c, seq))
		return false;
	differ = 0xffffu ^ (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(
				   _mm_load_si128(host + 1), _mm_load_si128(kept + 1)));
	return (differ & ~sf_load_16_wide(&c->skip)) == 0;
}
#else
SF_INLINE bool
sf_cell_same(const struct sf_cell *c, uint32_t seq, const char *name)
{
	size_t at = (uintptr_t)name % SF_CELL_BLOCK;

	if (seq == 0)
		return false;
	do {
		char kept = (char)sf_load_8(&c->blocks[at]);

		if (*name++ != kept)
			return false;
		if (kept == '\0')
			return true;
	} while (++at < SF_CELL_ROOM);
	return false;
}
#endif

/*
 * Is it the cell of this address, and do its bytes stand there? Names of one block that share a set
 * differ in the tag only: without a look at it, `care` of another name would match its neighbour.
 */
SF_INLINE bool
sf_cell_is(const struct sf_cell *c, uint32_t seq, const char *name)
{
	return sf_holds_32(&c->tag, sf_cell_tag(name)) && sf_cell_same(c, seq, name);
}

/*
 * A value for this question, from a cell that was seen with this number. The tag is compared after
 * the number was read: who found the cell by its tag may have found its predecessor. "No" says
 * nothing. Budget: 30 instructions; two cache lines, the cell itself and the life.
 */
SF_INLINE bool
sf_cell_value_since(const struct sf_cell *c, uint32_t seq, uintptr_t handle, const char *name,
		    void **value)
{
	const struct sf_object *life;
	uint32_t gen;

	if (!sf_cell_is(c, seq, name))
		return false;
	sf_fence_load(); /* pairs with the store fence between life and tag: never NULL here */
	life = sf_load_ptr(&c->life);
	gen = sf_load_32(&c->gen);
	*value = sf_load_ptr(&c->value);
	/* The handle before its generation: a record that changes hands ends its generation first. */
	if (!sf_holds_64(&life->handle, handle))
		return false;
	sf_fence_load(); /* pairs with the full fences of object.c between handle and gen */
	return sf_holds_32(&life->gen, gen) && sf_cell_whole(c, seq);
}

SF_INLINE bool
sf_cell_value(const struct sf_cell *c, uintptr_t handle, const char *name, void **value)
{
	return sf_cell_value_since(c, sf_cell_seq(c), handle, name, value);
}

/*
 * dlvsym: a pair of cells, the name's with the answer and the version's. The second is written only
 * while the first holds no value, so a first cell that is whole at the end vouches for both.
 */
SF_INLINE struct sf_cell *
sf_cell_pair(struct sf_cell *pairs, uintptr_t handle, const char *name, const char *version)
{
	return sf_cell_set(pairs, handle + (uintptr_t)version, name);
}

SF_INLINE bool
sf_cell_pair_value(const struct sf_cell *pair, uintptr_t handle, const char *name,
		   const char *version, void **value)
{
	uint32_t seq = sf_cell_seq(pair);

	return sf_cell_is(&pair[1], sf_cell_seq(&pair[1]), version) &&
	       sf_cell_value_since(pair, seq, handle, name, value);
}

/* The life of cells that hold no value: no handle matches it in any generation. */
extern const struct sf_object sf_cell_no_value;

/* What such a cell says. */
struct sf_cell_other {
	const struct sf_cell *cell;
	const struct sf_object *life;
	uint32_t seq, gen;
	uint8_t why; /* a bypass counter (SF_PASS), or SF_CELL_NEGATIVE */
};

#define SF_CELL_NEGATIVE 0xff

/*
 * Is this cell one, and the name's? What was made of it counts only if it is still valid
 * afterwards.
 */
bool sf_cell_find_other(const struct sf_cell *c, uintptr_t handle, const char *name,
			struct sf_cell_other *out);

SF_INLINE bool
sf_cell_valid(const struct sf_cell_other *o)
{
	return sf_cell_whole(o->cell, o->seq) && sf_holds_32(&o->life->gen, o->gen);
}

/* Does a name of `size` bytes with its NUL, at this address, fit a cell? */
SF_INLINE bool
sf_cell_fits(const char *name, size_t size)
{
	return (uintptr_t)name % SF_CELL_BLOCK + size <= SF_CELL_ROOM;
}

/* The name as a valid cell keeps it. Copies of it may read a block further. */
SF_INLINE const char *
sf_cell_name(const struct sf_cell *c, const char *name, size_t *len)
{
	size_t at = (uintptr_t)name % SF_CELL_BLOCK;
	uint32_t skip = sf_load_16_wide(&c->skip), care = sf_load_16_wide(&c->care);
	size_t end = skip & 1 ? 32 - (size_t)__builtin_clz(care | 1)
			      : SF_CELL_BLOCK + (size_t)__builtin_ctz(skip | 1u << SF_CELL_BLOCK);

	*len = end > at ? end - at - 1 : 0;
	return (const char *)c->blocks + at;
}

/*
 * Remembers the answer of entry number `entry` under this address in a table. All of it is copied
 * from the entry: the host's string may have changed since. False: it does not fit a cell.
 */
bool sf_cell_keep(struct sf_cell *cells, const char *name, uint32_t entry);

/* The same for an answer of dlvsym, in a pair. Only values are kept. */
bool sf_cell_keep_pair(struct sf_cell *pairs, const char *name, const char *version,
		       uint32_t entry);

/*
 * Copies a cell of the shared table to where it belongs in another one. Never to the empty table, which
 * all threads share: a signal handler's beat may have put it in the place of the thread's own.
 */
void sf_cell_copy(struct sf_cell *cells, uintptr_t handle, const char *name,
		  const struct sf_cell *from);

/* In the child after fork: frees the lock, and the cell a dead thread was writing. */
void sf_cell_forked(void);

#endif
