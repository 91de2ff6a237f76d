// SPDX-License-Identifier: BSD-2-Clause
// sample_symbols.c: see sample_symbols.h.
#include "sample_symbols.h"

#include "../base/cli.h"
#include "../base/search.h"
#include <stdlib.h>
#include <string.h>

/* What a hostile file can cost: sections looked at, symbols kept of each table, symbols that enclose an address. */
#define SECTIONS_MOST  4096u
#define SYMBOLS_MOST   (2u << 20)
#define ENCLOSING_MOST 64u
/* A function without a size (assembly) ends at the next one, or after so many bytes. */
#define UNSIZED_MOST 4096u
#define CODE_MOST    512u

static void
sample_symbols_add(struct sample_file *f, const Elf64_Sym *s, uint64_t strings)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS || s->st_value == 0 ||
	    (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE))
		return;
	f->symbols[f->symbol_count++] =
		(struct sample_file_symbol){s->st_value, s->st_size, strings + s->st_name};
}

static void
sample_symbols_read_table(struct sample_file *f, uint64_t offset, uint64_t size, uint64_t strings)
{
	uint64_t count = size / sizeof(Elf64_Sym);
	Elf64_Sym s;

	count = count < SYMBOLS_MOST ? count : SYMBOLS_MOST;
	f->symbols = cli_grow(f->symbols, f->symbol_count + count + 1, sizeof(*f->symbols));
	for (uint64_t i = 0;
	     i < count && sample_file_read(f, offset + i * sizeof(s), &s, sizeof(s)); i++)
		sample_symbols_add(f, &s, strings);
}

static void
sample_symbols_of_sections(struct sample_file *f)
{
	Elf64_Ehdr header;
	Elf64_Shdr section, strings;

	if (f->fd < 0 || !sample_file_read(f, 0, &header, sizeof(header)) ||
	    header.e_shentsize != sizeof(section))
		return;
	for (unsigned int i = 0; i < header.e_shnum && i < SECTIONS_MOST; i++) {
		if (!sample_file_read(f, header.e_shoff + i * sizeof(section), &section,
				      sizeof(section)) ||
		    (section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) ||
		    !sample_file_read(f,
				      header.e_shoff + (uint64_t)section.sh_link * sizeof(strings),
				      &strings, sizeof(strings)))
			continue;
		sample_symbols_read_table(f, section.sh_offset, section.sh_size, strings.sh_offset);
	}
}

/*
 * Without sections, or where the file is gone. The loader has put addresses of the process, or left those of
 * the object. No entry tells how many symbols there are: linkers put the strings behind them.
 */
static void
sample_symbols_of_memory(struct sample_file *f)
{
	uint64_t offset, symbols = 0, strings = 0, bias = 0;
	Elf64_Dyn d;

	if (f->range_count != 0 && f->load_count != 0)
		bias = f->ranges[0].start - f->ranges[0].offset -
		       (f->load[0].p_vaddr - f->load[0].p_offset);
	if (f->dynamic == 0 || !sample_file_offset(f, f->dynamic, &offset))
		return;
	for (int i = 0; i < 128 && sample_file_read(f, offset, &d, sizeof(d)) && d.d_tag != DT_NULL;
	     i++, offset += sizeof(d)) {
		uint64_t at = d.d_un.d_ptr >= bias ? d.d_un.d_ptr - bias : d.d_un.d_ptr;

		if (d.d_tag == DT_SYMTAB && !sample_file_offset(f, at, &symbols))
			return;
		if (d.d_tag == DT_STRTAB && !sample_file_offset(f, at, &strings))
			return;
	}
	if (symbols != 0 && strings > symbols)
		sample_symbols_read_table(f, symbols, strings - symbols, strings);
}

static int
sample_symbols_by_start(const void *a, const void *b)
{
	const struct sample_file_symbol *x = a, *y = b;

	if (x->start != y->start)
		return (x->start > y->start) - (x->start < y->start);
	return (x->size > y->size) - (x->size < y->size);
}

static void
sample_symbols_read(struct sample_file *f)
{
	if (f->symbols_read)
		return;
	f->symbols_read = true;
	if (!f->elf)
		return;
	sample_symbols_of_sections(f);
	if (f->symbol_count == 0)
		sample_symbols_of_memory(f);
	if (f->symbol_count != 0)
		qsort(f->symbols, f->symbol_count, sizeof(*f->symbols), sample_symbols_by_start);
}

/* How many begin at the address or before. */
static size_t
sample_symbols_until(const struct sample_file *f, uint64_t address)
{
	return search_until(f->symbols, f->symbol_count, sizeof(*f->symbols),
			    offsetof(struct sample_file_symbol, start), address);
}

static bool
sample_symbols_covers(const struct sample_file_symbol *s, uint64_t address, bool next_behind)
{
	uint64_t most = s->size != 0 ? s->size : next_behind ? UNSIZED_MOST : 0;

	return address - s->start < most;
}

char *
sample_symbols_at(struct sample_file *f, uint64_t address, char *to)
{
	size_t end;

	*to = '\0';
	sample_symbols_read(f);
	end = sample_symbols_until(f, address);
	for (size_t i = end, k = 0; i-- > 0 && k < ENCLOSING_MOST && *to == '\0'; k++)
		if (sample_symbols_covers(&f->symbols[i], address, k == 0))
			sample_file_text(f, f->symbols[i].name, to, SAMPLE_SYMBOLS_NAME);
	return to;
}

static const struct sample_file_symbol *
sample_symbols_named(struct sample_file *f, const char *name)
{
	char text[SAMPLE_SYMBOLS_NAME];
	size_t len = strlen(name) + 1;

	for (size_t i = 0; i < f->symbol_count; i++)
		if (sample_file_read(f, f->symbols[i].name, text, len) &&
		    memcmp(text, name, len) == 0)
			return &f->symbols[i];
	return NULL;
}

/*
 * call *%rax, then mov G(%rsp),%rdi: where C returns to, and where the goroutine is kept. The same in all
 * releases since Go 1.4, with other G.
 */
static void
sample_symbols_read_asmcgocall(struct sample_file *f, uint64_t address)
{
	static const unsigned char want[] = {0xff, 0xd0, 0x48, 0x8b, 0x7c, 0x24};
	unsigned char code[CODE_MOST];
	uint64_t offset;

	if (!sample_file_offset(f, address, &offset) ||
	    !sample_file_read(f, offset, code, sizeof(code)))
		return;
	for (size_t i = 0; i + sizeof(want) < sizeof(code); i++)
		if (memcmp(code + i, want, sizeof(want)) == 0 && code[i + sizeof(want)] >= 8) {
			f->go_back = address + i + 2;
			f->go_slot = code[i + sizeof(want)];
			return;
		}
}

void
sample_symbols_go(struct sample_file *f)
{
	static const char *const names[] = {"runtime.asmcgocall.abi0", "runtime.asmcgocall"};

	if (f->go_read)
		return;
	f->go_read = true;
	sample_symbols_read(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && f->go_back == 0; i++) {
		const struct sample_file_symbol *s = sample_symbols_named(f, names[i]);

		if (s != NULL)
			sample_symbols_read_asmcgocall(f, s->start);
	}
}
