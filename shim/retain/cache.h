// SPDX-License-Identifier: BSD-2-Clause
// cache.h: reads ld.so.cache, to tell which folders a search for a bare name never comes to.
//
// libc asks the cache before the system's own folders (/lib, /usr/lib and the like). If all that the cache has for a
// name is one file, and the search ended at that file, it ended in the cache or before.
#ifndef SF_RETAIN_CACHE_H
#define SF_RETAIN_CACHE_H

#include "../base/attr.h"

#define SF_RETAIN_CACHE_FILE "/etc/ld.so.cache"

/* The cache in memory of our own. `bytes` NULL: there is none, or its form is unknown. */
struct sf_retain_cache {
	char *bytes;
	size_t size, room;
};

void sf_retain_cache_read(struct sf_retain_cache *c);
void sf_retain_cache_free(struct sf_retain_cache *c);

/*
 * Is this file the only one of its kind of machine that the cache has under the file's own name, and has it no other
 * name there?
 */
bool sf_retain_cache_leads_to(const struct sf_retain_cache *c, const char *path);

#endif
