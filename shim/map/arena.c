// SPDX-License-Identifier: BSD-2-Clause
// arena.c: see arena.h. First fit by a bit for each granule; taking and giving are rare.
#include "arena.h"

#include "../base/sys.h"

#define GRANULE   256u
#define WORD_BITS 64u

static size_t limit;   /* bytes */
static char *memory;   /* NULL until the first index */
static uint64_t *bits; /* set: taken */

SF_START void
sf_arena_init(unsigned int kib)
{
	limit = (size_t)kib * 1024;
}

static bool
arena_reserve(void)
{
	if (memory != NULL)
		return true;
	if (limit == 0)
		return false;
	if (bits == NULL)
		bits = sf_sys_map(limit / GRANULE / 8 + SF_SYS_PAGE);
	if (bits != NULL)
		memory = sf_sys_reserve(limit);
	return memory != NULL;
}

static bool
arena_is_taken(size_t granule)
{
	return bits[granule / WORD_BITS] >> (granule % WORD_BITS) & 1;
}

static void
arena_mark(size_t first, size_t count, bool taken)
{
	for (size_t i = first; i < first + count; i++) {
		uint64_t bit = 1ull << (i % WORD_BITS);

		if (taken)
			bits[i / WORD_BITS] |= bit;
		else
			bits[i / WORD_BITS] &= ~bit;
	}
}

/* The first run of so many free granules; `all` if there is none. */
static size_t
arena_find_run(size_t count, size_t all)
{
	size_t run = 0;

	for (size_t i = 0; i < all; i++) {
		if (i % WORD_BITS == 0 && bits[i / WORD_BITS] == ~0ull) {
			i += WORD_BITS - 1;
			run = 0;
			continue;
		}
		run = arena_is_taken(i) ? 0 : run + 1;
		if (run == count)
			return i + 1 - count;
	}
	return all;
}

void *
sf_arena_take_locked(size_t size)
{
	size_t count = (size + GRANULE - 1) / GRANULE, all = limit / GRANULE, first;
	uintptr_t begin, end;

	if (count == 0 || count > all || !arena_reserve())
		return NULL;
	first = arena_find_run(count, all);
	if (first == all)
		return NULL;
	begin = (uintptr_t)memory + first * GRANULE;
	end = sf_sys_page_up(begin + count * GRANULE);
	if (!sf_sys_open((void *)sf_sys_page_down(begin), end - sf_sys_page_down(begin)))
		return NULL;
	arena_mark(first, count, true);
	return (void *)begin;
}

void
sf_arena_give_locked(void *p, size_t size)
{
	size_t count = (size + GRANULE - 1) / GRANULE;
	uintptr_t begin = sf_sys_page_up((uintptr_t)p);
	uintptr_t end = sf_sys_page_down((uintptr_t)p + count * GRANULE);

	arena_mark((size_t)((char *)p - memory) / GRANULE, count, false);
	if (end > begin)
		sf_sys_forget((void *)begin, end - begin);
}
