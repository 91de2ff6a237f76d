// SPDX-License-Identifier: BSD-2-Clause
// hide.c: see hide.h. None of them takes a lock: a place's state is one byte, and its object stays mapped.
#include "hide.h"

#include "../base/atomic.h"
#include "../libc/next.h"
#include "place.h"

static int (*hide_find_object)(void *, struct dl_find_object *);
static int (*hide_dladdr)(const void *, Dl_info *);
static int (*hide_dladdr1)(const void *, Dl_info *, void **, int);

int
sf_retain_hide_find(const void *address, struct dl_find_object *found)
{
	return hide_find_object((void *)(uintptr_t)address, found);
}

static bool
hide_is_closed(const struct link_map *map)
{
	int place = sf_retain_place_find(map);

	return place >= 0 && sf_load_8(&sf_retain_places[place].state) == SF_RETAIN_CLOSED;
}

static int
hide_find(void *address, struct dl_find_object *found)
{
	int result = hide_find_object(address, found);

	return result == 0 && hide_is_closed(found->dlfo_link_map) ? -1 : result;
}

static bool
hide_hides(const void *address)
{
	struct dl_find_object found;

	return sf_retain_hide_find(address, &found) == 0 && hide_is_closed(found.dlfo_link_map);
}

static int
hide_dladdr_of(const void *address, Dl_info *info)
{
	return hide_hides(address) ? 0 : hide_dladdr(address, info);
}

static int
hide_dladdr1_of(const void *address, Dl_info *info, void **extra, int flags)
{
	return hide_hides(address) ? 0 : hide_dladdr1(address, info, extra, flags);
}

void
sf_retain_hide_init(void)
{
	hide_find_object = sf_next.find_object;
	hide_dladdr = sf_next.dladdr;
	hide_dladdr1 = sf_next.dladdr1;
	sf_next.find_object = hide_find;
	sf_next.dladdr = hide_dladdr_of;
	sf_next.dladdr1 = hide_dladdr1_of;
}
