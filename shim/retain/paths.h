// SPDX-License-Identifier: BSD-2-Clause
// paths.h: would a name without a folder be found where it was found? The folders of a search, as they were.
//
// A bare name (a dependency, or one given to dlopen) is searched for in folders, and in ld.so's cache. If none of them
// has changed, the search ends where it ended. libc tells each object's folders (dlinfo RTLD_DI_SERINFO).
#ifndef SF_RETAIN_PATHS_H
#define SF_RETAIN_PATHS_H

#include "../base/attr.h"
#include <link.h>

typedef uint32_t sf_retain_folders; /* a bit for each folder that is known */

/* Where names are searched for: folders, ld.so.cache, and after it the system's own folders. */
struct sf_retain_search {
	sf_retain_folders folders, last;
};

/*
 * Adds where this object's names are searched for, now; the load that searched began at `before` (CLOCK_REALTIME).
 * Folders in `used` are kept in mind. False: more than can be watched, or one has changed so lately that a later change
 * might not be told from it.
 */
bool sf_retain_paths_of(struct link_map *map, uint64_t before, sf_retain_folders used,
			struct sf_retain_search *search);

/* Are all of them as they were when they were first asked about? */
bool sf_retain_paths_same(sf_retain_folders folders);

#endif
