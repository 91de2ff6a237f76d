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

/* The folders that this object's names are searched for in, now. False: more than can be watched. */
bool sf_retain_paths_of(struct link_map *map, sf_retain_folders *folders);

/* Are all of them as they were when they were first asked about? What has changed is taken anew. */
bool sf_retain_paths_same(sf_retain_folders folders);

#endif
