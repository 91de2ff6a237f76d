// SPDX-License-Identifier: BSD-2-Clause
// region.c: see region.h.
#include "region.h"

#include "../base/lock.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "arena.h"
#include "negative.h"
#include "object.h"
#include "thread.h"

#define MISSES_COLD  8 /* before the first slice: most objects are asked about once or twice */
#define SLICE_SHARE  4 /* a slice has this part of the steps of libc's scan */
#define STEPS_LEAST  64
#define STEPS_MOST   32768 /* a hold of about a third of a millisecond */
#define BUILDINGS    4     /* at once */
#define TURNS_IDLE   256   /* slices of others after which a building may be dropped */
#define SYMBOLS_MOST (1u << 24)

SF_GROWING struct sf_region sf_regions[SF_REGION_MOST];
SF_LARGE uint16_t sf_region_near[SF_REGION_NEAR];

static void region_repair_locked(void);
SF_LOCK(lock, region_repair_locked);
static bool unloads_seen;
static uint64_t mortal[SF_REGION_MOST / 64 + 1]; /* bit: alive and not permanent */
static struct sf_region *buildings[BUILDINGS];
static uint32_t turns;
static struct sf_region *advancing; /* by the holder of the lock; for the child after fork */

static struct sf_region *
region_set_of(const struct link_map *map)
{
	uint64_t x = (uint64_t)(uintptr_t)map * 0x9e3779b97f4a7c15ull;

	return sf_regions + 1 + (x >> 58) * SF_REGION_WAYS;
}

struct sf_region *
sf_region_find(const struct link_map *map)
{
	struct sf_region *set = region_set_of(map);

	for (int i = 0; i < SF_REGION_WAYS; i++)
		if (sf_load_ptr(&set[i].map) == map)
			return &set[i];
	return NULL;
}

/*
 * Memory of a region is forgotten before it is given back: a fork of another thread may fall between the two,
 * and the child would give back once more what may be in other use by then.
 */
static void
region_drop_building_locked(struct sf_region *r)
{
	struct sf_building *building = r->building;

	for (int i = 0; i < BUILDINGS; i++)
		if (buildings[i] == r)
			buildings[i] = NULL;
	sf_store_ptr(&r->building, NULL);
	sf_fence_store(); /* pairs with fork */
	if (building != NULL)
		sf_sys_unmap(building, r->building_size);
	r->misses = 0;
}

/* Of a region that is not alive, or whose index is not ready. */
static void
region_clear_locked(struct sf_region *r)
{
	void *extent = r->extent;

	region_drop_building_locked(r);
	if (extent == NULL)
		return;
	if (r->ready)
		sf_count(SF_INDEX_FREE);
	sf_store_8(&r->ready, 0);
	sf_store_ptr(&r->extent, NULL);
	sf_fence_store(); /* pairs with fork */
	sf_arena_give_locked(extent, r->extent_size);
}

static void
region_refuse_locked(struct sf_region *r)
{
	region_clear_locked(r);
	sf_store_8(&r->refused, 1);
	sf_count(SF_INDEX_REFUSE);
}

/* ---- lifetimes ---- */

static void
region_end_lifetime(struct sf_region *r)
{
	uint32_t number = (uint32_t)(r - sf_regions);

	sf_store_32(&r->lifetime, r->lifetime + 1);
	sf_fence_full(); /* pairs with the load fence before a reader looks at `lifetime` again */
	mortal[number / 64] &= ~(1ull << (number % 64));
}

/*
 * ld.so has changed something and holds its lock: ends the lifetimes of what is gone. No other thread
 * changes a mortal region's lifetime: it is made within a hold, and holders are waited for.
 */
static void
region_moved(bool settled)
{
	bool locked = false;

	(void)settled;
	for (uint32_t word = 0; word < SF_REGION_MOST / 64 + 1; word++) {
		for (uint64_t left = mortal[word]; left != 0; left &= left - 1) {
			uint32_t number = word * 64 + (uint32_t)__builtin_ctzll(left);
			struct sf_region *r = sf_regions + number;
			struct dl_find_object found;

			/* Not alive: another thread's half-made one, found in the child after fork. */
			if (!SF_REGION_ALIVE(r->lifetime) ||
			    (sf_next.find_object((void *)r->start, &found) == 0 &&
			     found.dlfo_link_map == r->map))
				continue;
			region_end_lifetime(r);
			locked = locked || sf_lock_try(&lock);
			/* The holder of the lock may have begun another lifetime there, of an object that stays. */
			if (locked && !SF_REGION_ALIVE(r->lifetime))
				region_clear_locked(r);
		}
	}
	if (locked)
		sf_lock_release(&lock);
}

void
sf_region_look_again(void)
{
	region_moved(true);
}

/* A place for a new lifetime: the object's former one, or any that is free. */
static struct sf_region *
region_free_place_locked(const struct link_map *map)
{
	struct sf_region *set = region_set_of(map), *free = NULL;

	for (int i = 0; i < SF_REGION_WAYS; i++) {
		if (SF_REGION_ALIVE(set[i].lifetime))
			continue;
		if (set[i].map == map)
			return &set[i];
		if (free == NULL)
			free = &set[i];
	}
	return free;
}

/* Of an executable with holes the region is the piece that has the header, and no other is made. */
static bool
region_read_segments(struct sf_region *r, const struct dl_find_object *found)
{
	struct sf_segment segments[SF_REGION_SEGMENTS];
	uintptr_t start = (uintptr_t)found->dlfo_map_start, end = (uintptr_t)found->dlfo_map_end;
	unsigned int n = sf_elf_segments((void *)start, found->dlfo_link_map->l_addr, segments,
					 SF_REGION_SEGMENTS);
	unsigned int kept = 0;

	if (end - start >= UINT32_MAX)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		if (segments[i].start < start || segments[i].end > end ||
		    segments[i].end < segments[i].start)
			continue;
		r->segments[kept].start = (uint32_t)(segments[i].start - start);
		r->segments[kept++].size = (uint32_t)(segments[i].end - segments[i].start);
	}
	r->nsegments = (uint8_t)kept;
	return kept > 0;
}

static void
region_read_id(struct sf_region *r)
{
	const uint8_t *id = NULL;

	r->id_size = sf_elf_build_id((void *)r->start, r->bias, &id, SF_REGION_ID_MAX,
				     sf_sys_is_readable);
	for (uint32_t i = 0; i < r->id_size; i++)
		r->id[i] = id[i];
}

/*
 * The object is mapped and stays so. Cost: its header, if that can be read (libc never does), its dynamic
 * section, its buckets.
 */
static void
region_begin_lifetime_locked(struct sf_region *r, const struct dl_find_object *found,
			     bool permanent, bool headed)
{
	struct link_map *map = found->dlfo_link_map;
	uint32_t number = (uint32_t)(r - sf_regions);
	struct sf_symbols symbols = {.end = 0};
	struct sf_elf e = {.bias = 0};
	bool fits;

	region_clear_locked(r);
	sf_store_ptr(&r->map, map);
	r->start = (uintptr_t)found->dlfo_map_start;
	r->bias = map->l_addr;
	r->permanent = permanent ? SF_REGION_STAYS : 0;
	r->own_name = map->l_name;
	r->fname = permanent ? (const char *const *)&map->l_name : &r->own_name;
	if (map == sf_next.main && map->l_name[0] == '\0') {
		r->fname = (const char *const *)sf_negative_argv;
		r->permanent = SF_REGION_NAMELESS;
	}
	r->size = (uint32_t)((uintptr_t)found->dlfo_map_end - r->start);
	fits = headed && sf_elf_open(&e, r->bias, map->l_ld) && sf_symbols_open(&symbols, &e) &&
	       region_read_segments(r, found) && symbols.end < SYMBOLS_MOST && e.strsz < UINT32_MAX;
	if (fits)
		region_read_id(r);
	r->refused = !fits;
	r->strtab = e.strtab;
	r->symtab = e.symtab;
	r->nsymbols = symbols.end;
	r->misses = 1;
	if (!permanent)
		mortal[number / 64] |= 1ull << (number % 64);
	sf_fence_store(); /* pairs with the load fence after reading `lifetime` */
	sf_store_32(&r->lifetime, r->lifetime + 1);
	sf_count(fits ? SF_INDEX_OBJECT : SF_INDEX_REFUSE);
}

/* ---- building ---- */

static void
region_start_building_locked(struct sf_region *r)
{
	struct sf_region **place = NULL;
	struct sf_symbols symbols;
	struct sf_elf e;

	for (int i = 0; i < BUILDINGS && place == NULL; i++)
		if (buildings[i] == NULL || turns - buildings[i]->turn > TURNS_IDLE)
			place = &buildings[i];
	if (place == NULL)
		return;
	if (*place != NULL)
		region_clear_locked(*place);
	sf_elf_open(&e, r->bias, r->map->l_ld);
	if (!sf_symbols_open(&symbols, &e))
		return;
	r->building_size = sf_building_size(&symbols);
	r->building = sf_sys_map(r->building_size);
	if (r->building == NULL)
		return;
	sf_building_start(r->building, &symbols, r->bias, r->start, r->start + r->size);
	*place = r;
}

static void
region_place_locked(struct sf_region *r)
{
	r->extent_size = sf_building_place_size(r->building);
	r->extent = sf_arena_take_locked(r->extent_size);
	if (r->extent != NULL) {
		sf_building_place(r->building, r->extent);
		return;
	}
	sf_count(SF_INDEX_FULL);
	region_refuse_locked(r);
}

static void
region_finish_locked(struct sf_region *r)
{
	r->index = *sf_building_index(r->building);
	region_drop_building_locked(r);
	sf_fence_store(); /* pairs with the load fence after reading `ready` */
	sf_store_8(&r->ready, 1);
	sf_count(SF_INDEX_BUILD);
}

static void
region_go_on_locked(struct sf_region *r)
{
	uint32_t steps = r->nsymbols / SLICE_SHARE;

	steps = steps < STEPS_LEAST ? STEPS_LEAST : steps > STEPS_MOST ? STEPS_MOST : steps;
	switch (sf_building_slice(r->building, steps)) {
	case SF_BUILDING_MORE:
		break;
	case SF_BUILDING_PLACE:
		region_place_locked(r);
		break;
	case SF_BUILDING_DONE:
		region_finish_locked(r);
		break;
	case SF_BUILDING_REFUSED:
		region_refuse_locked(r);
		break;
	}
}

/* Mapping the working memory is a slice of its own. */
static void
region_slice_locked(struct sf_region *r)
{
	sf_store_ptr(&advancing, r);
	sf_fence_store(); /* pairs with fork: a child finds no building that is half begun */
	sf_count(SF_INDEX_SLICE);
	r->turn = ++turns;
	if (r->building != NULL)
		region_go_on_locked(r);
	else
		region_start_building_locked(r);
	sf_fence_store(); /* pairs with fork */
	sf_store_ptr(&advancing, NULL);
}

/* ---- a miss ---- */

static void
region_work_locked(const struct dl_find_object *found, bool permanent)
{
	struct sf_region *r = sf_region_find(found->dlfo_link_map);

	bool headed;

	if (r == NULL || !SF_REGION_ALIVE(r->lifetime)) {
		headed = sf_sys_is_readable(found->dlfo_map_start, SF_ELF_HEADER_MOST);
		if (headed && !sf_elf_is_header(found->dlfo_map_start))
			return;
		r = region_free_place_locked(found->dlfo_link_map);
		if (r != NULL)
			region_begin_lifetime_locked(r, found, permanent, headed);
		else
			sf_count(SF_INDEX_FULL);
		return;
	}
	if (!r->ready && !r->refused)
		region_slice_locked(r);
}

/* Is there anything to do for this region yet? Counts the misses; a lost one does not matter. */
static bool
region_is_due(struct sf_region *r)
{
	if (r == NULL || !SF_REGION_ALIVE(sf_load_32(&r->lifetime)))
		return true;
	if (sf_load_32(&r->misses) >= MISSES_COLD)
		return true;
	sf_store_32(&r->misses, r->misses + 1);
	return false;
}

static enum sf_region_miss
region_work(const struct dl_find_object *found, bool permanent, uint64_t count)
{
	struct sf_hold hold;

	if (sf_sys_confined) /* a hold blocks signals, an index wants memory */
		return SF_MISS_BUSY;
	if (permanent)
		sf_changes_hold_initial(&hold);
	else if (!sf_changes_hold(&hold, count))
		return SF_MISS_BUSY;
	if (sf_lock_try(&lock)) {
		region_work_locked(found, permanent);
		sf_lock_release(&lock);
	}
	if (permanent)
		sf_changes_release_initial(&hold);
	else
		sf_changes_release(&hold);
	return SF_MISS_COLD;
}

enum sf_region_miss
sf_region_miss(const void *address)
{
	uint64_t count = sf_changes_count(); /* before anything is learnt */
	struct dl_find_object found;
	struct sf_region *r;
	bool permanent;

	sf_fence_load();
	if (!sf_facts_headed(address, &found))
		return SF_MISS_NOWHERE;
	permanent = sf_object_initial(found.dlfo_link_map);
	if (!permanent && !(unloads_seen && sf_changes_intact()))
		return SF_MISS_UNSEEN;
	r = sf_region_find(found.dlfo_link_map);
	if (r != NULL && SF_REGION_ALIVE(sf_load_32(&r->lifetime)) &&
	    (sf_load_8(&r->refused) || (uintptr_t)address - r->start >= r->size))
		return SF_MISS_REFUSED;
	if (!region_is_due(r))
		return SF_MISS_COLD;
	return region_work(&found, permanent, count);
}

bool
sf_region_renamed(const struct sf_region *r, const char *name)
{
	struct sf_region *own = sf_regions + (r - sf_regions);

	if (r->fname != &r->own_name || sf_load_ptr(&own->own_name) == name ||
	    sf_load_ptr(&r->map->l_name) != name)
		return false;
	sf_store_ptr(&own->own_name, name);
	return true;
}

/* ---- start, fork ---- */

SF_START void
sf_region_init(unsigned int kib, bool watched)
{
	struct sf_region *none = &sf_regions[SF_REGION_NONE];

	/* An empty entry of the address cache says: address 0, in this region's lifetime 0. */
	none->lifetime = 2;
	none->fname = (const char *const *)&none->own_name;
	sf_arena_init(kib);
	unloads_seen = watched;
	if (watched)
		sf_changes_on_move(region_moved);
}

static void
region_repair_locked(void)
{
	if (advancing != NULL && !advancing->ready)
		region_clear_locked(advancing);
	advancing = NULL;
}

void
sf_region_forked(void)
{
	sf_lock_reset(&lock);
	region_repair_locked();
}
