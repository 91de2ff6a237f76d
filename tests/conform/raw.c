// SPDX-License-Identifier: BSD-2-Clause
// Reads the dynamic symbol table of a loaded object; the oracle of the sweep and of the stress
// tests.
#include "raw.h"
#include <string.h>
#include <unistd.h>

const struct link_map *
raw_map(const char *part)
{
	const struct link_map *map;

	for (map = _r_debug.r_map; map; map = map->l_next)
		if (strstr(map->l_name, part))
			return map;
	return NULL;
}

/* glibc relocates these pointers in place, except in the vdso, and except DT_VERDEF. */
static const void *
pointer_of(const struct link_map *map, ElfW(Sxword) tag)
{
	const ElfW(Dyn) * dynamic;

	for (dynamic = map->l_ld; dynamic->d_tag != DT_NULL; dynamic++)
		if (dynamic->d_tag == tag)
			return (const void *)dynamic->d_un.d_ptr;
	return NULL;
}

static size_t
count_by_hash(const unsigned int *hash)
{
	unsigned int buckets = hash[0], first = hash[1], bloom = hash[2], last = 0, i;
	const unsigned int *bucket = hash + 4 + bloom * (sizeof(ElfW(Addr)) / 4);
	const unsigned int *chain = bucket + buckets;

	for (i = 0; i < buckets; i++)
		if (bucket[i] > last)
			last = bucket[i];
	if (last < first)
		return first;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

int
raw_table_read(struct raw_table *table, const struct link_map *map)
{
	const unsigned int *hash = pointer_of(map, DT_GNU_HASH);

	if (!hash)
		return -1;
	table->map = map;
	table->symbols = pointer_of(map, DT_SYMTAB);
	table->strings = pointer_of(map, DT_STRTAB);
	table->versions = pointer_of(map, DT_VERSYM);
	table->definitions = pointer_of(map, DT_VERDEF);
	if (table->definitions)
		table->definitions = (const void *)((const char *)table->definitions + map->l_addr);
	table->count = count_by_hash(hash);
	return 0;
}

const char *
raw_version(const struct raw_table *table, size_t index)
{
	const ElfW(Verdef) *definition = table->definitions;
	unsigned int wanted;

	if (!table->versions || !definition)
		return NULL;
	wanted = table->versions[index] & 0x7fff;
	for (;;) {
		const ElfW(Verdaux) * name;

		name = (const void *)((const char *)definition + definition->vd_aux);
		if (definition->vd_ndx == wanted && !(definition->vd_flags & VER_FLG_BASE))
			return table->strings + name->vda_name;
		if (!definition->vd_next)
			return NULL;
		definition = (const void *)((const char *)definition + definition->vd_next);
	}
}

void *
raw_function(const char *name)
{
	static const char *const files[] = {"libc.so",
					    "libdl.so"}; /* the latter before glibc 2.34 */
	struct raw_table table;

	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		const struct link_map *map = raw_map(files[f]);

		if (!map || raw_table_read(&table, map))
			_exit(89);
		for (size_t i = 0; i < table.count; i++)
			if (table.symbols[i].st_shndx != SHN_UNDEF &&
			    strcmp(table.strings + table.symbols[i].st_name, name) == 0)
				return (void *)(map->l_addr + table.symbols[i].st_value);
	}
	_exit(88);
}
