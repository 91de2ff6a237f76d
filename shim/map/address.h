// SPDX-License-Identifier: BSD-2-Clause
// address.h: from an address to what dladdr says about it.
//
// Two ways, both wait-free, async-signal-safe and without any of libc's locks:
//  - the address cache: one entry per address asked twice, shared by all threads, a seqlock each
//    (odd or changed means miss). Budget: 33 instructions; lines: entry, region.
//  - the region's index: the object by guess or by _dl_find_object, then its spans.
// Both hold what they say against the region's lifetime.
#ifndef SF_ADDRESS_H
#define SF_ADDRESS_H

#include "region.h"

struct sf_cached {
	uintptr_t address;
	uint32_t seq; /* odd while written */
	uint32_t lifetime;
	uint32_t region; /* its number */
	uint32_t start;  /* of the symbol, from the region's start */
	uint32_t name;   /* st_name; SF_NAMELESS: a gap between symbols */
	uint32_t symbol;
};

#define SF_NAMELESS       UINT32_MAX
#define SF_ADDRESS_WAYS   2
#define SF_ADDRESS_SETS   4096
#define SF_ADDRESS_FACTOR 0x9e3779b97f4a7c15ull

/* What dladdr1 can tell, and where it came from. */
struct sf_location {
	const char *fname;
	uintptr_t fbase;
	const char *sname; /* NULL in a gap */
	uintptr_t saddr;
	const ElfW(Sym) * symbol;
	struct link_map *map;
	uintptr_t bias;
	const struct sf_region *region;
	uint32_t lifetime;
	struct sf_named named; /* offsets, as the cache keeps them */
};

extern SF_HIDDEN struct sf_cached sf_address_cache[SF_ADDRESS_SETS * SF_ADDRESS_WAYS];
extern SF_HIDDEN uint64_t sf_address_mask; /* sets - 1; 0 until the cache may be written */

void sf_address_init(void);

/* Has it been started? */
SF_INLINE bool
sf_address_serves(void)
{
	return sf_address_mask != 0;
}

void sf_address_forked(void);

/* The words for `named` in a region. The caller looks at the region's lifetime afterwards. */
SF_INLINE void
sf_location_fill(struct sf_location *l, const struct sf_region *r, uint32_t start, uint32_t name,
		 uint32_t symbol)
{
	bool nameless = name == SF_NAMELESS;

	l->fname = *r->fname;
	l->fbase = r->start;
	l->sname = nameless ? NULL : r->strtab + name;
	l->saddr = nameless ? 0 : r->start + start;
	l->symbol = nameless ? NULL : r->symtab + symbol;
	l->map = r->map;
	l->bias = r->bias;
	l->region = r;
}

SF_INLINE bool
sf_address_cached(uintptr_t address, struct sf_location *l)
{
	uint64_t set = (address * SF_ADDRESS_FACTOR) >> 40 & sf_address_mask;
	const struct sf_cached *e = sf_address_cache + set * SF_ADDRESS_WAYS;
	const struct sf_region *r;
	uint32_t seq, lifetime;

	_Static_assert(SF_ADDRESS_WAYS == 2, "unrolled");
	if (sf_load_64((const uint64_t *)&e->address) != address &&
	    sf_load_64((const uint64_t *)&(++e)->address) != address) {
		e = sf_address_cache + (set ^ 1) * SF_ADDRESS_WAYS;
		if (sf_load_64((const uint64_t *)&e->address) != address &&
		    sf_load_64((const uint64_t *)&(++e)->address) != address)
			return false;
	}
	seq = sf_load_32(&e->seq) & ~1u; /* of an odd one, the second look finds another */
	sf_fence_load();                 /* pairs with the store fence after it was made odd */
	r = sf_regions + sf_load_32(&e->region);
	l->lifetime = lifetime = sf_load_32(&e->lifetime);
	sf_location_fill(l, r, sf_load_32(&e->start), sf_load_32(&e->name), sf_load_32(&e->symbol));
	if (sf_unlikely(sf_load_64((const uint64_t *)&e->address) != address))
		return false;
	sf_fence_load(); /* pairs with the store fences before `seq` and before `lifetime` moves */
	if (sf_load_32(&e->seq) != seq || sf_load_32(&r->lifetime) != lifetime)
		return false;
	return sf_region_is_sure(r);
}

enum sf_found {
	SF_FOUND,
	SF_FOUND_COLD,    /* its object has no index yet, or none any more */
	SF_FOUND_NOWHERE, /* no object there, or between an object's segments: libc decides */
};

/*
 * The answer for any address by the indexes, as exact as libc's. No side effect: what the modes that
 * compare the two call. Wait-free, async-signal-safe.
 */
enum sf_found sf_address_find(uintptr_t address, struct sf_location *l);

/* Keeps the answer, if the address was asked before; remembers whose MiB this is. Tries a lock. */
void sf_address_keep(uintptr_t address, const struct sf_location *l);

#endif
