// SPDX-License-Identifier: BSD-2-Clause
// elf.c: the ELF reader against a plain scan of real objects' symbol tables, and against dlsym.
#include "unit.h"

#include "image/elf.h"
#include "image/symbols.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN 0x8000

const char unit_name[] = "elf";

__thread int unit_elf_tls __attribute__((visibility("default"))) = 5;

/* Real objects, small and large; those a machine does not have are left out, libc never. */
static const char *const files[] = {"libc.so.6",     "libm.so.6",    "libstdc++.so.6",
				    "libgcc_s.so.1", "libxml2.so.2", NULL};

static const char *const versions[] = {"GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.34", "GLIBC_PRIVATE"};

struct object {
	void *handle;
	struct link_map *map;
	struct sf_elf elf;
	uint32_t count;  /* symbols, by the longest chain of the hash table */
	uint32_t *order; /* of the named, defined ones, by name */
	uint32_t named;
};

static const struct sf_elf *sorted;

static const char *
name_of(const struct sf_elf *e, uint32_t i)
{
	return e->strtab + e->symtab[i].st_name;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(name_of(sorted, *(const uint32_t *)a), name_of(sorted, *(const uint32_t *)b));
}

static uint32_t
symbol_count(const struct sf_elf *e)
{
	const uint32_t *h = e->gnu_hash, *buckets = h + 4 + h[2] * (sizeof(ElfW(Addr)) / 4);
	uint32_t last = 0;

	for (uint32_t b = 0; b < h[0]; b++)
		last = buckets[b] > last ? buckets[b] : last;
	while (last >= h[1] && !((buckets + h[0])[last - h[1]] & 1))
		last++;
	return last + 1;
}

static bool
open_object(const char *file, struct object *o)
{
	memset(o, 0, sizeof(*o));
	o->handle = dlopen(file, RTLD_NOW);
	if (o->handle == NULL)
		return false;
	o->map = o->handle;
	ck_assert(sf_elf_open(&o->elf, o->map->l_addr, o->map->l_ld));
	o->count = symbol_count(&o->elf);
	o->order = calloc(o->count, sizeof(uint32_t));
	/* The hash table has no undefined symbols: they stand before its first index. */
	for (uint32_t i = o->elf.gnu_hash[1]; i < o->count; i++)
		o->order[o->named++] = i;
	sorted = &o->elf;
	qsort(o->order, o->named, sizeof(uint32_t), by_name);
	return true;
}

/* All symbols of one name stand together in `order`; is there exactly this set on the walk? */
static void
check_walk(const struct object *o, uint32_t first, uint32_t end)
{
	const char *name = name_of(&o->elf, o->order[first]);
	uint32_t cursor = 0, met = 0;
	const ElfW(Sym) * s;

	while ((s = sf_elf_next(&o->elf, name, &cursor)) != NULL) {
		bool ours = false;

		ck_assert_ptr_eq(s, &o->elf.symtab[cursor]);
		for (uint32_t i = first; i < end; i++)
			ours |= o->order[i] == cursor;
		ck_assert_msg(ours, "%s %s: symbol %u", o->map->l_name, name, cursor);
		met++;
	}
	ck_assert_msg(met == end - first, "%s %s: %u of %u", o->map->l_name, name, met,
		      end - first);
}

/* CONTRACT 12, spelt out over the table: the bindings and types that may be kept. */
static bool
all_plain(const struct object *o, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		const ElfW(Sym) *s = &o->elf.symtab[o->order[i]];
		unsigned int type = s->st_info & 15, bind = s->st_info >> 4;

		if (s->st_shndx == SHN_UNDEF)
			continue;
		if (type > STT_FUNC || (bind != STB_GLOBAL && bind != STB_WEAK) ||
		    s->st_shndx == SHN_ABS)
			return false;
	}
	return true;
}

/* Would a look-up without a version end at one of these? */
static bool
ends_here(const struct object *o, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		const ElfW(Sym) *s = &o->elf.symtab[o->order[i]];
		const ElfW(Half) *versym = o->elf.versym;

		if (s->st_shndx != SHN_UNDEF && (s->st_value != 0 || !all_plain(o, i, i + 1)) &&
		    (versym == NULL || !(versym[o->order[i]] & HIDDEN)))
			return true;
	}
	return false;
}

/* Each version that a symbol has here leads here, whether it is the default or not; no other does. */
static void
check_version(const struct object *o, uint32_t first, uint32_t end)
{
	const char *name = name_of(&o->elf, o->order[first]);

	ck_assert(!sf_elf_defines_as(&o->elf, o->map->l_ld, name, "NOBODY_1.0"));
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		bool here = sf_elf_defines_as(&o->elf, o->map->l_ld, name, versions[i]);
		uintptr_t value = (uintptr_t)dlvsym(o->handle, name, versions[i]);

		ck_assert(!here || value != 0 || !all_plain(o, first, end));
		/* What is plain has its address only where it is defined. */
		if (value != 0 && all_plain(o, first, end) && o->elf.versym != NULL)
			ck_assert_msg(here == sf_elf_proves(&o->elf, name, value), "%s %s %s",
				      o->map->l_name, name, versions[i]);
	}
}

static void
check_proof(const struct object *o, uint32_t first, uint32_t end, unsigned int *plain,
	    unsigned int *special)
{
	const char *name = name_of(&o->elf, o->order[first]);
	bool keepable = all_plain(o, first, end), unsure = false, ends;
	uintptr_t value, said;

	ck_assert_int_eq(sf_elf_defines_special(&o->elf, name, &unsure), !keepable);
	ck_assert(!unsure);
	ck_assert_int_eq(sf_elf_defines(&o->elf, name), ends_here(o, first, end));

	for (uint32_t i = first; i < end; i++) {
		const ElfW(Sym) *s = &o->elf.symtab[o->order[i]];

		value = o->map->l_addr + s->st_value;
		ck_assert_msg(sf_elf_proves(&o->elf, name, value) ==
				      (keepable && s->st_shndx != SHN_UNDEF),
			      "%s %s", o->map->l_name, name);
		ck_assert(!sf_elf_proves(&o->elf, name, value + 1));
	}
	value = (uintptr_t)dlsym(o->handle, name);
	check_version(o, first, end);
	/* The object is the first that this handle leads to. */
	ends = sf_elf_ends(&o->elf, name, &said);
	ck_assert_msg(said == 0 || (ends && said == value), "%s %s", o->map->l_name, name);
	ck_assert(ends || !sf_elf_proves(&o->elf, name, value));
	ck_assert(said != 0 || !keepable || end - first > 1 || value < o->map->l_addr ||
		  !ends_here(o, first, end));
	*plain += keepable;
	*special += !keepable;
	if (value >= o->map->l_addr && keepable && sf_elf_proves(&o->elf, name, value)) {
		void *own = sf_elf_function(&o->elf, name);

		/* The handle's first definition of a name with several versions is the default one. */
		ck_assert_msg((uintptr_t)own == value, "%s %s", o->map->l_name, name);
	}
}

START_TEST(every_symbol_is_found_and_proven_as_the_table_says)
{
	unsigned int plain = 0, special = 0, objects = 0;

	for (size_t f = 0; files[f] != NULL; f++) {
		struct object o;

		if (!open_object(files[f], &o))
			continue;
		objects++;
		for (uint32_t i = 0, end; i < o.named; i = end) {
			for (end = i + 1; end < o.named && by_name(&o.order[i], &o.order[end]) == 0;
			     end++)
				;
			check_walk(&o, i, end);
			check_proof(&o, i, end, &plain, &special);
		}
		free(o.order);
	}
	ck_assert(objects >= 2);
	ck_assert_msg(plain > 1000 && special > 20, "%u plain, %u special", plain, special);
}
END_TEST

START_TEST(names_that_are_not_there)
{
	static const char *const rows[] = {"",        "no_such_symbol", "print",
					   "printff", "\xff",           " printf"};
	bool unsure = false;
	struct object o;

	ck_assert(open_object("libc.so.6", &o));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t cursor = 0;
		uintptr_t offset;

		ck_assert_ptr_null(sf_elf_next(&o.elf, rows[i], &cursor));
		ck_assert_ptr_null(sf_elf_function(&o.elf, rows[i]));
		ck_assert(!sf_elf_tls_offset(&o.elf, rows[i], &offset));
		ck_assert(!sf_elf_proves(&o.elf, rows[i], 0));
		ck_assert(!sf_elf_defines(&o.elf, rows[i]));
		ck_assert(!sf_elf_ends(&o.elf, rows[i], &offset));
		ck_assert(!sf_elf_defines_special(&o.elf, rows[i], &unsure) && !unsure);
	}
}
END_TEST

START_TEST(an_ifunc_answers_with_its_resolvers_choice)
{
	unsigned int met = 0;
	struct object o;

	ck_assert(open_object("libc.so.6", &o));
	for (uint32_t i = 0; i < o.named; i++) {
		const ElfW(Sym) *s = &o.elf.symtab[o.order[i]];
		const char *name = name_of(&o.elf, o.order[i]);

		if ((s->st_info & 15) != STT_GNU_IFUNC || (o.elf.versym[o.order[i]] & HIDDEN))
			continue;
		ck_assert_msg(sf_elf_function(&o.elf, name) == dlsym(o.handle, name), "%s", name);
		ck_assert(!sf_elf_proves(&o.elf, name, (uintptr_t)dlsym(o.handle, name)));
		met++;
	}
	ck_assert(met > 0);
}
END_TEST

START_TEST(thread_local_symbols)
{
	struct object o;
	uintptr_t ours, offset = 0;
	struct link_map *self;

	ck_assert(open_object("libc.so.6", &o));
	ck_assert(sf_elf_tls_offset(&o.elf, "errno", &offset));
	ck_assert(!sf_elf_tls_offset(&o.elf, "printf", &offset));
	ck_assert_ptr_null(sf_elf_function(&o.elf, "errno"));
	self = dlopen(NULL, RTLD_NOW);
	ck_assert(sf_elf_open(&o.elf, self->l_addr, self->l_ld));
	ck_assert(sf_elf_tls_offset(&o.elf, "unit_elf_tls", &ours));
	ck_assert(ours < 65536);
	ck_assert(!sf_elf_proves(&o.elf, "unit_elf_tls", (uintptr_t)&unit_elf_tls));
}
END_TEST

/* What ld.so has written there is the other object's address. */
START_TEST(where_an_object_refers_to_anothers)
{
	struct object o;
	void *const *slot;

	ck_assert(open_object("libc.so.6", &o));
	slot = sf_elf_slot(&o.elf, o.map->l_ld, "_rtld_global");
	ck_assert_ptr_nonnull(slot);
	ck_assert_ptr_eq(*slot, dlsym(RTLD_DEFAULT, "_rtld_global"));
	ck_assert_ptr_null(sf_elf_slot(&o.elf, o.map->l_ld, "_rtld_globa"));
	ck_assert_ptr_null(sf_elf_slot(&o.elf, o.map->l_ld, ""));
}
END_TEST

START_TEST(soname_and_flags_of_real_objects)
{
	struct object o;

	ck_assert(open_object("libc.so.6", &o));
	ck_assert_str_eq(o.elf.soname, "libc.so.6");
	ck_assert(!o.elf.symbolic && !o.elf.rpath && !o.elf.runpath);
	ck_assert_ptr_nonnull(o.elf.versym);
}
END_TEST

START_TEST(needed_objects_in_their_order)
{
	static const char strings[] = "\0libone.so\0libtwo.so";
	static const ElfW(Dyn) dynamic[] = {{DT_NEEDED, {1}},
					    {DT_DEBUG, {7}},
					    {DT_NEEDED, {11}},
					    {DT_SONAME, {1}},
					    {DT_NULL, {0}}};
	const struct sf_elf e = {.strtab = strings};
	const ElfW(Dyn) *d = dynamic;

	ck_assert_str_eq(sf_elf_needed(&e, &d), "libone.so");
	ck_assert_str_eq(sf_elf_needed(&e, &d), strings + 11);
	ck_assert_ptr_null(sf_elf_needed(&e, &d));
	ck_assert_ptr_null(sf_elf_needed(&e, &d));
}
END_TEST

#define TABLES                                                                                     \
	{DT_SYMTAB, {0x1000}},                                                                     \
	{                                                                                          \
		DT_STRTAB,                                                                         \
		{                                                                                  \
			0x2000                                                                     \
		}                                                                                  \
	}

START_TEST(dynamic_sections_made_by_hand)
{
	static const ElfW(Dyn) bare[] = {TABLES, {DT_NULL, {0}}};
	static const ElfW(Dyn) no_strings[] = {{DT_SYMTAB, {1}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) no_symbols[] = {{DT_STRTAB, {1}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) symbolic[] = {TABLES, {DT_SYMBOLIC, {0}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) flags[] = {TABLES, {DT_FLAGS, {DF_SYMBOLIC}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) now[] = {TABLES, {DT_FLAGS, {DF_BIND_NOW}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) rpath[] = {TABLES, {DT_RPATH, {3}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) runpath[] = {TABLES, {DT_RUNPATH, {3}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) nodeflib[] = {TABLES, {DT_FLAGS_1, {0x800}}, {DT_NULL, {0}}};
	static const ElfW(Dyn) soname[] = {TABLES, {DT_SONAME, {9}}, {DT_NULL, {0}}};
	static const uintptr_t bias = 0x100000;
	struct sf_elf e;

	ck_assert(!sf_elf_open(&e, bias, NULL));
	ck_assert(!sf_elf_open(&e, bias, no_strings));
	ck_assert(!sf_elf_open(&e, bias, no_symbols));
	ck_assert(sf_elf_open(&e, bias, bare));
	/* Offsets where the loader has not relocated them, addresses where it has. */
	ck_assert_uint_eq((uintptr_t)e.symtab, bias + 0x1000);
	ck_assert_uint_eq((uintptr_t)e.strtab, bias + 0x2000);
	ck_assert(sf_elf_open(&e, 0x800, bare) && (uintptr_t)e.symtab == 0x1000);
	ck_assert_ptr_null(e.soname);
	ck_assert(!e.symbolic && !e.rpath && !e.runpath);
	ck_assert(sf_elf_open(&e, bias, symbolic) && e.symbolic);
	ck_assert(sf_elf_open(&e, bias, flags) && e.symbolic);
	ck_assert(sf_elf_open(&e, bias, now) && !e.symbolic);
	ck_assert(sf_elf_open(&e, bias, rpath) && e.rpath && !e.runpath);
	ck_assert(sf_elf_open(&e, bias, runpath) && !e.rpath && e.runpath);
	ck_assert(sf_elf_open(&e, bias, nodeflib) && e.runpath);
	ck_assert(sf_elf_open(&e, bias, soname) && (uintptr_t)e.soname == bias + 0x2009);
}
END_TEST

/* Tables of an object of 64 KiB, its dynamic section in the middle: relocated in place, and as linked. */
START_TEST(a_table_is_found_wherever_the_object_was_linked)
{
	static char object[65536];
	static const uintptr_t linked[] = {
		0, 0x400000, 0x500000000, 0x700000000000, 0x800000000000, 0xffff800000000000};
	ElfW(Dyn) *d = (ElfW(Dyn) *)(void *)(object + 32768);

	for (unsigned int i = 0; i < COUNT_OF(linked); i++) {
		for (uintptr_t at = 0; at < sizeof(object); at += 4096) {
			uintptr_t bias = (uintptr_t)object - linked[i];
			struct sf_elf e;

			d[0] = (ElfW(Dyn)){.d_tag = DT_SYMTAB, .d_un.d_ptr = linked[i] + at};
			d[1] = (ElfW(Dyn)){.d_tag = DT_STRTAB,
					   .d_un.d_ptr = (uintptr_t)object + at};
			d[2] = (ElfW(Dyn)){.d_tag = DT_NULL};
			ck_assert(sf_elf_open(&e, bias, d));
			ck_assert_ptr_eq(e.symtab, object + at);
			ck_assert_ptr_eq(e.strtab, object + at);
		}
	}
}
END_TEST

static bool
anything(const void *p, size_t size)
{
	(void)p;
	(void)size;
	return true;
}

static bool
nothing(const void *p, size_t size)
{
	return !anything(p, size);
}

/* A page before an edge that begins with the header of an object and ends with a note, where `ph` says. */
static char *
page_with_note(const ElfW(Phdr) ph[2], const void *note, size_t size)
{
	char *page = unit_edge(1) - 4096;
	ElfW(Ehdr) head = {.e_ident = {0x7f, 'E', 'L', 'F'},
			   .e_phentsize = sizeof(ph[0]),
			   .e_phoff = 64,
			   .e_phnum = 2};

	memcpy(page, &head, sizeof(head));
	memcpy(page + 64, ph, 2 * sizeof(ph[0]));
	memcpy(page + 4096 - size, note, size);
	return page;
}

/* One loaded segment and one note, `size` bytes at `at` from the header. */
static unsigned int
id_of_note(uintptr_t at, size_t size, uint32_t flags)
{
	static const uint32_t note[] = {4, 4, NT_GNU_BUILD_ID, 0x554e47, 0x12345678};
	ElfW(Phdr) ph[] = {{.p_type = PT_LOAD, .p_flags = flags, .p_filesz = 4096, .p_memsz = 4096},
			   {.p_type = PT_NOTE, .p_vaddr = at, .p_filesz = size, .p_memsz = size}};
	char *page = page_with_note(ph, note, sizeof(note));
	const uint8_t *id = NULL;

	ck_assert_uint_eq(sf_elf_build_id(page, (uintptr_t)page, &id, 32, nothing), 0);
	return sf_elf_build_id(page, (uintptr_t)page, &id, 32, anything);
}

START_TEST(notes_are_read_only_where_something_was_loaded)
{
	static const struct {
		uintptr_t at;
		size_t size;
		unsigned int length, flags;
	} rows[] = {
		{4096 - 20, 20, 4, PF_R}, {4096 - 20, 21, 0, PF_R},  {4096 - 20, SIZE_MAX, 0, PF_R},
		{4096, 20, 0, PF_R},      {1ull << 40, 20, 0, PF_R}, {0ull - 4096, 20, 0, PF_R},
		{4096 - 20, 20, 0, PF_X},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_uint_eq(id_of_note(rows[i].at, rows[i].size, rows[i].flags),
				  rows[i].length);
}
END_TEST

START_TEST(landing_pads_are_what_the_property_says)
{
	static const struct {
		uint32_t note[10];
		size_t words;
		bool pads;
	} rows[] = {
		{{4, 16, 5, 0x554e47, 0xc0000000, 4, 7, 0}, 8, true}, /* Debian 13's ld.so */
		{{4, 16, 5, 0x554e47, 0xc0000000, 4, 2, 0}, 8, false},
		{{4, 16, 5, 0x554e47, 0xc0000002, 4, 1, 0}, 8, false}, /* x86-64's */
		{{4, 24, 5, 0x554e47, 0xc0000002, 0, 0xc0000000, 4, 1, 0}, 10, true},
		{{4, 16, 5, 0x554e47, 0xc0000002, 0xfffffffc, 1, 0}, 8, false},
		{{4, 16, 5, 0x554e47, 0xc0000000, 8, 1, 0}, 8, false},
		{{4, 32, 5, 0x554e47, 0xc0000000, 4, 1, 0}, 8, false}, /* longer than it is */
		{{4, 16, 3, 0x554e47, 0xc0000000, 4, 1, 0}, 8, false},
		{{4, 4, 5, 0x554e47, 0xc0000000}, 5, false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size = rows[i].words * 4;
		ElfW(Phdr) ph[] = {
			{.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 4096, .p_memsz = 4096},
			{.p_type = PT_GNU_PROPERTY, .p_vaddr = 4096 - size, .p_memsz = size}};
		char *page = page_with_note(ph, rows[i].note, size);

		ck_assert_msg(sf_elf_has_landing_pads(page, (uintptr_t)page) == rows[i].pads,
			      "row %zu", i);
		ph[0].p_flags = 0;
		memcpy(page + 64, ph, sizeof(ph));
		ck_assert(!sf_elf_has_landing_pads(page, (uintptr_t)page));
	}
}
END_TEST

START_TEST(objects_without_a_gnu_hash_table_have_no_symbols)
{
	static const uint32_t empty[8];
	struct sf_elf e = {.gnu_hash = NULL};
	uint32_t cursor = 0;
	bool unsure = false;

	ck_assert_ptr_null(sf_elf_next(&e, "x", &cursor));
	ck_assert(!sf_elf_proves(&e, "x", 0));
	ck_assert(!sf_elf_defines_special(&e, "x", &unsure) && unsure);
	e.gnu_hash = empty;
	ck_assert_ptr_null(sf_elf_next(&e, "x", &cursor));
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, every_symbol_is_found_and_proven_as_the_table_says);
	tcase_add_test(tests, names_that_are_not_there);
	tcase_add_test(tests, an_ifunc_answers_with_its_resolvers_choice);
	tcase_add_test(tests, thread_local_symbols);
	tcase_add_test(tests, where_an_object_refers_to_anothers);
	tcase_add_test(tests, soname_and_flags_of_real_objects);
	tcase_add_test(tests, needed_objects_in_their_order);
	tcase_add_test(tests, dynamic_sections_made_by_hand);
	tcase_add_test(tests, a_table_is_found_wherever_the_object_was_linked);
	tcase_add_test(tests, notes_are_read_only_where_something_was_loaded);
	tcase_add_test(tests, landing_pads_are_what_the_property_says);
	tcase_add_test(tests, objects_without_a_gnu_hash_table_have_no_symbols);
}
