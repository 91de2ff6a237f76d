// SPDX-License-Identifier: BSD-2-Clause
// find_object.h: what _dl_find_object answers with, for the headers of glibc before 2.35 as well.
#ifndef SF_FIND_OBJECT_H
#define SF_FIND_OBJECT_H

#include <dlfcn.h>
#include <link.h>

/* glibc before 2.35 has none of it in its headers. */
#ifndef DLFO_STRUCT_HAS_EH_DBASE
struct dl_find_object {
	unsigned long long int dlfo_flags;
	void *dlfo_map_start;
	void *dlfo_map_end;
	struct link_map *dlfo_link_map;
	void *dlfo_eh_frame;
	unsigned long long int dlfo_reserved[7];
};
#endif

#endif
