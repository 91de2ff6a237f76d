// SPDX-License-Identifier: BSD-2-Clause
// spans.c: the address index against a plain scan as dladdr makes it, on tables made for it.
#include "unit.h"

#include "base/sys.h"
#include "map/arena.h"
#include "map/spans.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char unit_name[] = "spans";

#define SYMBOLS 400
#define MANY    20000
#define BIAS    0x700000000000ull
#define RANGE   4096u

static ElfW(Sym) symtab[MANY];
static uint32_t gnu[4 + 2 + 64 + MANY];
static struct sf_symbols symbols;
static struct sf_elf elf;

/* ---- tables ---- */

static unsigned int
any(unsigned int n)
{
	return (unsigned int)(unit_random() >> 20) % n;
}

/* Everything that decides whether and where a symbol counts, in all mixtures. */
static void
make_symbols(unsigned int n, unsigned int range)
{
	static const unsigned char types[] = {STT_FUNC, STT_OBJECT,    STT_NOTYPE,
					      STT_TLS,  STT_GNU_IFUNC, STT_SECTION};
	static const unsigned char bindings[] = {STB_GLOBAL, STB_WEAK, STB_LOCAL, STB_GNU_UNIQUE};
	static const uint16_t sections[] = {SHN_UNDEF, SHN_ABS, 7, 7, 7, 7, 7, SHN_COMMON};

	memset(symtab, 0, sizeof(symtab));
	for (unsigned int i = 1; i < n; i++) {
		ElfW(Sym) *s = &symtab[i];
		unsigned int kind = any(8);

		s->st_name = any(20) == 0 ? 5000 : i;
		s->st_value = any(10) == 0 ? 0 : any(range);
		if (any(4) == 0 && i > 1)
			s->st_value = s[-1].st_value;
		s->st_size = kind == 0 ? 0 : kind < 4 ? any(16) : any(range);
		s->st_info = ELF64_ST_INFO(any(3) ? STB_GLOBAL : bindings[any(4)],
					   any(3) ? STT_FUNC : types[any(6)]);
		s->st_other = any(6) == 0 ? (unsigned char)any(4) : 0;
		s->st_shndx = sections[any(8)];
	}
}

static void
make_tables(unsigned int n, unsigned int buckets, bool with_gnu)
{
	static uint32_t hash[2];
	uint32_t *bucket = gnu + 4 + 2, *chain = bucket + buckets;

	memset(gnu, 0, sizeof(gnu));
	gnu[0] = buckets;
	gnu[1] = 1; /* the first symbol of the table */
	gnu[2] = 1;
	for (unsigned int b = 0, i = 1; b < buckets; b++) {
		unsigned int left = (n - i + buckets - b - 1) / (buckets - b);

		if (left == 0)
			continue;
		bucket[b] = i;
		for (; left > 0; left--, i++)
			chain[i - 1] = left == 1;
	}
	hash[1] = n;
	elf = (struct sf_elf){.bias = BIAS,
			      .symtab = symtab,
			      .strtab = "",
			      .strsz = 1000,
			      .gnu_hash = with_gnu ? gnu : NULL,
			      .hash = hash};
	ck_assert(sf_symbols_open(&symbols, &elf));
}

/* ---- glibc's determine_info, from its description in the contract ---- */

static bool
counts(const ElfW(Sym) * s, bool with_gnu)
{
	unsigned int bind = ELF64_ST_BIND(s->st_info), seen = ELF64_ST_VISIBILITY(s->st_other);

	if (!with_gnu && ((bind != STB_GLOBAL && bind != STB_WEAK) || seen == STV_HIDDEN ||
			  seen == STV_INTERNAL))
		return false;
	return (s->st_shndx != SHN_UNDEF || s->st_value != 0) && s->st_shndx != SHN_ABS &&
	       ELF64_ST_TYPE(s->st_info) != STT_TLS && s->st_name < 1000;
}

static unsigned int
scan(unsigned int n, unsigned int offset, bool with_gnu)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < n; i++) {
		const ElfW(Sym) *s = &symtab[i];
		bool exact = s->st_value == offset && (s->st_shndx == SHN_UNDEF || s->st_size == 0);

		if (!counts(s, with_gnu) || offset < s->st_value)
			continue;
		if (!exact && offset >= s->st_value + s->st_size)
			continue;
		if (best == 0 || symtab[best].st_value < s->st_value)
			best = i;
	}
	return best;
}

/* ---- building ---- */

static struct sf_index
build(uint32_t steps, unsigned int range, enum sf_building_state *end)
{
	void *memory = calloc(1, sf_building_size(&symbols)), *place = NULL;
	struct sf_building *b = sf_building_start(memory, &symbols, BIAS, BIAS, BIAS + range);
	struct sf_index index = {0};
	int slices = 0;

	for (;;) {
		*end = sf_building_slice(b, steps);
		ck_assert(slices++ < 100000);
		if (*end == SF_BUILDING_PLACE) {
			place = malloc(sf_building_place_size(b));
			sf_building_place(b, place);
		} else if (*end != SF_BUILDING_MORE) {
			break;
		}
	}
	if (*end == SF_BUILDING_DONE)
		index = *sf_building_index(b);
	free(memory);
	return index;
}

static void
compare(unsigned int n, unsigned int range, uint32_t steps, bool with_gnu)
{
	enum sf_building_state end;
	struct sf_index index = build(steps, range, &end);

	ck_assert_int_eq(end, SF_BUILDING_DONE);
	for (unsigned int at = 0; at < range; at++) {
		unsigned int want = scan(n, at, with_gnu);
		struct sf_named named = {0};
		bool found = sf_index_find(&index, at, &named);

		ck_assert_msg(found == (want != 0) && (!found || named.symbol == want),
			      "offset %u: symbol %u, should be %u (%u symbols, %u steps)", at,
			      found ? named.symbol : 0, want, n, steps);
		if (found)
			ck_assert(named.name == symtab[want].st_name &&
				  named.start == symtab[want].st_value);
	}
	free((void *)(uintptr_t)index.spans);
}

static const struct {
	unsigned int n, range, buckets;
	uint32_t steps;
} shapes[] = {
	{1, RANGE, 1, 100},          {2, 16, 1, 1},           {12, 40, 2, 1},
	{SYMBOLS, 200, 7, 3},        {SYMBOLS, RANGE, 64, 1}, {SYMBOLS, RANGE, 64, 17},
	{SYMBOLS, RANGE, 1, 100000}, {60, RANGE, 33, 40},
};

START_TEST(every_offset_is_what_a_scan_finds)
{
	for (int round = 0; round < 40; round++)
		for (size_t i = 0; i < COUNT_OF(shapes); i++)
			for (int with_gnu = 0; with_gnu < 2; with_gnu++) {
				make_symbols(shapes[i].n, shapes[i].range);
				make_tables(shapes[i].n, shapes[i].buckets, with_gnu);
				compare(shapes[i].n, shapes[i].range, shapes[i].steps, with_gnu);
			}
}
END_TEST

START_TEST(what_cannot_be_indexed_is_refused)
{
	static const struct {
		ElfW(Addr) value, size;
	} rows[] = {
		{(ElfW(Addr)) - BIAS, 4},  /* starts at address 0 */
		{16, (ElfW(Addr)) - 8},    /* ends beyond the end of the address space */
		{(ElfW(Addr)) - 16, 4096}, /* starts before the map and reaches into it */
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum sf_building_state end;

		make_symbols(2, RANGE);
		symtab[1] = (ElfW(Sym)){.st_name = 1,
					.st_value = rows[i].value,
					.st_size = rows[i].size,
					.st_shndx = 7,
					.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)};
		make_tables(2, 1, true);
		build(100, RANGE, &end);
		ck_assert_int_eq(end, SF_BUILDING_REFUSED);
	}
}
END_TEST

/* A reader may meet an index whose memory has been given to another one. */
START_TEST(other_bytes_in_an_index_lead_nowhere_else)
{
	enum sf_building_state end;
	struct sf_index index;
	uint32_t *words;
	size_t count;

	make_symbols(SYMBOLS, RANGE);
	make_tables(SYMBOLS, 64, true);
	index = build(1000, RANGE, &end);
	words = (uint32_t *)(uintptr_t)index.spans;
	count = index.nspans * 4 + index.nelsewhere * 2 + index.nbuckets + 1;
	for (int round = 0; round < 2000; round++) {
		struct sf_named named;

		for (size_t i = 0; i < count; i++)
			words[i] = round % 2 ? (uint32_t)unit_random() : any(RANGE);
		for (unsigned int at = 0; at < RANGE; at += 13)
			sf_index_find(&index, at, &named);
	}
	free(words);
}
END_TEST

START_TEST(memory_per_symbol)
{
	enum sf_building_state end;
	struct sf_index index;
	size_t size;

	/* As compilers make them: side by side, a few bytes of padding between them. */
	make_symbols(1, RANGE);
	for (unsigned int i = 1; i < SYMBOLS; i++)
		symtab[i] = (ElfW(Sym)){.st_name = 1,
					.st_value = i * 32,
					.st_size = 29,
					.st_shndx = 7,
					.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)};
	make_tables(SYMBOLS, 64, true);
	index = build(1000, SYMBOLS * 32 + 64, &end);
	size = index.nspans * sizeof(struct sf_span) +
	       index.nelsewhere * sizeof(struct sf_elsewhere) +
	       (index.nbuckets + 1) * sizeof(uint32_t);
	ck_assert_msg(size <= 20 * SYMBOLS, "%zu bytes for %d symbols", size, SYMBOLS);
	free((void *)(uintptr_t)index.spans);
}
END_TEST

/* ---- what one slice costs ---- */

static void *
untouched(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED);
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static unsigned int
touched(void *p, size_t size)
{
	unsigned char there[1024];
	unsigned int n = 0;

	if (p == NULL)
		return 0;
	ck_assert(size <= sizeof(there) * 4096 && mincore(p, size, there) == 0);
	for (size_t i = 0; i < (size + 4095) / 4096; i++)
		n += there[i] & 1;
	return n;
}

static void
make_many(void)
{
	make_symbols(1, RANGE);
	for (unsigned int i = 1; i < MANY; i++)
		symtab[i] = (ElfW(Sym)){.st_name = 1,
					.st_value = any(1u << 24),
					.st_size = 100,
					.st_shndx = 7,
					.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)};
	make_tables(MANY, 64, true);
}

/* The first touch of a page costs as much as some 200 steps: it must not come in crowds. */
START_TEST(no_slice_meets_many_new_pages)
{
	enum { STEPS = MANY / 4 };
	enum sf_building_state state = SF_BUILDING_MORE;
	struct sf_building *b;
	size_t size, index_size = 0;
	unsigned int before = 0, most = 0, slices = 0;
	void *memory, *index = NULL;

	make_many();
	size = sf_building_size(&symbols);
	memory = untouched(size);
	b = sf_building_start(memory, &symbols, BIAS, BIAS, BIAS + (1u << 25));
	before = touched(memory, size);
	for (; state != SF_BUILDING_DONE; slices++) {
		unsigned int now;

		ck_assert(state == SF_BUILDING_MORE || state == SF_BUILDING_PLACE);
		if (state == SF_BUILDING_PLACE) {
			index_size = sf_building_place_size(b);
			index = untouched(index_size);
			sf_building_place(b, index);
		}
		state = sf_building_slice(b, STEPS);
		now = touched(memory, size) + touched(index, index_size);
		most = now - before > most ? now - before : most;
		before = now;
	}
	ck_assert_msg(most <= STEPS / 200, "%u new pages in one slice", most);
	ck_assert_msg(before > 200 && slices < 60, "%u pages, %u slices", before, slices);
	munmap(memory, size);
	munmap(index, index_size);
}
END_TEST

START_TEST(an_arena_is_bounded_and_stays_readable)
{
	const size_t page = SF_SYS_PAGE,
		     size = 5 * page / 2 - 240; /* two pages and a half, in granules */
	char *taken[64], *again;
	int n = 0;

	sf_arena_init((unsigned int)(64 * page / 1024));
	while (n < 64 && (taken[n] = sf_arena_take_locked(size)) != NULL)
		memset(taken[n++], 'x', size);
	ck_assert_int_eq(n, 64 * 2 / 5);
	ck_assert_ptr_null(sf_arena_take_locked(0));
	ck_assert_ptr_null(sf_arena_take_locked(1u << 30));
	sf_arena_give_locked(taken[3], size);
	ck_assert(taken[3][page + page / 4] == 0); /* given back to the kernel, still there */
	ck_assert(taken[2][size - 1] == 'x' && taken[4][0] == 'x');
	again = sf_arena_take_locked(size - page / 4);
	ck_assert_ptr_eq(again, taken[3]);
	for (int i = 0; i < n; i++)
		sf_arena_give_locked(taken[i], size);
	ck_assert_ptr_eq(sf_arena_take_locked(64 * page), taken[0]);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, every_offset_is_what_a_scan_finds);
	tcase_add_test(tests, what_cannot_be_indexed_is_refused);
	tcase_add_test(tests, other_bytes_in_an_index_lead_nowhere_else);
	tcase_add_test(tests, memory_per_symbol);
	tcase_add_test(tests, no_slice_meets_many_new_pages);
	tcase_add_test(tests, an_arena_is_bounded_and_stays_readable);
}
