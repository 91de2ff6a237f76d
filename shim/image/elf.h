// SPDX-License-Identifier: BSD-2-Clause
// elf.h: reads the dynamic section, hash tables and symbols of an object mapped in memory.
//
// Pure readers: no allocation, no call into libc, usable before relocation. They trust what the
// dynamic loader has already accepted (it walks the same tables at every symbol look-up).
#ifndef SF_ELF_H
#define SF_ELF_H

#include "../base/attr.h"
#include <link.h>

/* The tables of one mapped object, as absolute addresses; NULL where the object has none. */
#ifndef PT_GNU_PROPERTY /* headers of glibc before 2.32 */
#define PT_GNU_PROPERTY 0x6474e553
#endif

struct sf_elf {
	uintptr_t bias; /* load bias: address = bias + st_value */
	const ElfW(Sym) * symtab;
	const char *strtab;
	const uint32_t *gnu_hash;
	const uint32_t *hash; /* DT_HASH; NULL, too, if there is no room for what it says */
	ElfW(Xword) strsz;    /* bytes in strtab */
	const ElfW(Half) * versym;
	const char *soname;
	bool symbolic; /* DT_SYMBOLIC or DF_SYMBOLIC */
	bool rpath;    /* DT_RPATH: searched for whole subtrees of dependants */
	bool runpath;  /* DT_RUNPATH, or DF_1_NODEFLIB: its own searches differ */
	bool filter;   /* DT_FILTER, DT_AUXILIARY: others come before it in its own search order */
};

/* Fills `e` from a dynamic section; false if symbol or string table is missing. */
bool sf_elf_open(struct sf_elf *e, uintptr_t bias, const ElfW(Dyn) * dynamic);

/* Where such a pointer of the dynamic section, whose entry stands at `dynamic`, leads: ld.so relocates most of them. */
const void *sf_elf_table(const struct sf_elf *e, const ElfW(Dyn) * dynamic, ElfW(Addr) ptr);

/* A name's hash, and whether the object may define a name of this hash: false only if none of its own searches finds one. */
uint32_t sf_elf_hash(const char *name);
bool sf_elf_may_have(const struct sf_elf *e, uint32_t hash);

/* The object's own name alone, NULL if it has none: a third of what sf_elf_open() costs. */
const char *sf_elf_soname(uintptr_t bias, const ElfW(Dyn) * dynamic);

/* Has it a hash table that can be searched? libc finds no name in one that has none. */
SF_INLINE bool
sf_elf_is_hashed(const struct sf_elf *e)
{
	return e->gnu_hash != NULL || e->hash != NULL;
}

/*
 * The next symbol called `name` after `*cursor` (0 to start) in the object's GNU hash table, or, as libc does it, in
 * DT_HASH where that is all there is; NULL at the end. Source of the walk: the sections as GNU ld writes them and
 * glibc's elf/dl-lookup.c reads them, no byte of them that libc would not read.
 */
const ElfW(Sym) * sf_elf_next(const struct sf_elf *e, const char *name, uint32_t *cursor);

/* The same for who has the name's hash. */
const ElfW(Sym) *
	sf_elf_walk(const struct sf_elf *e, const char *name, uint32_t hash, uint32_t *cursor);

/*
 * Does the object define `name` as anything but a plain FUNC, OBJECT or NOTYPE of its own sections
 * (IFUNC, TLS, absolute, GNU_UNIQUE)? Objects without a hash table are not searched: `unsure` is
 * set for them.
 */
bool sf_elf_defines_special(const struct sf_elf *e, const char *name, bool *unsure);

/* Are all those other definitions IFUNCs of the object's own sections? */
bool sf_elf_special_is_ifunc(const struct sf_elf *e, const char *name);

/* Does the object with this dynamic section need this version of `file`? Few ask: sf_elf_open() does not look for it. */
bool sf_elf_needs_version(const struct sf_elf *e, const ElfW(Dyn) * dynamic, const char *file,
			  const char *version);

/* Does the object with this dynamic section define `name` under this version, so that dlvsym ends here? */
bool sf_elf_defines_as(const struct sf_elf *e, const ElfW(Dyn) * dynamic, const char *name,
		       const char *version);

/* Does the object define `name` so that a look-up without a version, in this object, ends here? */
bool sf_elf_defines(const struct sf_elf *e, const char *name);

/*
 * Could a look-up without a version end in this object? `value`: where, if one plain definition is all that libc would
 * find there; 0: that is not sure, or computed by libc. Objects without a hash table are not searched.
 */
bool sf_elf_ends(const struct sf_elf *e, const char *name, uintptr_t *value);

/* The pointer through which the object with this dynamic section refers to `name`, its own or another's; NULL: none. */
void *const *sf_elf_slot(const struct sf_elf *e, const ElfW(Dyn) * dynamic, const char *name);

/* The next DT_NEEDED name after *dynamic, which is advanced; NULL at the end. */
const char *sf_elf_needed(const struct sf_elf *e, const ElfW(Dyn) * *dynamic);

/* The address of the default-version definition of `name` (no TLS); NULL if there is none. */
void *sf_elf_function(const struct sf_elf *e, const char *name);

/* The st_value of the thread-local symbol `name`; false if there is none. */
bool sf_elf_tls_offset(const struct sf_elf *e, const char *name, uintptr_t *offset);

/*
 * CONTRACT 12: is `value` the address of `name` in this object, for as long as it is mapped? True
 * only if every definition of the name there is a plain FUNC, OBJECT or NOTYPE with a section (so
 * no IFUNC, TLS, absolute or GNU_UNIQUE) and one of them stands at `value`.
 */
bool sf_elf_proves(const struct sf_elf *e, const char *name, uintptr_t value);

#endif
