// SPDX-License-Identifier: BSD-2-Clause
// layout.h: the shared map's arrays in one reservation; they are filled by table.h and cell.h.
#ifndef SF_LAYOUT_H
#define SF_LAYOUT_H

#include "../base/atomic.h"

#define SF_SLAB      16384u
#define SF_SLABS_PAD 5 /* a torn length reads up to 64 KiB past an entry */

struct sf_cell;

/*
 * A look-up touches one place of each array, at random: an array that is larger than what is in it costs a page fault
 * for each new name. So each begins with FIRST sets (powers of two) and grows, up to MOST, by a new mask: a reader
 * that has another one looks in a set, too, and finds nothing there that is not so. What is left in the wrong set is
 * found no more, and learnt again; only the index is put in order.
 */
struct sf_layout_size {
	uint32_t sets, most;
	uint32_t lost; /* what had to give way since it has this size; approximate */
};

struct sf_table {
	char *entries; /* entry number n stands at entries + n * 64; 0 is never used */
	struct sf_cell *cells;
	uint64_t *index;
	uint64_t index_mask; /* sets - 1 */
	uint64_t *doorkeeper;
	uint64_t doorkeeper_mask;
	uint64_t seed;
	/* Under the lock of table.c. */
	uint8_t *slab_class; /* class + 1 of each slab, 0: not carved yet */
	uint32_t slabs, slabs_used;
	uint32_t slabs_open; /* may be written */
	uint32_t index_used; /* slots */
	struct sf_layout_size cells_size, doorkeeper_size, index_size;
};

extern SF_HIDDEN struct sf_table sf_table;

/*
 * To be called first where memory costs as soon as it is mapped: entries are made writable piece by
 * piece then, by a system call for each.
 */
void sf_layout_grow(void);
/* Reserves `kib` KiB and touches none of them. False: no memory. */
bool sf_layout_reserve(unsigned int kib);
/*
 * Gives the table of cells its size, which stands in its memory: done when a thread first has a use for it.
 * Until then it is a table of one set. Any thread, as often as one likes.
 */
void sf_layout_open(void);
/* Something had to give way in this array. One quarter of its sets later it is four times as large. */
void sf_layout_lost(struct sf_layout_size *size);

/* The next size. */
SF_INLINE uint32_t
sf_layout_larger(const struct sf_layout_size *size)
{
	return size->sets < size->most / 4 ? size->sets * 4 : size->most;
}

SF_INLINE void
sf_layout_may_grow(struct sf_layout_size *size)
{
	if (sf_unlikely(size->sets < size->most))
		sf_layout_lost(size);
}

/* Both. */
bool sf_layout_init(unsigned int kib);

#endif
