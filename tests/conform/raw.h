// SPDX-License-Identifier: BSD-2-Clause
// libc's own dl* functions, found in libc's symbol table, so that no dl* call hands them out.
#ifndef SF_RAW_H
#define SF_RAW_H

#include <link.h>
#include <stddef.h>

/* One object's dynamic symbols, read from memory through its link map. */
struct raw_table {
	const struct link_map *map;
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Half) * versions; /* NULL without version tables */
	const ElfW(Verdef) * definitions;
	size_t count;
};

/* The link map whose name contains `part`, or NULL. */
const struct link_map *raw_map(const char *part);
/* 0, or -1 where the object has no GNU hash table to count its symbols by. */
int raw_table_read(struct raw_table *table, const struct link_map *map);
/* The version that symbol `index` defines, or NULL. */
const char *raw_version(const struct raw_table *table, size_t index);
/* The address of a function of libc. Ends the program where there is none. */
void *raw_function(const char *name);

#endif
