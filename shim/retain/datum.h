// SPDX-License-Identifier: BSD-2-Clause
// datum.h: memory of an object as its data: read whatever has become of its file, and named for a reader.
#ifndef SF_RETAIN_DATUM_H
#define SF_RETAIN_DATUM_H

#include "../base/attr.h"
#include <link.h>

/* Copies memory that may not be there any more (its file was truncated): by the kernel. False: not all of it. */
bool sf_retain_datum_read(void *to, const void *from, size_t size);

/*
 * The name of the data at an address of the object, and where what has this name ends: a symbol of its own table, else
 * "data:0x4010" or "bss:0x4040", as nm counts. `bss`: where the file's bytes end. Cost: one pass over the symbols.
 */
uintptr_t sf_retain_datum_name(const struct link_map *map, uintptr_t at, uintptr_t bss, char *to,
			       size_t room);

#endif
