// SPDX-License-Identifier: BSD-2-Clause
// elf_file.c: see elf_file.h.
#include "elf_file.h"

#include "../base/bytes.h"

#define SYMBOLS_MAX (1u << 24)

/* `len` bytes at `offset` of the file, or NULL. */
static const uint8_t *
elf_file_at_offset(const struct sf_elf_file *f, uint64_t offset, uint64_t len)
{
	return offset <= f->size && len <= f->size - offset ? f->bytes + offset : NULL;
}

static uint32_t
elf_file_word(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

Elf64_Phdr
sf_elf_file_segment(const struct sf_elf_file *f, uint32_t i)
{
	Elf64_Phdr p;

	__builtin_memcpy(&p, f->phdr + (uint64_t)i * sizeof(p), sizeof(p));
	return p;
}

/* Where an address lies in the file, and how many bytes of its segment follow; 0 if nowhere. */
static uint64_t
elf_file_room_at(const struct sf_elf_file *f, uint64_t address, uint64_t *offset)
{
	for (uint32_t i = 0; i < f->phnum; i++) {
		Elf64_Phdr p = sf_elf_file_segment(f, i);
		uint64_t into = address - p.p_vaddr;

		if (p.p_type != PT_LOAD || address < p.p_vaddr || into >= p.p_filesz)
			continue;
		if (p.p_offset > f->size || into >= f->size - p.p_offset)
			return 0;
		*offset = p.p_offset + into;
		if (p.p_filesz > f->size - p.p_offset)
			return f->size - *offset;
		return p.p_filesz - into;
	}
	return 0;
}

const void *
sf_elf_file_at(const struct sf_elf_file *f, uint64_t address, uint64_t len)
{
	uint64_t offset = 0, room = elf_file_room_at(f, address, &offset);

	return room != 0 && len <= room ? f->bytes + offset : NULL;
}

Elf64_Dyn
sf_elf_file_dyn(const struct sf_elf_file *f, uint32_t i)
{
	Elf64_Dyn d;

	__builtin_memcpy(&d, f->dynamic + (uint64_t)i * sizeof(d), sizeof(d));
	return d;
}

bool
sf_elf_file_tag(const struct sf_elf_file *f, int64_t tag, uint64_t *value)
{
	for (uint32_t i = 0; i < f->dynamic_count; i++) {
		Elf64_Dyn d = sf_elf_file_dyn(f, i);

		if (d.d_tag == tag) {
			*value = d.d_un.d_val;
			return true;
		}
	}
	return false;
}

const char *
sf_elf_file_string(const struct sf_elf_file *f, uint64_t offset)
{
	return offset < f->strings_size ? f->strings + offset : NULL;
}

const char *
sf_elf_file_interpreter(const struct sf_elf_file *f)
{
	for (uint32_t i = 0; i < f->phnum; i++) {
		Elf64_Phdr p = sf_elf_file_segment(f, i);
		const uint8_t *text;

		if (p.p_type != PT_INTERP || p.p_filesz == 0)
			continue;
		text = elf_file_at_offset(f, p.p_offset, p.p_filesz);
		if (text != NULL && text[p.p_filesz - 1] == '\0')
			return (const char *)text;
	}
	return NULL;
}

/* The dynamic section as the loader finds it: by its segment, ended by DT_NULL. */
static void
elf_file_find_dynamic(struct sf_elf_file *f)
{
	for (uint32_t i = 0; i < f->phnum; i++) {
		Elf64_Phdr p = sf_elf_file_segment(f, i);
		uint64_t max = p.p_filesz / sizeof(Elf64_Dyn);

		if (p.p_type != PT_DYNAMIC)
			continue;
		f->dynamic = elf_file_at_offset(f, p.p_offset, p.p_filesz);
		if (f->dynamic == NULL)
			return;
		while (f->dynamic_count < max && f->dynamic_count < SYMBOLS_MAX &&
		       sf_elf_file_dyn(f, f->dynamic_count).d_tag != DT_NULL)
			f->dynamic_count++;
		return;
	}
}

/* One more than the last symbol that the GNU hash table leads to. */
static uint32_t
elf_file_count_by_gnu_hash(const struct sf_elf_file *f, uint64_t address)
{
	uint64_t offset = 0, room = elf_file_room_at(f, address, &offset), chain;
	const uint8_t *h = f->bytes + offset;
	uint32_t buckets, first, last = 0;

	if (room < 16)
		return 0;
	buckets = elf_file_word(h);
	first = elf_file_word(h + 4);
	chain = 16 + (uint64_t)elf_file_word(h + 8) * 8 + (uint64_t)buckets * 4;
	if (chain > room)
		return 0;
	for (uint32_t b = 0; b < buckets; b++) {
		uint32_t start = elf_file_word(h + chain - (uint64_t)buckets * 4 + (uint64_t)b * 4);

		last = start > last ? start : last;
	}
	if (last < first)
		return first; /* only what is not hashed: the imports */
	for (; last < SYMBOLS_MAX; last++) {
		uint64_t at = chain + (uint64_t)(last - first) * 4;

		if (at + 4 > room)
			return 0;
		if (elf_file_word(h + at) & 1)
			return last + 1;
	}
	return 0;
}

/* One more than the last symbol that these relocations name. */
static uint64_t
elf_file_count_by_relocations(const struct sf_elf_file *f, int64_t table, int64_t bytes)
{
	uint64_t address, size, count = 0;
	const uint8_t *r;

	if (!sf_elf_file_tag(f, table, &address) || !sf_elf_file_tag(f, bytes, &size) ||
	    (r = sf_elf_file_at(f, address, size)) == NULL)
		return 0;
	for (; size >= sizeof(Elf64_Rela); size -= sizeof(Elf64_Rela), r += sizeof(Elf64_Rela)) {
		Elf64_Rela one;

		__builtin_memcpy(&one, r, sizeof(one));
		if (ELF64_R_SYM(one.r_info) >= count)
			count = ELF64_R_SYM(one.r_info) + 1;
	}
	return count;
}

/*
 * No field says it. The GNU hash of a program that exports nothing is empty and leads to none of its imports:
 * those stand in its relocations.
 */
static uint32_t
elf_file_count_symbols(const struct sf_elf_file *f)
{
	uint64_t address, count = 0, more;
	const uint8_t *h;

	if (sf_elf_file_tag(f, DT_HASH, &address) && (h = sf_elf_file_at(f, address, 8)) != NULL)
		count = elf_file_word(h + 4);
	else if (sf_elf_file_tag(f, DT_GNU_HASH, &address))
		count = elf_file_count_by_gnu_hash(f, address);
	more = elf_file_count_by_relocations(f, DT_JMPREL, DT_PLTRELSZ);
	count = more > count ? more : count;
	more = elf_file_count_by_relocations(f, DT_RELA, DT_RELASZ);
	count = more > count ? more : count;
	return count <= SYMBOLS_MAX ? (uint32_t)count : 0;
}

static void
elf_file_find_tables(struct sf_elf_file *f)
{
	uint64_t address, size;

	if (sf_elf_file_tag(f, DT_STRTAB, &address) && sf_elf_file_tag(f, DT_STRSZ, &size) &&
	    (f->strings = sf_elf_file_at(f, address, size)) != NULL)
		f->strings_size = size;
	/* Cut behind its last NUL, so that every offset in it begins a string that ends. */
	while (f->strings_size != 0 && f->strings[f->strings_size - 1] != '\0')
		f->strings_size--;
	f->symbol_count = elf_file_count_symbols(f);
	if (!sf_elf_file_tag(f, DT_SYMTAB, &address) ||
	    (f->symbols = sf_elf_file_at(f, address,
					 (uint64_t)f->symbol_count * sizeof(Elf64_Sym))) == NULL)
		f->symbol_count = 0;
	if (f->symbol_count != 0 && sf_elf_file_tag(f, DT_VERSYM, &address))
		f->versions = sf_elf_file_at(f, address, (uint64_t)f->symbol_count * 2);
}

static enum sf_elf_file_fault
elf_file_check_ident(const uint8_t *bytes, uint64_t size)
{
	if (size < SELFMAG || __builtin_memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return SF_ELF_FILE_NOT_ELF;
	if (size < EI_NIDENT)
		return SF_ELF_FILE_TRUNCATED;
	if (bytes[EI_CLASS] == ELFCLASS32)
		return SF_ELF_FILE_OTHER_CLASS;
	if (bytes[EI_CLASS] != ELFCLASS64)
		return SF_ELF_FILE_DAMAGED;
	if (bytes[EI_DATA] !=
	    (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
		return SF_ELF_FILE_OTHER_ORDER;
	return size < sizeof(Elf64_Ehdr) ? SF_ELF_FILE_TRUNCATED : SF_ELF_FILE_NONE;
}

enum sf_elf_file_fault
sf_elf_file_open(struct sf_elf_file *f, const void *bytes, uint64_t size)
{
	enum sf_elf_file_fault fault = elf_file_check_ident(bytes, size);
	Elf64_Ehdr e;

	*f = (struct sf_elf_file){.bytes = bytes, .size = size};
	if (fault != SF_ELF_FILE_NONE)
		return fault;
	__builtin_memcpy(&e, bytes, sizeof(e));
	f->type = e.e_type;
	f->machine = e.e_machine;
	if (e.e_phnum != 0 && e.e_phentsize != sizeof(Elf64_Phdr))
		return SF_ELF_FILE_DAMAGED;
	f->phdr = elf_file_at_offset(f, e.e_phoff, (uint64_t)e.e_phnum * sizeof(Elf64_Phdr));
	if (f->phdr == NULL)
		return SF_ELF_FILE_TRUNCATED;
	f->phnum = e.e_phnum;
	elf_file_find_dynamic(f);
	elf_file_find_tables(f);
	return SF_ELF_FILE_NONE;
}

const char *
sf_elf_file_fault_text(enum sf_elf_file_fault fault)
{
	static const char *const texts[] = {
#define X(id, text) text,
		SF_ELF_FILE_FAULTS(X)
#undef X
	};

	return texts[fault];
}

Elf64_Sym
sf_elf_file_symbol(const struct sf_elf_file *f, uint32_t i)
{
	Elf64_Sym s;

	__builtin_memcpy(&s, f->symbols + (uint64_t)i * sizeof(s), sizeof(s));
	return s;
}

const char *
sf_elf_file_symbol_name(const struct sf_elf_file *f, const Elf64_Sym *s)
{
	return sf_elf_file_string(f, s->st_name);
}

bool
sf_elf_file_defined(const struct sf_elf_file *f, const char *name, Elf64_Sym *s)
{
	for (uint32_t i = 1; i < f->symbol_count; i++) {
		const char *its;

		*s = sf_elf_file_symbol(f, i);
		if (s->st_shndx == SHN_UNDEF)
			continue;
		its = sf_elf_file_symbol_name(f, s);
		if (its != NULL && sf_bytes_same(its, name))
			return true;
	}
	return false;
}

bool
sf_elf_file_whole(const struct sf_elf_file *f)
{
	for (uint32_t i = 0; i < f->phnum; i++) {
		Elf64_Phdr p = sf_elf_file_segment(f, i);

		if ((p.p_type == PT_LOAD || p.p_type == PT_DYNAMIC || p.p_type == PT_INTERP) &&
		    elf_file_at_offset(f, p.p_offset, p.p_filesz) == NULL)
			return false;
	}
	return true;
}

/* To the next Vernaux of this Verneed, else to the next Verneed, else to the end. */
static void
elf_file_step(struct sf_elf_file_versions *w, const Elf64_Verneed *n, const Elf64_Vernaux *a)
{
	if (a->vna_next != 0) {
		w->aux += a->vna_next;
	} else if (n->vn_next != 0) {
		w->need += n->vn_next;
		w->aux = 0;
	} else {
		w->ended = true;
	}
}

const char *
sf_elf_file_needed_version(const struct sf_elf_file *f, struct sf_elf_file_versions *w)
{
	uint64_t section;
	Elf64_Verneed n;
	Elf64_Vernaux a;
	const void *at;

	w->ended |= w->steps++ == SF_ELF_FILE_VERSIONS || !sf_elf_file_tag(f, DT_VERNEED, &section);
	if (w->ended)
		return NULL;
	w->ended = true;
	at = sf_elf_file_at(f, section + w->need, sizeof(n));
	if (at == NULL)
		return NULL;
	__builtin_memcpy(&n, at, sizeof(n));
	if (w->aux == 0)
		w->aux = w->need + n.vn_aux;
	at = sf_elf_file_at(f, section + w->aux, sizeof(a));
	if (at == NULL)
		return NULL;
	__builtin_memcpy(&a, at, sizeof(a));
	w->ended = false;
	elf_file_step(w, &n, &a);
	return sf_elf_file_string(f, a.vna_name);
}

/* Of each definition the first name is its own; the others are those that it follows. */
const char *
sf_elf_file_defined_version(const struct sf_elf_file *f, struct sf_elf_file_versions *w)
{
	uint64_t section;
	Elf64_Verdef d;
	Elf64_Verdaux a;
	const void *at;

	w->ended |= w->steps++ == SF_ELF_FILE_VERSIONS || !sf_elf_file_tag(f, DT_VERDEF, &section);
	if (w->ended)
		return NULL;
	w->ended = true;
	at = sf_elf_file_at(f, section + w->need, sizeof(d));
	if (at == NULL)
		return NULL;
	__builtin_memcpy(&d, at, sizeof(d));
	at = sf_elf_file_at(f, section + w->need + d.vd_aux, sizeof(a));
	if (at == NULL)
		return NULL;
	__builtin_memcpy(&a, at, sizeof(a));
	w->ended = d.vd_next == 0;
	w->need += d.vd_next;
	return sf_elf_file_string(f, a.vda_name);
}
