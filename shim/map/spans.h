// SPDX-License-Identifier: BSD-2-Clause
// spans.h: the address index of one object: for each address, the symbol that dladdr would name.
//
// A span is a stretch of addresses with one answer; spans are sorted, do not overlap, and between them
// nothing is named. The winner among the symbols that cover an address is the one with the greatest
// start, and of those with equal starts the first in libc's order (contract, 37 and 38): a sweep over
// the symbols sorted by start, with a stack of those that are still open, finds it.
//
// All numbers are offsets from the start of the object's map. Memory: 16 bytes per span, 8 more for a
// symbol that wins again behind a nested one, 4 for about every second span.
//
// Building is cut into slices, so that no call of dladdr pays for all of it. Nothing here allocates.
#ifndef SF_SPANS_H
#define SF_SPANS_H

#include "../image/symbols.h"

struct sf_span {
	uint32_t start, end;
	uint32_t name; /* st_name; behind a nested one: number of its `elsewhere` */
	uint32_t
		symbol; /* number in the symbol table; SF_SPAN_ELSEWHERE added behind a nested one */
};

#define SF_SPAN_ELSEWHERE 0x80000000u

/* Of a symbol that does not start where its span does. */
struct sf_elsewhere {
	uint32_t start, name;
};

struct sf_index {
	const struct sf_span *spans;
	const uint32_t *buckets; /* nbuckets + 1: first span that ends behind the bucket's start */
	const struct sf_elsewhere *elsewhere;
	uint32_t nspans, nbuckets, nelsewhere;
	uint32_t base; /* offset of the first bucket */
	uint32_t shift;
};

struct sf_named {
	uint32_t symbol, name, start;
};

/*
 * The symbol that covers `offset`. False: a gap. Wait-free; the arrays may be overwritten meanwhile
 * (the caller then drops the answer), but must stay readable: nothing beyond their sizes is touched.
 */
bool sf_index_find(const struct sf_index *index, uint32_t offset, struct sf_named *out);

/* ---- building ---- */

struct sf_building;

/* Bytes of working memory for an object with so many symbols. */
size_t sf_building_size(const struct sf_symbols *s);
/* Begins, in zeroed memory of that size. `start` to `end`: the object's map, below 4 GiB. */
struct sf_building *sf_building_start(void *memory, const struct sf_symbols *s, uintptr_t bias,
				      uintptr_t start, uintptr_t end);

enum sf_building_state {
	SF_BUILDING_MORE,  /* call again */
	SF_BUILDING_PLACE, /* the size is known: call sf_building_place */
	SF_BUILDING_DONE,
	SF_BUILDING_REFUSED, /* tables that cannot be indexed exactly */
};

/* Does about so many steps, of some nanoseconds each. Reads the object's symbol table. */
enum sf_building_state sf_building_slice(struct sf_building *b, uint32_t steps);
/* Bytes that the index takes, and where it shall lie (aligned to 16). */
size_t sf_building_place_size(const struct sf_building *b);
void sf_building_place(struct sf_building *b, void *memory);
/* After DONE. */
const struct sf_index *sf_building_index(const struct sf_building *b);

#endif
