// SPDX-License-Identifier: BSD-2-Clause
// elf_hash.c: DT_HASH, made for real objects as a linker makes it, against the same objects' GNU hash tables; tables
// that no linker makes (CONTRACT 12, 41).
#include "unit.h"

#include "image/elf.h"
#include "image/symbols.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

const char unit_name[] = "elf_hash";

static const char *const files[] = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"};

/* As the System V ABI writes it, with a long of 32 bits. */
static uint32_t
abi_hash(const char *name)
{
	uint32_t h = 0, g;

	for (; *name != '\0'; name++) {
		h = (h << 4) + (unsigned char)*name;
		if ((g = h & 0xf0000000) != 0)
			h ^= g >> 24;
		h &= ~g;
	}
	return h;
}

/* Each symbol is put before those that its bucket has already, imports among them, as GNU ld does. */
static uint32_t *
table_of(const ElfW(Sym) * symtab, const char *strtab, uint32_t symbols, uint32_t buckets)
{
	uint32_t *table = calloc(2 + buckets + symbols, sizeof(*table));

	table[0] = buckets;
	table[1] = symbols;
	for (uint32_t i = 1; i < symbols; i++) {
		uint32_t *b = &table[2 + abi_hash(strtab + symtab[i].st_name) % buckets];

		if (ELF64_ST_BIND(symtab[i].st_info) == STB_LOCAL)
			continue;
		table[2 + buckets + i] = *b;
		*b = i;
	}
	return table;
}

/* Imports are in no GNU hash table; in DT_HASH libc takes thread-local ones for definitions. */
static bool
is_only_imported(const struct sf_elf *sysv, const char *name)
{
	uint32_t cursor = 0;
	const ElfW(Sym) * s;

	while ((s = sf_elf_next(sysv, name, &cursor)) != NULL)
		if (s->st_shndx == SHN_UNDEF && ELF64_ST_TYPE(s->st_info) == STT_TLS)
			return true;
	return false;
}

static void
same_of(const struct sf_elf *gnu, const struct sf_elf *sysv, const struct link_map *l,
	const char *name)
{
	bool unsure = false;
	uintptr_t a = 0, b = 0;
	uint32_t cursor = 0;
	const ElfW(Sym) * s;

	if (is_only_imported(sysv, name)) {
		ck_assert(sf_elf_ends(sysv, name, &a) && a == 0);
		ck_assert(sf_elf_defines_special(sysv, name, &unsure));
		ck_assert(!sf_elf_special_is_ifunc(sysv, name));
		return;
	}
	ck_assert_int_eq(sf_elf_defines(sysv, name), sf_elf_defines(gnu, name));
	ck_assert_int_eq(sf_elf_defines_special(sysv, name, &unsure),
			 sf_elf_defines_special(gnu, name, &unsure));
	ck_assert(!unsure);
	ck_assert_int_eq(sf_elf_special_is_ifunc(sysv, name), sf_elf_special_is_ifunc(gnu, name));
	ck_assert_int_eq(sf_elf_ends(sysv, name, &a), sf_elf_ends(gnu, name, &b));
	ck_assert_uint_eq(a, b);
	ck_assert_int_eq(sf_elf_defines_as(sysv, l->l_ld, name, "GLIBC_2.2.5"),
			 sf_elf_defines_as(gnu, l->l_ld, name, "GLIBC_2.2.5"));
	ck_assert_int_eq(sf_elf_tls_offset(sysv, name, &a), sf_elf_tls_offset(gnu, name, &b));
	ck_assert(sf_elf_may_have(sysv, sf_elf_hash(name)));
	while ((s = sf_elf_next(gnu, name, &cursor)) != NULL)
		ck_assert_int_eq(sf_elf_proves(sysv, name, gnu->bias + s->st_value),
				 sf_elf_proves(gnu, name, gnu->bias + s->st_value));
}

START_TEST(either_table_says_the_same_of_real_objects)
{
	struct link_map *l = dlopen(files[_i], RTLD_NOW);
	static const uint32_t buckets[] = {1031, 17};
	struct sf_elf gnu, sysv;
	struct sf_symbols all;

	if (l == NULL)
		return;
	ck_assert(sf_elf_open(&gnu, l->l_addr, l->l_ld) && gnu.gnu_hash != NULL);
	ck_assert(sf_symbols_open(&all, &gnu));
	for (size_t n = 0; n < COUNT_OF(buckets); n++) {
		uint32_t *table = table_of(gnu.symtab, gnu.strtab, all.end, buckets[n]);

		sysv = gnu;
		sysv.gnu_hash = NULL;
		sysv.hash = table;
		for (uint32_t i = n * 7; i < all.end; i += 1 + n * 20) {
			const char *name = gnu.strtab + gnu.symtab[i].st_name;

			same_of(&gnu, &sysv, l, name);
			same_of(&gnu, &sysv, l, name + (*name != '\0'));
		}
		free(table);
	}
}
END_TEST

/* An object of three symbols "a", "b", "a" in one bucket, its tables side by side as GNU ld lays them. */
static struct tables {
	uint32_t hash[2 + 1 + 4];
	ElfW(Sym) symtab[4];
	ElfW(Half) versym[4];
	char strtab[8];
	ElfW(Dyn) dynamic[6];
} made;

static void
make(void)
{
	const unsigned char plain = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);

	made = (struct tables){
		.hash = {1, 4, 3, 0, 0, 1, 2},
		.symtab = {{0},
			   {.st_name = 1, .st_info = plain, .st_shndx = 1, .st_value = 8},
			   {.st_name = 3, .st_info = plain, .st_shndx = 1, .st_value = 16},
			   {.st_name = 1, .st_info = plain, .st_shndx = 1, .st_value = 24}},
		.versym = {0, 1, 1, 1},
		.strtab = "\0a\0b",
		.dynamic = {{DT_HASH, {(uintptr_t)made.hash}},
			    {DT_SYMTAB, {(uintptr_t)made.symtab}},
			    {DT_STRTAB, {(uintptr_t)made.strtab}},
			    {DT_STRSZ, {sizeof(made.strtab)}},
			    {DT_VERSYM, {(uintptr_t)made.versym}},
			    {DT_NULL, {0}}},
	};
}

/* How often a walk meets the name; the table must be taken. */
static unsigned int
met(const char *name)
{
	unsigned int n = 0;
	uint32_t cursor = 0;
	struct sf_elf e;

	ck_assert(sf_elf_open(&e, 0, made.dynamic));
	ck_assert(sf_elf_is_hashed(&e));
	while (sf_elf_next(&e, name, &cursor) != NULL && n < 100)
		n++;
	return n;
}

static bool
is_taken(void)
{
	bool unsure = false;
	uint32_t cursor = 0;
	struct sf_elf e;

	ck_assert(sf_elf_open(&e, 0, made.dynamic));
	sf_elf_defines_special(&e, "a", &unsure);
	ck_assert_int_eq(unsure, !sf_elf_is_hashed(&e));
	ck_assert(!unsure || sf_elf_next(&e, "a", &cursor) == NULL);
	return !unsure;
}

START_TEST(chains_that_no_linker_makes)
{
	make();
	ck_assert_uint_eq(met("a"), 2);
	ck_assert_uint_eq(met("b"), 1);
	ck_assert_uint_eq(met("c"), 0);
	made.hash[3 + 1] = 3; /* the end of the chain leads to its start: a ring of all */
	ck_assert_uint_eq(met("a"), 2);
	ck_assert_uint_eq(met("b"), 1);
	ck_assert_uint_eq(met("c"), 0);
	made.hash[3 + 1] = 2; /* into the middle */
	ck_assert_uint_eq(met("a"), 2);
	ck_assert_uint_eq(met("b"), 1);
	made.hash[3 + 3] = 3; /* to itself */
	ck_assert_uint_eq(met("a"), 1);
	ck_assert_uint_eq(met("b"), 0);
	make();
	made.hash[2] = 4; /* the bucket, then a link, outside of the table */
	ck_assert_uint_eq(met("a"), 0);
	made.hash[2] = 3;
	made.hash[3 + 3] = 0x7fffffff;
	ck_assert_uint_eq(met("a"), 1);
	make();
	made.symtab[3].st_name = 0x7fffffff;
	ck_assert_uint_eq(met("a"), 1);
}
END_TEST

START_TEST(sizes_that_there_is_no_room_for)
{
	make();
	ck_assert(is_taken());
	made.hash[1] = 5;
	ck_assert(!is_taken());
	made.hash[1] = UINT32_MAX;
	ck_assert(!is_taken());
	make();
	made.hash[0] = 3;
	ck_assert(!is_taken());
	made.hash[0] = 0; /* libc finds no name in it, and so do we */
	ck_assert(is_taken());
	ck_assert_uint_eq(met("a"), 0);
	make();
	made.dynamic[3].d_un.d_val = 0;
	ck_assert(!is_taken());
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_loop_test(tests, either_table_says_the_same_of_real_objects, 0, COUNT_OF(files));
	tcase_add_test(tests, chains_that_no_linker_makes);
	tcase_add_test(tests, sizes_that_there_is_no_room_for);
}
