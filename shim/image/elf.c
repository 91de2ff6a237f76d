// SPDX-License-Identifier: BSD-2-Clause
// elf.c: see elf.h.
#include "elf.h"

#include "../base/bytes.h"

#ifndef DF_1_NODEFLIB
#define DF_1_NODEFLIB 0x800
#endif
#ifndef DT_AUXILIARY
#define DT_AUXILIARY 0x7ffffffd
#define DT_FILTER    0x7fffffff
#endif
#define VERSYM_HIDDEN 0x8000

/*
 * glibc relocates these pointers in place where the program header says that the dynamic section may be
 * written; in the vdso and after -z rodynamic they stay as linked. Which it is shows where they lead: a
 * table is nearer to its own dynamic section than half the load bias, which may be "negative" (an object
 * linked at a high address). Where an object lies closer to its linked address than any object is long,
 * only a pointer below the bias, where nothing of it is mapped, is one that was left alone.
 */
#define LONGEST 0x80000000u

static uintptr_t
elf_distance(uintptr_t a, uintptr_t b)
{
	return a > b ? a - b : b - a;
}

const void *
sf_elf_table(const struct sf_elf *e, const ElfW(Dyn) * dynamic, ElfW(Addr) ptr)
{
	uintptr_t here = (uintptr_t)dynamic;

	bool linked = elf_distance(ptr + e->bias, here) < elf_distance(ptr, here);

	if (e->bias + LONGEST <= 2ull * LONGEST)
		linked = e->bias <= LONGEST && ptr < e->bias;
	return (const void *)(linked ? ptr + e->bias : ptr);
}

/* Does what begins at `start` end before each table that begins behind it? `end`: the dynamic section's last entry. */
static bool
elf_has_room(const struct sf_elf *e, const ElfW(Dyn) * end, const void *start, uint64_t size)
{
	const void *const others[] = {e->symtab, e->strtab, e->hash, e->versym, end};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if ((uintptr_t)others[i] > (uintptr_t)start &&
		    (uintptr_t)others[i] - (uintptr_t)start < size)
			return false;
	return true;
}

/*
 * libc reads as far as a chain leads; a walk of ours ends at the number of symbols that the table itself names. Is
 * that number one for which there is room? Two loads, only in an object that has no other table.
 */
static bool
elf_hash_fits(const struct sf_elf *e, const ElfW(Dyn) * end)
{
	const uint64_t buckets = e->hash[0], symbols = e->hash[1];

	return e->strsz != 0 && elf_has_room(e, end, e->hash, (buckets + symbols + 2) * 4) &&
	       elf_has_room(e, end, e->symtab, symbols * sizeof(*e->symtab)) &&
	       (e->versym == NULL || elf_has_room(e, end, e->versym, symbols * sizeof(*e->versym)));
}

bool
sf_elf_open(struct sf_elf *e, uintptr_t bias, const ElfW(Dyn) * d)
{
	ElfW(Xword) soname = 0;
	bool named = false;

	*e = (struct sf_elf){.bias = bias};
	if (d == NULL)
		return false;
	for (; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB:
			e->symtab = sf_elf_table(e, d, d->d_un.d_ptr);
			break;
		case DT_STRTAB:
			e->strtab = sf_elf_table(e, d, d->d_un.d_ptr);
			break;
		case DT_GNU_HASH:
			e->gnu_hash = sf_elf_table(e, d, d->d_un.d_ptr);
			break;
		case DT_HASH:
			e->hash = sf_elf_table(e, d, d->d_un.d_ptr);
			break;
		case DT_STRSZ:
			e->strsz = d->d_un.d_val;
			break;
		case DT_VERSYM:
			e->versym = sf_elf_table(e, d, d->d_un.d_ptr);
			break;
		case DT_SONAME:
			soname = d->d_un.d_val;
			named = true;
			break;
		case DT_SYMBOLIC:
			e->symbolic = true;
			break;
		case DT_FLAGS:
			e->symbolic |= (d->d_un.d_val & DF_SYMBOLIC) != 0;
			break;
		case DT_RPATH:
			e->rpath = true;
			break;
		case DT_RUNPATH:
			e->runpath = true;
			break;
		case DT_FILTER:
		case DT_AUXILIARY:
			e->filter = true;
			break;
		case DT_FLAGS_1:
			e->runpath |= (d->d_un.d_val & DF_1_NODEFLIB) != 0;
			break;
		default:
			break;
		}
	}
	if (e->symtab == NULL || e->strtab == NULL)
		return false;
	if (e->gnu_hash == NULL && e->hash != NULL && !elf_hash_fits(e, d))
		e->hash = NULL;
	if (named)
		e->soname = e->strtab + soname;
	return true;
}

const char *
sf_elf_soname(uintptr_t bias, const ElfW(Dyn) * d)
{
	const struct sf_elf e = {.bias = bias};
	const ElfW(Dyn) *strings = NULL, *soname = NULL;

	for (; d != NULL && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRTAB)
			strings = d;
		else if (d->d_tag == DT_SONAME)
			soname = d;
	}
	if (strings == NULL || soname == NULL)
		return NULL;
	return (const char *)sf_elf_table(&e, strings, strings->d_un.d_ptr) + soname->d_un.d_val;
}

void *
sf_elf_function(const struct sf_elf *e, const char *name)
{
	const ElfW(Sym) * s;
	uint32_t hash = sf_elf_hash(name), cursor = 0;

	while ((s = sf_elf_walk(e, name, hash, &cursor)) != NULL) {
		unsigned int type = ELF64_ST_TYPE(s->st_info);

		if (s->st_shndx == SHN_UNDEF || s->st_value == 0)
			continue;
		if (e->versym != NULL && (e->versym[cursor] & VERSYM_HIDDEN))
			continue;
		if (type == STT_GNU_IFUNC)
			return ((void *(*)(void))(e->bias + s->st_value))();
		if (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE)
			return (void *)(e->bias + s->st_value);
	}
	return NULL;
}

bool
sf_elf_tls_offset(const struct sf_elf *e, const char *name, uintptr_t *offset)
{
	const ElfW(Sym) * s;
	uint32_t hash = sf_elf_hash(name), cursor = 0;

	while ((s = sf_elf_walk(e, name, hash, &cursor)) != NULL) {
		if (s->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s->st_info) != STT_TLS)
			continue;
		*offset = s->st_value;
		return true;
	}
	return false;
}

static bool
elf_is_plain(const ElfW(Sym) * s)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info);
	unsigned int bind = ELF64_ST_BIND(s->st_info);

	return (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE) &&
	       (bind == STB_GLOBAL || bind == STB_WEAK) && s->st_shndx != SHN_ABS;
}

/* libc takes what has no section and no value for no definition, except where it is thread-local: DT_HASH has such. */
static bool
elf_is_reference(const ElfW(Sym) * s)
{
	return s->st_shndx == SHN_UNDEF && ELF64_ST_TYPE(s->st_info) != STT_TLS;
}

bool
sf_elf_defines_special(const struct sf_elf *e, const char *name, bool *unsure)
{
	const ElfW(Sym) * s;
	uint32_t hash = sf_elf_hash(name), cursor = 0;

	if (!sf_elf_is_hashed(e))
		*unsure = true;
	while ((s = sf_elf_walk(e, name, hash, &cursor)) != NULL)
		if (!elf_is_reference(s) && !elf_is_plain(s))
			return true;
	return false;
}

bool
sf_elf_special_is_ifunc(const struct sf_elf *e, const char *name)
{
	const ElfW(Sym) * s;
	uint32_t hash = sf_elf_hash(name), cursor = 0;

	while ((s = sf_elf_walk(e, name, hash, &cursor)) != NULL) {
		unsigned int bind = ELF64_ST_BIND(s->st_info);

		if (elf_is_reference(s) || elf_is_plain(s))
			continue;
		if (ELF64_ST_TYPE(s->st_info) != STT_GNU_IFUNC || s->st_shndx == SHN_ABS ||
		    (bind != STB_GLOBAL && bind != STB_WEAK))
			return false;
	}
	return true;
}

static bool
elf_needs_of(const struct sf_elf *e, const ElfW(Verneed) * v, const char *version)
{
	const ElfW(Vernaux) *aux = (const void *)((const char *)v + v->vn_aux);

	for (unsigned int i = 0; i < v->vn_cnt; i++) {
		if (sf_bytes_same(e->strtab + aux->vna_name, version))
			return true;
		aux = (const void *)((const char *)aux + aux->vna_next);
	}
	return false;
}

bool
sf_elf_needs_version(const struct sf_elf *e, const ElfW(Dyn) * d, const char *file,
		     const char *version)
{
	const ElfW(Verneed) * v;

	while (d->d_tag != DT_NULL && d->d_tag != DT_VERNEED)
		d++;
	v = d->d_tag == DT_VERNEED ? sf_elf_table(e, d, d->d_un.d_ptr) : NULL;
	while (v != NULL) {
		if (sf_bytes_same(e->strtab + v->vn_file, file) && elf_needs_of(e, v, version))
			return true;
		v = v->vn_next != 0 ? (const void *)((const char *)v + v->vn_next) : NULL;
	}
	return false;
}

/* The number under which symbols have this version; 0: none has. */
static unsigned int
elf_version_index(const struct sf_elf *e, const ElfW(Dyn) * d, const char *version)
{
	const ElfW(Verdef) * v;

	while (d->d_tag != DT_NULL && d->d_tag != DT_VERDEF)
		d++;
	v = d->d_tag == DT_VERDEF && e->versym != NULL ? sf_elf_table(e, d, d->d_un.d_ptr) : NULL;
	while (v != NULL) {
		const ElfW(Verdaux) *aux = (const void *)((const char *)v + v->vd_aux);

		if (!(v->vd_flags & VER_FLG_BASE) &&
		    sf_bytes_same(e->strtab + aux->vda_name, version))
			return v->vd_ndx & ~VERSYM_HIDDEN;
		v = v->vd_next != 0 ? (const void *)((const char *)v + v->vd_next) : NULL;
	}
	return 0;
}

bool
sf_elf_defines_as(const struct sf_elf *e, const ElfW(Dyn) * d, const char *name,
		  const char *version)
{
	unsigned int index = elf_version_index(e, d, version);
	const ElfW(Sym) * s;
	uint32_t cursor = 0;

	while (index != 0 && (s = sf_elf_next(e, name, &cursor)) != NULL)
		if (s->st_shndx != SHN_UNDEF && (s->st_value != 0 || !elf_is_plain(s)) &&
		    (e->versym[cursor] & ~VERSYM_HIDDEN) == (int)index)
			return true;
	return false;
}

bool
sf_elf_defines(const struct sf_elf *e, const char *name)
{
	const ElfW(Sym) * s;
	uint32_t hash = sf_elf_hash(name), cursor = 0;

	while ((s = sf_elf_walk(e, name, hash, &cursor)) != NULL)
		if (s->st_shndx != SHN_UNDEF && (s->st_value != 0 || !elf_is_plain(s)) &&
		    (e->versym == NULL || !(e->versym[cursor] & VERSYM_HIDDEN)))
			return true;
	return false;
}

/*
 * As libc reads it (elf/dl-lookup.c, check_match): without a value a symbol does not count; one whose version is hidden
 * is passed over; of two that are left neither is found. References with a value are found, too.
 */
bool
sf_elf_ends(const struct sf_elf *e, const char *name, uintptr_t *value)
{
	unsigned int found = 0, hidden = 0;
	const ElfW(Sym) * s;
	uint32_t cursor = 0;
	bool plain = true;

	*value = 0;
	while ((s = sf_elf_next(e, name, &cursor)) != NULL) {
		unsigned int version = e->versym != NULL ? e->versym[cursor] : 0;

		if (s->st_value == 0 && s->st_shndx != SHN_ABS &&
		    ELF64_ST_TYPE(s->st_info) != STT_TLS)
			continue;
		plain &= elf_is_plain(s) && s->st_shndx != SHN_UNDEF &&
			 ELF64_ST_VISIBILITY(s->st_other) != STV_HIDDEN &&
			 ELF64_ST_VISIBILITY(s->st_other) != STV_INTERNAL;
		if (version > VERSYM_HIDDEN + 1) {
			hidden++;
			continue;
		}
		found++;
		*value = e->bias + s->st_value;
	}
	if (found != 1 || !plain)
		*value = 0;
	return found + hidden != 0;
}

void *const *
sf_elf_slot(const struct sf_elf *e, const ElfW(Dyn) * d, const char *name)
{
	const ElfW(Rela) *r = NULL, *end;
	size_t size = 0;

	for (; d->d_tag != DT_NULL; d++) {
		r = d->d_tag == DT_RELA ? sf_elf_table(e, d, d->d_un.d_ptr) : r;
		size = d->d_tag == DT_RELASZ ? d->d_un.d_val : size;
	}
	if (r == NULL)
		return NULL;
	for (end = r + size / sizeof(*r); r < end; r++) {
		uint32_t symbol = ELF64_R_SYM(r->r_info);

		if (symbol != 0 && sf_bytes_same(e->strtab + e->symtab[symbol].st_name, name))
			return (void *const *)(e->bias + r->r_offset);
	}
	return NULL;
}

const char *
sf_elf_needed(const struct sf_elf *e, const ElfW(Dyn) * *dynamic)
{
	for (; (*dynamic)->d_tag != DT_NULL; ++*dynamic)
		if ((*dynamic)->d_tag == DT_NEEDED)
			return e->strtab + (*dynamic)++->d_un.d_val;
	return NULL;
}

bool
sf_elf_proves(const struct sf_elf *e, const char *name, uintptr_t value)
{
	const ElfW(Sym) * s;
	uint32_t hash = sf_elf_hash(name), cursor = 0;
	bool found = false;

	while ((s = sf_elf_walk(e, name, hash, &cursor)) != NULL) {
		if (s->st_shndx == SHN_UNDEF)
			continue;
		if (!elf_is_plain(s))
			return false;
		found |= e->bias + s->st_value == value;
	}
	return found;
}
