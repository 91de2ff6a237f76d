// SPDX-License-Identifier: BSD-2-Clause
// symbolize.c: symfast_symbolize of include/symfast.h.
#include "../libc/facts.h"
#include "dladdr.h"

#include <symfast.h>

_Static_assert(SYMFAST_BUILD_ID_MAX == SF_REGION_ID_MAX, "copied as a whole");

static void
symbolize_fill(struct symfast_symbol *out, uintptr_t address, const char *object, uintptr_t base,
	       const char *symbol, uintptr_t start)
{
	out->object = object;
	out->object_base = (const void *)base;
	out->symbol = symbol;
	out->offset = address - (symbol != NULL ? start : base);
	out->build_id_size = 0;
}

/* The build id, if the region is still the one that answered. */
static void
symbolize_fill_id(struct symfast_symbol *out, const struct sf_region *r, uint32_t lifetime)
{
	uint32_t size = r->id_size <= SF_REGION_ID_MAX ? r->id_size : 0;

	sf_bytes_put((char *)out->build_id, (const char *)r->id, SF_REGION_ID_MAX);
	sf_fence_load(); /* pairs with the fence after a lifetime has ended */
	if (sf_load_32(&r->lifetime) == lifetime)
		out->build_id_size = size;
}

/* The region at this address, if there is one, and the lifetime that it has now. */
static const struct sf_region *
symbolize_region_now(uintptr_t address, uint32_t *lifetime)
{
	const struct sf_region *r = NULL;
	struct link_map *map;
	uintptr_t lo, hi;

	if (sf_address_serves() && sf_facts_object((const void *)address, &map, &lo, &hi))
		r = sf_region_find(map);
	if (r == NULL)
		return NULL;
	*lifetime = sf_load_32(&r->lifetime);
	sf_fence_load(); /* pairs with the store fence before a lifetime begins */
	return SF_REGION_ALIVE(*lifetime) ? r : NULL;
}

/* In state verify libc's answer is compared with the index's, as dladdr's is. */
static bool
symbolize_ask_libc(const void *address, Dl_info *info, struct link_map **map)
{
	if (sf_phase == SF_PHASE_LIVE && sf_load_32(&sf_mode_word) == SF_MODE_WORD_VERIFY)
		return sf_address_verify1(address, info, (void **)map, RTLD_DL_LINKMAP,
					  SF_COMPARED_SYMBOLIZE);
	return sf_next.dladdr1 != NULL &&
	       sf_next.dladdr1(address, info, (void **)map, RTLD_DL_LINKMAP);
}

/*
 * By libc's dladdr, which the shim could not answer for. The lifetime is read before libc is asked: if it is
 * still the same afterwards, names and build id are of one object.
 */
static bool
symbolize_ask(uintptr_t address, struct symfast_symbol *out)
{
	struct link_map *map;
	Dl_info info;
	uint32_t lifetime;
	const struct sf_region *r = symbolize_region_now(address, &lifetime);

	if (!symbolize_ask_libc((const void *)address, &info, &map))
		return false;
	symbolize_fill(out, address, info.dli_fname, (uintptr_t)info.dli_fbase, info.dli_sname,
		       (uintptr_t)info.dli_saddr);
	if (r != NULL && r->map == map)
		symbolize_fill_id(out, r, lifetime);
	return true;
}

static bool
symbolize_one(struct sf_thread *t, uintptr_t address, struct symfast_symbol *out,
	      unsigned int flags)
{
	struct sf_location l;

	symbolize_fill(out, address, NULL, 0, NULL, 0);
	if (sf_prepare_is_live() &&
	    sf_address_answer(t, (void *)address, &l, SF_SYMBOLIZE_OWN, SF_SYMBOLIZE_OWN)) {
		symbolize_fill(out, address, l.fname, l.fbase, l.sname, l.saddr);
		symbolize_fill_id(out, l.region, l.lifetime);
		return true;
	}
	sf_count_for(t, SF_SYMBOLIZE_ASK);
	return !(flags & SYMFAST_SYMBOLIZE_NOWAIT) && symbolize_ask(address, out);
}

SF_EXPORT size_t
symfast_symbolize(void *const *addresses, size_t count, struct symfast_symbol *out,
		  unsigned int flags)
{
	struct sf_thread *t = &sf_thread;
	size_t known = 0;

	SF_ENTRY_LOOK();
	for (size_t i = 0; i < count; i++)
		known += symbolize_one(t, (uintptr_t)addresses[i], &out[i], flags);
	return known;
}
