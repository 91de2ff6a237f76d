// SPDX-License-Identifier: BSD-2-Clause
// Writes the stubs in front of the runtime's walks and the jumps to them, x86-64. The picture is in
// modules.S, the order in which rights change in detour.c.
#include "../modules.h"

#include "patch.h"

extern SF_HIDDEN const uint8_t sf_go_modules_begin[], sf_go_modules_constants[],
	sf_go_modules_end[];

struct constants {
	uint64_t first, low, high, next, resume, table, mask, era;
};

static void
modules_write_stub(uint8_t *at, const struct sf_go_walk_site *s, const uint64_t *table,
		   const uint32_t *era)
{
	const struct constants to = {
		.first = (uint64_t)(uintptr_t)s->first,
		.low = s->walk.low,
		.high = s->walk.high,
		.next = s->walk.next,
		.resume = (uint64_t)(uintptr_t)(s->entry + s->walk.resume),
		.table = (uint64_t)(uintptr_t)table,
		.mask = SF_GO_MODULE_WORDS - 1,
		.era = (uint64_t)(uintptr_t)era,
	};

	__builtin_memcpy(at, sf_go_modules_begin,
			 (size_t)(sf_go_modules_end - sf_go_modules_begin));
	__builtin_memcpy(at + (sf_go_modules_constants - sf_go_modules_begin), &to, sizeof(to));
}

// All code is opened before any of it is changed, so that a policy refuses all or nothing.
static bool
modules_patch(const struct sf_go_walk_site *sites, int n, uint8_t *page, size_t stub)
{
	const long open_up = PROT_READ | PROT_WRITE | PROT_EXEC, close_up = PROT_READ | PROT_EXEC;
	int opened = 0;

	while (opened < n && patch_pages_protect(sites[opened].entry + sites[opened].walk.site,
						 JUMP_LEN, open_up))
		opened++;
	for (int i = 0; i < n && opened == n; i++)
		patch_write_jump(sites[i].entry + sites[i].walk.site, page + stub * (size_t)i);
	for (int i = 0; i < opened; i++)
		patch_pages_protect(sites[i].entry + sites[i].walk.site, JUMP_LEN, close_up);
	return opened == n;
}

enum sf_go_refusal
sf_go_modules_install(const struct sf_go_walk_site *sites, int n, const uint32_t *era)
{
	const size_t words = SF_GO_MODULE_WORDS * 2 * sizeof(uint64_t);
	const size_t stub = (size_t)(sf_go_modules_end - sf_go_modules_begin);
	uint8_t *page = patch_map_near((uintptr_t)sites[0].entry);
	uint64_t *table = sf_sys_map(words * (size_t)n);

	if (!page || !table) {
		if (page)
			sf_syscall6(SYS_munmap, (long)page, PAGE, 0, 0, 0, 0);
		if (table)
			sf_sys_unmap(table, words * (size_t)n);
		return SF_GO_REFUSE_ROOM;
	}
	for (int i = 0; i < n; i++)
		modules_write_stub(page + stub * (size_t)i, &sites[i],
				   table + SF_GO_MODULE_WORDS * 2 * i, era);
	if (patch_pages_protect(page, PAGE, PROT_READ | PROT_EXEC) &&
	    modules_patch(sites, n, page, stub))
		return SF_GO_REFUSE_NONE;
	sf_syscall6(SYS_munmap, (long)page, PAGE, 0, 0, 0, 0);
	sf_sys_unmap(table, words * (size_t)n);
	return SF_GO_REFUSE_PROTECT;
}
