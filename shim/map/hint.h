// SPDX-License-Identifier: BSD-2-Clause
// hint.h: slots found by the address of a name, each a guess at an entry of the map: for what has no cell.
#ifndef SF_HINT_H
#define SF_HINT_H

#include "table.h"

#define SF_HINT_WAYS 2

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
