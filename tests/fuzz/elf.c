// SPDX-License-Identifier: BSD-2-Clause
// elf.c: the ELF reader over mutated copies of a real object's tables, each before a guard page.
//
// The reader trusts what the loader walks at every look-up: the sizes of the tables, the ends of the
// hash chains, offsets of names. Everything else is changed here: symbols, versions, hashes, names,
// flags. No read may leave the tables, and what is found must be what was asked for.
#include "fuzz.h"

#include "image/elf.h"
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 2000000

static struct sf_elf real, copy;
static uint32_t symbols;
static size_t string_size, hash_size;
static unsigned long found, proven;

static uint32_t
count_symbols(const struct sf_elf *e)
{
	const uint32_t *h = e->gnu_hash, *buckets = h + 4 + h[2] * (sizeof(ElfW(Addr)) / 4);
	uint32_t last = 0;

	for (uint32_t b = 0; b < h[0]; b++)
		last = buckets[b] > last ? buckets[b] : last;
	while (!((buckets + h[0])[last - h[1]] & 1))
		last++;
	hash_size = (size_t)((const char *)(buckets + h[0] + last - h[1] + 1) - (const char *)h);
	return last + 1;
}

/* A table of `size` bytes that ends where an inaccessible page begins (4-byte aligned). */
static void *
guarded(const void *from, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
	char *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED || mprotect(p + whole, page, PROT_NONE) != 0)
		exit(EXIT_FAILURE);
	return memcpy(p + whole - size, from, size);
}

static void
load(void)
{
	struct link_map *l = dlopen("libm.so.6", RTLD_NOW);

	if (l == NULL || !sf_elf_open(&real, l->l_addr, l->l_ld) || real.gnu_hash == NULL)
		exit(EXIT_FAILURE);
	for (const ElfW(Dyn) *d = l->l_ld; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_STRSZ)
			string_size = d->d_un.d_val;
	symbols = count_symbols(&real);
	copy = real;
	copy.symtab = guarded(real.symtab, symbols * sizeof(*real.symtab));
	copy.strtab = guarded(real.strtab, string_size);
	copy.gnu_hash = guarded(real.gnu_hash, hash_size);
	copy.versym = guarded(real.versym, symbols * sizeof(*real.versym));
}

/* One change that keeps what the loader relies on. */
static void
mutate(void)
{
	uint32_t i = (uint32_t)fuzz_below(symbols), first = copy.gnu_hash[1];
	ElfW(Sym) *s = (ElfW(Sym) *)(uintptr_t)&copy.symtab[i];
	uint32_t *chain = (uint32_t *)(uintptr_t)copy.gnu_hash + hash_size / 4 - (symbols - first);

	switch (fuzz_below(8)) {
	case 0:
		s->st_info = (unsigned char)fuzz_next();
		break;
	case 1:
		s->st_shndx = fuzz_below(2) ? SHN_ABS : (ElfW(Section))fuzz_next();
		break;
	case 2:
		s->st_value = fuzz_next();
		break;
	case 3:
		s->st_name = (ElfW(Word))fuzz_below(string_size);
		break;
	case 4:
		((ElfW(Half) *)(uintptr_t)copy.versym)[i] = (ElfW(Half))fuzz_next();
		break;
	case 5: /* a hash that leads elsewhere; its lowest bit ends the chain */
		if (i >= first)
			chain[i - first] ^= (uint32_t)fuzz_next() & ~1u;
		break;
	case 6: /* a chain that ends early */
		if (i >= first)
			chain[i - first] |= 1;
		break;
	default: /* a letter of a name; the last NUL stays */
		((char *)(uintptr_t)copy.strtab)[fuzz_below(string_size - 1)] = (char)fuzz_next();
		break;
	}
}

static void
restore(void)
{
	memcpy((void *)(uintptr_t)copy.symtab, real.symtab, symbols * sizeof(*real.symtab));
	memcpy((void *)(uintptr_t)copy.strtab, real.strtab, string_size);
	memcpy((void *)(uintptr_t)copy.gnu_hash, real.gnu_hash, hash_size);
	memcpy((void *)(uintptr_t)copy.versym, real.versym, symbols * sizeof(*real.versym));
}

static void
ask(const char *name, unsigned long round)
{
	uint32_t cursor = 0, last = 0;
	bool defined_there = false;
	const ElfW(Sym) * s;
	uintptr_t value = 0, offset;

	while ((s = sf_elf_next(&copy, name, &cursor)) != NULL) {
		FUZZ_DEMAND(cursor > last && cursor < symbols, "the walk goes astray", round);
		FUZZ_DEMAND(strcmp(copy.strtab + s->st_name, name) == 0, "another name", round);
		last = cursor;
		found++;
		if (s->st_shndx != SHN_UNDEF)
			value = copy.bias + s->st_value;
		defined_there |= s->st_shndx != SHN_UNDEF;
	}
	sf_elf_tls_offset(&copy, name, &offset);
	if (!sf_elf_proves(&copy, name, value))
		return;
	FUZZ_DEMAND(defined_there, "proof of nothing", round);
	for (cursor = 0; (s = sf_elf_next(&copy, name, &cursor)) != NULL;)
		FUZZ_DEMAND(s->st_shndx == SHN_UNDEF ||
				    ((s->st_info & 15) <= STT_FUNC && s->st_shndx != SHN_ABS),
			    "proof beside a special symbol", round);
	proven++;
}

int
main(void)
{
	fuzz_start();
	load();
	for (unsigned long round = 0; round < ROUNDS; round++) {
		char name[64];

		if (round % 64 == 0)
			restore();
		mutate();
		snprintf(name, sizeof(name), "%s",
			 copy.strtab + copy.symtab[fuzz_below(symbols)].st_name);
		ask(name, round);
		name[fuzz_below(strlen(name) + 1)] = '\0';
		ask(name, round);
	}
	printf("%d rounds: %lu symbols found, %lu proven\n", ROUNDS, found, proven);
	return found > ROUNDS / 10 && proven > ROUNDS / 20 ? EXIT_SUCCESS : EXIT_FAILURE;
}
