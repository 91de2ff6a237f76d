// SPDX-License-Identifier: BSD-2-Clause
// region.h: an object as dladdr sees it, in one lifetime: where it is, what it is called, its index.
//
// Invariants
//  - `lifetime` only grows; odd: alive. It becomes even within the dlclose that removed the object
//    (libc/changes.h calls us before the count is even again), so before dlclose returns. What was read
//    of a region holds if its lifetime is the same, and odd, afterwards. Type-stable, never freed.
//  - A region is made, and its index built, only while the object cannot be unmapped: it is of the
//    initial set, or within sf_changes_hold(). A hit reads no memory of the object.
//  - `ready` is set after the index is written. The index is in the arena: see there.
// Writers: one try-lock. Readers are wait-free. After fork the child drops the build
// that another thread may have been at.
#ifndef SF_REGION_H
#define SF_REGION_H

#include "../libc/changes.h"
#include "spans.h"

#define SF_REGION_SEGMENTS 8
#define SF_REGION_ID_MAX   32

struct sf_building;

struct sf_region {
	/* Line 0: read at every hit. */
	uint32_t lifetime;
	uint8_t ready;     /* the index can be used */
	uint8_t permanent; /* of the initial set: never unloaded */
	uint8_t refused;   /* cannot be indexed: libc answers */
	uint8_t nsegments;
	uintptr_t start;          /* dli_fbase */
	const char *const *fname; /* dli_fname stands there: own_name, or argv[0] */
	const char *strtab;
	const ElfW(Sym) * symtab;
	struct link_map *map;
	uintptr_t bias;
	uint32_t size; /* bytes from start to the end of its map */
	uint32_t unused;
	SF_CACHE struct sf_index index;
	const char *own_name; /* the link map's own l_name */
	/* Offsets of what is loaded: between segments libc decides whether the address counts. */
	SF_CACHE struct {
		uint32_t start, size;
	} segments[SF_REGION_SEGMENTS];
	/* Cold. */
	uint8_t id[SF_REGION_ID_MAX];
	uint32_t id_size;
	uint32_t misses; /* before building begins */
	uint32_t nsymbols;
	uint32_t turn; /* when the building last advanced */
	struct sf_building *building;
	size_t building_size;
	void *extent; /* the index's memory in the arena */
	size_t extent_size;
};

#define SF_REGION_ALIVE(lifetime) ((lifetime)&1)

/* `permanent`, if it is: an object, or the executable, which is called argv[0]. */
#define SF_REGION_STAYS    1
#define SF_REGION_NAMELESS 2

/* After the last look at `lifetime`: would its end have been seen? */
SF_INLINE bool
sf_region_is_sure(const struct sf_region *r)
{
	uint8_t permanent = sf_load_8(&r->permanent);

	if (permanent == SF_REGION_NAMELESS) /* unless the host gives it a name */
		return r->map->l_name[0] == '\0';
	return permanent == SF_REGION_STAYS || sf_changes_intact();
}

/*
 * `kib`: the most that all indexes together may take. `watched`: unloads are seen (libc/changes.h);
 * otherwise only objects of the initial set get one.
 */
void sf_region_init(unsigned int kib, bool watched);
void sf_region_forked(void);

#define SF_REGION_WAYS 8
#define SF_REGION_SETS 64
/*
 * One that is never alive, then SETS sets of WAYS regions. What is zero leads to the first: no entry of the
 * address cache, no guess has to be written before it is used.
 */
#define SF_REGION_NONE 0
#define SF_REGION_MOST (SF_REGION_SETS * SF_REGION_WAYS + 1)
extern SF_HIDDEN struct sf_region sf_regions[SF_REGION_MOST];

/*
 * sf_next.find_object does not find an object any more that it found before: its region ends. Under ld.so's lock.
 */
void sf_region_look_again(void);

/*
 * libc has just called the object by `name`: has the host changed its l_name since the region was made?
 * Then it is called so from now on. (Of the initial set the link map itself is read at each answer.)
 */
bool sf_region_renamed(const struct sf_region *r, const char *name);

/* The region of the object with this link map, alive or not, or NULL. Wait-free. */
struct sf_region *sf_region_find(const struct link_map *map);

/* Addresses of one MiB mostly belong to one object: a guess, to be verified by the region. */
#define SF_REGION_NEAR 1024
extern SF_HIDDEN uint16_t sf_region_near[SF_REGION_NEAR];

SF_INLINE uint16_t *
sf_region_guess(uintptr_t address)
{
	return &sf_region_near[address >> 20 & (SF_REGION_NEAR - 1)];
}

enum sf_region_miss {
	SF_MISS_COLD,    /* the index is not built yet; a slice of it may have been */
	SF_MISS_REFUSED, /* it never will be */
	SF_MISS_NOWHERE, /* no object there, as far as can be said without the loader's lock */
	SF_MISS_BUSY,    /* a load or unload is under way */
	SF_MISS_UNSEEN,  /* an object that may be unloaded unseen */
};

/*
 * libc has to answer for this address: makes the object's region, or does a slice of its index. A
 * slice costs less than the scan of the object's symbols that libc is about to make.
 */
enum sf_region_miss sf_region_miss(const void *address);

#endif
