// SPDX-License-Identifier: BSD-2-Clause
// address.c: see address.h.
#include "address.h"

#include "../base/lock.h"
#include "../base/sys.h"
#include "../libc/facts.h"

/* Addresses seen once: the last four 16-bit tags of each place, as in map/table.c. 16 KiB. */
#define DOORKEEPER 2048
#define LANES      0x0001000100010001ull

/* Empty entries match address 0 at most, and then fail: region 0 is never in lifetime 0. */
SF_LARGE SF_CACHE struct sf_cached sf_address_cache[SF_ADDRESS_SETS * SF_ADDRESS_WAYS];
uint64_t sf_address_mask;

SF_LOCK(lock, NULL);
SF_LARGE static uint64_t doorkeeper[DOORKEEPER];

SF_START void
sf_address_init(void)
{
	sf_address_mask = SF_ADDRESS_SETS - 1;
}

void
sf_address_forked(void)
{
	sf_lock_reset(&lock);
}

/* ---- by index ---- */

/* Does the region cover the address, in this lifetime? */
static bool
address_covers(const struct sf_region *r, uintptr_t address, uint32_t *lifetime)
{
	*lifetime = sf_load_32(&r->lifetime);
	sf_fence_load(); /* pairs with the store fence before a lifetime begins */
	return SF_REGION_ALIVE(*lifetime) && address - r->start < r->size;
}

static const struct sf_region *
address_region_at(uintptr_t address, uint32_t *lifetime)
{
	const struct sf_region *r = sf_regions + sf_load_16(sf_region_guess(address));
	struct link_map *map;
	uintptr_t lo, hi;

	if (address_covers(r, address, lifetime))
		return r;
	if (!sf_facts_object((const void *)address, &map, &lo, &hi))
		return NULL;
	r = sf_region_find(map);
	return r != NULL && address_covers(r, address, lifetime) ? r : sf_regions + SF_REGION_NONE;
}

static bool
address_is_loaded(const struct sf_region *r, uint32_t offset)
{
	for (unsigned int i = 0; i < r->nsegments && i < SF_REGION_SEGMENTS; i++)
		if (offset - r->segments[i].start < r->segments[i].size)
			return true;
	return false;
}

static bool
address_same_lifetime(const struct sf_region *r, uint32_t lifetime)
{
	sf_fence_load(); /* pairs with the fence after a lifetime has ended */
	return sf_load_32(&r->lifetime) == lifetime;
}

enum sf_found
sf_address_find(uintptr_t address, struct sf_location *l)
{
	const struct sf_region *r =
		sf_address_serves() ? address_region_at(address, &l->lifetime) : NULL;
	struct sf_index index;
	uint32_t offset;
	bool loaded;

	if (r == NULL)
		return SF_FOUND_NOWHERE;
	if (!sf_load_8(&r->ready))
		return SF_FOUND_COLD;
	sf_fence_load(); /* pairs with the store fence before `ready` */
	index = r->index;
	offset = (uint32_t)(address - r->start);
	loaded = address_is_loaded(r, offset);
	/* Only now is it known that the index's parts belong together and can be followed. */
	if (!address_same_lifetime(r, l->lifetime))
		return SF_FOUND_COLD;
	if (!loaded)
		return SF_FOUND_NOWHERE;
	if (!sf_index_find(&index, offset, &l->named))
		l->named = (struct sf_named){.name = SF_NAMELESS};
	sf_location_fill(l, r, l->named.start, l->named.name, l->named.symbol);
	return address_same_lifetime(r, l->lifetime) && sf_region_is_sure(r) ? SF_FOUND
									     : SF_FOUND_COLD;
}

/* ---- keeping ---- */

static bool
address_seen_before(uint64_t hash)
{
	uint64_t *place = &doorkeeper[hash >> 16 & (DOORKEEPER - 1)];
	uint64_t tag = hash >> 48 | 1, tags = sf_load_64(place), differ = tags ^ tag * LANES;

	if (((differ - LANES) & ~differ & LANES << 15) != 0) /* a lane is zero */
		return true;
	sf_store_64(place, tags << 16 | tag);
	return false;
}

/* Holds the address already, or what no look-up will find. */
static bool
address_is_free(const struct sf_cached *e, uintptr_t address)
{
	return e->address == address || sf_regions[e->region].lifetime != e->lifetime;
}

/* One that is free in the address's own set, or in its neighbour; or the one that the hash picks. */
static struct sf_cached *
address_victim(uintptr_t address, uint64_t hash)
{
	uint64_t set = hash >> 40 & sf_address_mask;
	struct sf_cached *own = sf_address_cache + set * SF_ADDRESS_WAYS;
	struct sf_cached *near = sf_address_cache + (set ^ 1) * SF_ADDRESS_WAYS;

	for (int i = 0; i < SF_ADDRESS_WAYS; i++)
		if (address_is_free(&own[i], address))
			return &own[i];
	for (int i = 0; i < SF_ADDRESS_WAYS; i++)
		if (address_is_free(&near[i], address))
			return &near[i];
	return &own[hash >> 36 & (SF_ADDRESS_WAYS - 1)];
}

static void
address_write_locked(struct sf_cached *e, uintptr_t address, const struct sf_location *l)
{
	uint32_t seq = e->seq | 1; /* odd already: a writer that did not come with us over fork */

	sf_store_32(&e->seq, seq);
	sf_fence_store(); /* pairs with the first load fence of sf_address_cached() */
	sf_store_64((uint64_t *)&e->address, address);
	sf_store_32(&e->lifetime, l->lifetime);
	sf_store_32(&e->region, (uint32_t)(l->region - sf_regions));
	sf_store_32(&e->start, l->named.start);
	sf_store_32(&e->name, l->named.name);
	sf_store_32(&e->symbol, l->named.symbol);
	sf_fence_store(); /* pairs with its second one */
	sf_store_32(&e->seq, seq + 1);
}

void
sf_address_keep(uintptr_t address, const struct sf_location *l)
{
	uint64_t hash = address * SF_ADDRESS_FACTOR;
	uint16_t *guess = sf_region_guess(address), number = (uint16_t)(l->region - sf_regions);

	if (sf_load_16(guess) != number)
		sf_store_16(guess, number);
	if (!sf_address_serves() || !address_seen_before(hash) || !sf_lock_try(&lock))
		return;
	address_write_locked(address_victim(address, hash), address, l);
	sf_lock_release(&lock);
}
