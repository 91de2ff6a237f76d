// SPDX-License-Identifier: BSD-2-Clause
// elf_hash.c: an object with DT_HASH alone, any word of that table another number: sizes, buckets and links.
//
// The tables lie side by side, as GNU ld and as lld lay them, with an inaccessible page behind the last and before the
// first. No read may leave them, every walk must end, and what is found must be what was asked for, as a plain reading
// of the table finds it.
#include "fuzz.h"

#include "image/elf.h"
#include <string.h>
#include <sys/mman.h>

#define ROUNDS  1000000
#define SYMBOLS 24
#define BUCKETS 5
#define WORDS   (2 + BUCKETS + SYMBOLS)
#define STRINGS 64
#define PAGE    4096

static uint32_t *hash;
static ElfW(Sym) * symtab;
static ElfW(Half) * versym;
static char *strtab;
static ElfW(Dyn) * dynamic;
static unsigned long taken, refused, found;

static void *
place(char **at, size_t size)
{
	*at -= (size + 7) & ~7ul;
	return *at;
}

/* From the guard downwards; the dynamic section is the last. */
static void
lay_out(char *end, int like_lld)
{
	size_t symbols = SYMBOLS * sizeof(*symtab), versions = SYMBOLS * sizeof(*versym);

	dynamic = place(&end, 6 * sizeof(*dynamic));
	if (like_lld) {
		strtab = place(&end, STRINGS);
		hash = place(&end, WORDS * 4);
		versym = place(&end, versions);
		symtab = place(&end, symbols);
	} else {
		versym = place(&end, versions);
		strtab = place(&end, STRINGS);
		symtab = place(&end, symbols);
		hash = place(&end, WORDS * 4);
	}
}

/* Names of one letter, several symbols of each; any chain may be any other's. */
static void
fill(void)
{
	hash[0] = BUCKETS;
	hash[1] = SYMBOLS;
	for (uint32_t i = 0; i < SYMBOLS; i++) {
		unsigned char info = ELF64_ST_INFO(STB_GLOBAL, fuzz_below(8) ? STT_FUNC : STT_TLS);

		symtab[i] = (ElfW(Sym)){.st_name = 2 * (1 + (ElfW(Word))fuzz_below(6)) - 1,
					.st_info = info,
					.st_shndx = (ElfW(Section))fuzz_below(3),
					.st_value = 16 * i};
		versym[i] = (ElfW(Half))fuzz_below(4);
	}
	for (uint32_t i = 2; i < WORDS; i++)
		hash[i] = (uint32_t)fuzz_below(SYMBOLS);
	memcpy(strtab, "\0a\0b\0c\0d\0e\0f", 13);
	dynamic[0] = (ElfW(Dyn)){DT_HASH, {(uintptr_t)hash}};
	dynamic[1] = (ElfW(Dyn)){DT_SYMTAB, {(uintptr_t)symtab}};
	dynamic[2] = (ElfW(Dyn)){DT_STRTAB, {(uintptr_t)strtab}};
	dynamic[3] = (ElfW(Dyn)){DT_STRSZ, {STRINGS}};
	dynamic[4] = (ElfW(Dyn)){DT_VERSYM, {(uintptr_t)versym}};
	dynamic[5] = (ElfW(Dyn)){DT_NULL, {0}};
}

static void
mutate(void)
{
	uint32_t value = fuzz_below(3) ? (uint32_t)fuzz_below(2 * WORDS) : (uint32_t)fuzz_next();

	hash[fuzz_below(4) ? fuzz_below(WORDS) : fuzz_below(2)] = value >> fuzz_below(3) * 8;
	if (fuzz_below(4) == 0)
		symtab[fuzz_below(SYMBOLS)].st_name = (ElfW(Word))fuzz_next();
}

static void
ask(const struct sf_elf *e, const char *name, unsigned long round)
{
	bool met[SYMBOLS] = {false}, unsure = false;
	uintptr_t value, offset;
	const ElfW(Sym) * s;
	uint32_t cursor = 0;

	while ((s = sf_elf_next(e, name, &cursor)) != NULL) {
		FUZZ_DEMAND(cursor < SYMBOLS && s == &symtab[cursor], "outside", round);
		FUZZ_DEMAND(!met[cursor], "a ring", round);
		FUZZ_DEMAND(strcmp(strtab + s->st_name, name) == 0, "another name", round);
		met[cursor] = true;
		found++;
	}
	/* A chain of the bucket, read step by step. */
	cursor = hash[0] != 0 ? hash[2 + (unsigned char)name[0] % hash[0]] : 0;
	for (uint32_t i = 0; i < SYMBOLS && cursor != 0 && cursor < hash[1]; i++) {
		bool named = symtab[cursor].st_name < STRINGS &&
			     strcmp(strtab + symtab[cursor].st_name, name) == 0;

		FUZZ_DEMAND(met[cursor] == named, "passed over", round);
		cursor = hash[2 + hash[0] + cursor];
	}
	sf_elf_defines(e, name);
	sf_elf_defines_special(e, name, &unsure);
	FUZZ_DEMAND(!unsure, "a table that was taken", round);
	sf_elf_ends(e, name, &value);
	sf_elf_proves(e, name, value);
	sf_elf_tls_offset(e, name, &offset);
}

int
main(void)
{
	char *memory = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + PAGE, PAGE, PROT_READ | PROT_WRITE) != 0)
		return EXIT_FAILURE;
	fuzz_start();
	for (unsigned long round = 0; round < ROUNDS; round++) {
		struct sf_elf e;

		if (round % 16 == 0) {
			lay_out(memory + 2 * PAGE, round / 16 & 1);
			fill();
		} else {
			mutate();
		}
		FUZZ_DEMAND(sf_elf_open(&e, 0, dynamic), "open", round);
		taken += sf_elf_is_hashed(&e);
		refused += !sf_elf_is_hashed(&e);
		FUZZ_DEMAND(sf_elf_is_hashed(&e) || hash[0] > BUCKETS || hash[1] > SYMBOLS,
			    "refused", round);
		for (char name[2] = "a"; sf_elf_is_hashed(&e) && *name < 'h'; (*name)++)
			ask(&e, name, round);
	}
	printf("%d rounds: %lu taken, %lu refused, %lu symbols found\n", ROUNDS, taken, refused,
	       found);
	return taken > ROUNDS / 10 && refused > ROUNDS / 10 && found > ROUNDS / 2 ? EXIT_SUCCESS
										  : EXIT_FAILURE;
}
