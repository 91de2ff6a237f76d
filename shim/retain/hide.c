// SPDX-License-Identifier: BSD-2-Clause
// hide.c: see hide.h. Those by address take no lock: a place's state is one byte, and its object stays mapped. The
// others end in a jump, so that libc sees the host as its caller (CONTRACT 22).
#include "hide.h"

#include "../base/atomic.h"
#include "../base/bytes.h"
#include "../libc/next.h"
#include "../map/learn.h"
#include "../map/thread.h"
#include "place.h"
#include "retain.h"

static int (*hide_dladdr)(const void *, Dl_info *);
static int (*hide_dladdr1)(const void *, Dl_info *, void **, int);

static bool
hide_is_closed(const struct link_map *map)
{
	int place = sf_retain_place_find(map);

	return place >= 0 && sf_load_8(&sf_retain_places[place].state) == SF_RETAIN_CLOSED;
}

static int
hide_find(void *address, struct dl_find_object *found)
{
	int result = sf_retain_place_find_object(address, found);

	return result == 0 && hide_is_closed(found->dlfo_link_map) ? -1 : result;
}

static bool
hide_hides(const void *address)
{
	struct dl_find_object found;

	return sf_retain_place_find_object((void *)(uintptr_t)address, &found) == 0 &&
	       hide_is_closed(found.dlfo_link_map);
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

static bool
hide_is_scope(const void *handle)
{
	return handle == RTLD_DEFAULT || handle == RTLD_NEXT || handle == sf_next.main;
}

static void *
hide_dlsym(void *handle, const char *name)
{
	if (hide_is_scope(handle))
		sf_retain_look_up(name, handle != sf_next.main);
	return sf_next.own.dlsym(handle, name);
}

static void *
hide_dlvsym(void *handle, const char *name, const char *version)
{
	if (hide_is_scope(handle))
		sf_retain_look_up(name, handle != sf_next.main);
	return sf_next.own.dlvsym(handle, name, version);
}

/* A path is found whoever asks; anything else is searched for by its caller. */
static bool
hide_is_path(const char *name)
{
	return !sf_unreadable(name) && sf_bytes_has(name, '/') && !sf_bytes_has(name, '$') &&
	       !sf_learn_has_namespaces();
}

static void *
hide_dlopen(const char *name, int mode)
{
	if (hide_is_path(name))
		return sf_next.load(name, mode);
	sf_retain_unsure();
	return sf_next.own.dlopen(name, mode);
}

static void *
hide_dlmopen(Lmid_t space, const char *name, int mode)
{
	sf_retain_unsure();
	return sf_next.own.dlmopen(space, name, mode);
}

void
sf_retain_hide_init(void)
{
	hide_dladdr = sf_next.dladdr;
	hide_dladdr1 = sf_next.dladdr1;
	sf_next.find_object = hide_find;
	sf_next.dladdr = hide_dladdr_of;
	sf_next.dladdr1 = hide_dladdr1_of;
	sf_next.dlsym = hide_dlsym;
	sf_next.dlvsym = hide_dlvsym;
	sf_next.dlopen = hide_dlopen;
	sf_next.dlmopen = hide_dlmopen;
}
