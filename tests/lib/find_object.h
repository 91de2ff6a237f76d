// SPDX-License-Identifier: BSD-2-Clause
// The object at an address, for tests: libc's _dl_find_object, or what stands in for it before glibc 2.35.
#ifndef SF_TESTS_FIND_OBJECT_H
#define SF_TESTS_FIND_OBJECT_H

#include "../../shim/libc/find_object.h"

#ifndef DLFO_STRUCT_HAS_EH_DBASE
static int
find_object_end(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct dl_find_object *found = arg;

	(void)size;
	if (info->dlpi_addr != found->dlfo_link_map->l_addr ||
	    info->dlpi_name != found->dlfo_link_map->l_name)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			found->dlfo_map_end = (char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
					      info->dlpi_phdr[i].p_memsz;
	return 1;
}

static inline int
_dl_find_object(void *address, struct dl_find_object *found)
{
	Dl_info info;
	void *map;

	if (dladdr1(address, &info, &map, RTLD_DL_LINKMAP) == 0)
		return -1;
	found->dlfo_link_map = map;
	found->dlfo_map_start = info.dli_fbase;
	found->dlfo_map_end = info.dli_fbase;
	dl_iterate_phdr(find_object_end, found);
	return 0;
}
#endif

#endif
