// SPDX-License-Identifier: BSD-2-Clause
// symbols.c: see symbols.h.
#include "symbols.h"

static uint32_t
symbols_last_of_chain(const uint32_t *chains, uint32_t index)
{
	while (!(chains[index] & 1))
		index++;
	return index;
}

static void
symbols_open_gnu(struct sf_symbols *s, const uint32_t *header)
{
	uint32_t symoffset = header[1], bloom_words = header[2], last = 0;

	s->nbuckets = header[0];
	s->buckets = header + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);
	s->chains = s->buckets + s->nbuckets - symoffset;
	for (uint32_t b = 0; b < s->nbuckets; b++)
		if (s->buckets[b] > last)
			last = s->buckets[b];
	s->end = last != 0 ? symbols_last_of_chain(s->chains, last) + 1 : 0;
}

bool
sf_symbols_open(struct sf_symbols *s, const struct sf_elf *e)
{
	*s = (struct sf_symbols){.symtab = e->symtab, .strsz = e->strsz};
	if (e->gnu_hash != NULL)
		symbols_open_gnu(s, e->gnu_hash);
	else if (e->hash != NULL)
		s->end = e->hash[1];
	else
		return false;
	return true;
}

static bool
symbols_counts(const struct sf_symbols *s, uint32_t index)
{
	const ElfW(Sym) *sym = &s->symtab[index];
	unsigned int bind = ELF64_ST_BIND(sym->st_info);
	unsigned int visibility = ELF64_ST_VISIBILITY(sym->st_other);

	if (s->buckets == NULL && ((bind != STB_GLOBAL && bind != STB_WEAK) ||
				   visibility == STV_HIDDEN || visibility == STV_INTERNAL))
		return false;
	return (sym->st_shndx != SHN_UNDEF || sym->st_value != 0) && sym->st_shndx != SHN_ABS &&
	       ELF64_ST_TYPE(sym->st_info) != STT_TLS && sym->st_name < s->strsz;
}

enum sf_symbols_step
sf_symbols_step(const struct sf_symbols *s, struct sf_symbols_walk *w, uint32_t *index)
{
	if (s->buckets == NULL) {
		if (w->next >= s->end)
			return SF_SYMBOLS_END;
		*index = w->next++;
		return symbols_counts(s, *index) ? SF_SYMBOLS_ONE : SF_SYMBOLS_SKIP;
	}
	if (w->next == 0) {
		if (w->bucket >= s->nbuckets)
			return SF_SYMBOLS_END;
		w->next = s->buckets[w->bucket++];
		return SF_SYMBOLS_SKIP;
	}
	*index = w->next;
	w->next = s->chains[*index] & 1 ? 0 : *index + 1;
	return symbols_counts(s, *index) ? SF_SYMBOLS_ONE : SF_SYMBOLS_SKIP;
}

/* One more than the last symbol that `size` bytes of relocations name. */
static uint32_t
symbols_named(const char *at, size_t size, uint32_t end)
{
	for (; size >= sizeof(ElfW(Rela)); size -= sizeof(ElfW(Rela)), at += sizeof(ElfW(Rela))) {
		uint32_t index = ELF64_R_SYM(((const ElfW(Rela) *)(const void *)at)->r_info);

		end = index >= end ? index + 1 : end;
	}
	return end;
}

/*
 * Imports stand before the hashed symbols. GNU ld writes an empty table for what exports nothing, as if there were no
 * symbol before it: there, and without a table, the relocations tell (DT_RELR's name none).
 */
uint32_t
sf_symbols_imports_end(const struct sf_elf *e, const ElfW(Dyn) * d)
{
	const char *rela = NULL, *plt = NULL;
	size_t size = 0, plt_size = 0;

	if (e->gnu_hash != NULL && e->gnu_hash[1] > 1)
		return e->gnu_hash[1];
	if (e->gnu_hash == NULL && e->hash != NULL)
		return e->hash[1];
	for (; d->d_tag != DT_NULL; d++) {
		rela = d->d_tag == DT_RELA ? sf_elf_table(e, d, d->d_un.d_ptr) : rela;
		size = d->d_tag == DT_RELASZ ? d->d_un.d_val : size;
		plt = d->d_tag == DT_JMPREL ? sf_elf_table(e, d, d->d_un.d_ptr) : plt;
		plt_size = d->d_tag == DT_PLTRELSZ ? d->d_un.d_val : plt_size;
	}
	return symbols_named(plt, plt_size, symbols_named(rela, size, 0));
}

/* ---- program headers ---- */

#define FIRST_PAGE SF_ELF_HEADER_MOST

static const ElfW(Phdr) * symbols_program_headers(const void *header, unsigned int *n)
{
	const ElfW(Ehdr) *e = header;

	if (__builtin_memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 ||
	    e->e_phentsize != sizeof(ElfW(Phdr)) || e->e_phoff > FIRST_PAGE ||
	    e->e_phoff + e->e_phnum * sizeof(ElfW(Phdr)) > FIRST_PAGE)
		return NULL;
	*n = e->e_phnum;
	return (const ElfW(Phdr) *)((const char *)header + e->e_phoff);
}

bool
sf_elf_is_header(const void *header)
{
	unsigned int n = 0;

	return symbols_program_headers(header, &n) != NULL;
}

unsigned int
sf_elf_segments(const void *header, uintptr_t bias, struct sf_segment *out, unsigned int max)
{
	unsigned int n = 0, count = 0;
	const ElfW(Phdr) *ph = symbols_program_headers(header, &n);

	for (unsigned int i = 0; ph != NULL && i < n; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (count == max)
			return 0;
		out[count].start = bias + ph[i].p_vaddr;
		out[count++].end = bias + ph[i].p_vaddr + ph[i].p_memsz;
	}
	return count;
}

static unsigned int
symbols_id_of_notes(const char *at, const char *end, const uint8_t **id, unsigned int max)
{
	while (end - at >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)at;
		const char *name = at + sizeof(*note);
		const char *text = name + ((note->n_namesz + 3) & ~3u);

		at = text + ((note->n_descsz + 3) & ~3u);
		if (text > end || at > end || at < text)
			return 0;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && name[0] == 'G' &&
		    name[1] == 'N' && name[2] == 'U') {
			*id = (const uint8_t *)text;
			return note->n_descsz <= max ? note->n_descsz : 0;
		}
	}
	return 0;
}

/* A note may name what was never loaded: libc does not look. */
static bool
symbols_is_within_load(const ElfW(Phdr) * note, const ElfW(Phdr) * ph, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uintptr_t into = note->p_vaddr - ph[i].p_vaddr;

		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_R) && into < ph[i].p_filesz &&
		    note->p_memsz <= ph[i].p_filesz - into)
			return true;
	}
	return false;
}

unsigned int
sf_elf_build_id(const void *header, uintptr_t bias, const uint8_t **id, unsigned int max,
		bool (*readable)(const void *, size_t))
{
	unsigned int n = 0, length = 0;
	const ElfW(Phdr) *ph = symbols_program_headers(header, &n);

	for (unsigned int i = 0; ph != NULL && i < n && length == 0; i++)
		if (ph[i].p_type == PT_NOTE && ph[i].p_align <= 4 &&
		    symbols_is_within_load(&ph[i], ph, n) &&
		    readable((const void *)(bias + ph[i].p_vaddr), ph[i].p_memsz))
			length = symbols_id_of_notes(
				(const char *)(bias + ph[i].p_vaddr),
				(const char *)(bias + ph[i].p_vaddr + ph[i].p_memsz), id, max);
	return length;
}

#define PROPERTY_FEATURES 0xc0000000u /* GNU_PROPERTY_AARCH64_FEATURE_1_AND; the first bit is BTI */

/* The properties of one note: type, size, and as many bytes up to a multiple of eight. */
static bool
symbols_features_have_bti(const uint32_t *at, const uint32_t *end)
{
	while (end - at >= 3) {
		size_t words = ((size_t)at[1] + 7) / 8 * 2;

		if (at[0] == PROPERTY_FEATURES)
			return at[1] == 4 && (at[2] & 1);
		if (words > (size_t)(end - at - 2))
			return false;
		at += 2 + words;
	}
	return false;
}

bool
sf_elf_has_landing_pads(const void *header, uintptr_t bias)
{
	unsigned int n = 0;
	const ElfW(Phdr) *ph = symbols_program_headers(header, &n);

	for (unsigned int i = 0; ph != NULL && i < n; i++) {
		const uint32_t *note = (const uint32_t *)(bias + ph[i].p_vaddr);

		if (ph[i].p_type != PT_GNU_PROPERTY || !symbols_is_within_load(&ph[i], ph, n) ||
		    ph[i].p_memsz < 16 || note[0] != 4 || note[2] != NT_GNU_PROPERTY_TYPE_0)
			continue;
		return note[1] <= ph[i].p_memsz - 16 &&
		       symbols_features_have_bti(note + 4, note + 4 + note[1] / 4);
	}
	return false;
}
