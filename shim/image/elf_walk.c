// SPDX-License-Identifier: BSD-2-Clause
// elf_walk.c: see elf.h: the symbols of one name, by either hash table.
#include "elf.h"

#include "../base/bytes.h"

uint32_t
sf_elf_hash(const char *s)
{
	uint32_t h = 5381;

	while (*s != '\0')
		h = h * 33 + (unsigned char)*s++;
	return h;
}

/* The Bloom filter, as libc asks it: what it denies libc does not find, and reads no further. */
static bool
elf_walk_may_have(const uint32_t *header, uint32_t hash)
{
	const ElfW(Addr) *words = (const ElfW(Addr) *)(const void *)(header + 4);
	const uint32_t bits = sizeof(ElfW(Addr)) * 8;
	ElfW(Addr) word = words[hash / bits & (header[2] - 1)];

	return word >> hash % bits & word >> (hash >> (header[3] & 31)) % bits & 1;
}

bool
sf_elf_may_have(const struct sf_elf *e, uint32_t hash)
{
	return e->gnu_hash == NULL || (e->gnu_hash[0] != 0 && elf_walk_may_have(e->gnu_hash, hash));
}

/* With the name's hash. */
static const ElfW(Sym) *
	elf_walk_gnu(const struct sf_elf *e, const char *name, uint32_t hash, uint32_t *cursor)
{
	const uint32_t *header = e->gnu_hash;
	uint32_t index;

	if (header[0] == 0)
		return NULL;
	const uint32_t nbuckets = header[0], symoffset = header[1], bloom_words = header[2];
	const uint32_t *buckets = header + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = buckets + nbuckets;

	if (*cursor == 0) {
		if (!elf_walk_may_have(header, hash))
			return NULL;
		index = buckets[hash % nbuckets];
		if (index < symoffset)
			return NULL;
	} else {
		index = *cursor;
		if (chain[index - symoffset] & 1)
			return NULL;
		index++;
	}
	for (;; index++) {
		uint32_t word = chain[index - symoffset];

		if ((word | 1) == (hash | 1) &&
		    sf_bytes_same(e->strtab + e->symtab[index].st_name, name)) {
			*cursor = index;
			return &e->symtab[index];
		}
		if (word & 1)
			return NULL;
	}
}

/* The hash function of the System V ABI. */
static uint32_t
elf_walk_sysv_hash(const char *s)
{
	uint32_t h = 0;

	while (*s != '\0') {
		h = (h << 4) + (unsigned char)*s++;
		h = (h ^ (h >> 24 & 0xf0)) & 0x0fffffff;
	}
	return h;
}

/* A chain that came to `cursor` from `first`: was it at `index` on the way? Then it is a ring. */
static bool
elf_walk_was_at(const uint32_t *chain, uint32_t first, uint32_t cursor, uint32_t index)
{
	while (first != cursor && first != index)
		first = chain[first];
	return first == index;
}

/* By DT_HASH. A chain ends at 0; where it does not, behind as many steps as there are symbols, or outside of them. */
static const ElfW(Sym) * elf_walk_sysv(const struct sf_elf *e, const char *name, uint32_t *cursor)
{
	const uint32_t nbuckets = e->hash[0], symbols = e->hash[1];
	const uint32_t *buckets = e->hash + 2, *chain = buckets + nbuckets;
	uint32_t first, index, left = symbols;

	if (nbuckets == 0)
		return NULL;
	first = buckets[elf_walk_sysv_hash(name) % nbuckets];
	index = *cursor == 0 ? first : chain[*cursor];
	for (; index != 0 && index < symbols && left != 0; left--, index = chain[index]) {
		const ElfW(Sym) *s = &e->symtab[index];

		if (s->st_name >= e->strsz || !sf_bytes_same(e->strtab + s->st_name, name))
			continue;
		if (*cursor != 0 && elf_walk_was_at(chain, first, *cursor, index))
			return NULL;
		*cursor = index;
		return s;
	}
	return NULL;
}

const ElfW(Sym) *
	sf_elf_walk(const struct sf_elf *e, const char *name, uint32_t hash, uint32_t *cursor)
{
	if (e->gnu_hash != NULL)
		return elf_walk_gnu(e, name, hash, cursor);
	return e->hash != NULL ? elf_walk_sysv(e, name, cursor) : NULL;
}

const ElfW(Sym) * sf_elf_next(const struct sf_elf *e, const char *name, uint32_t *cursor)
{
	return sf_elf_walk(e, name, sf_elf_hash(name), cursor);
}
