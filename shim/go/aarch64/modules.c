// SPDX-License-Identifier: BSD-2-Clause
// Writes the stubs in front of the runtime's walks and the branches to them, aarch64. The picture is in
// modules.S, the order in which rights change in detour.c.
#include "../modules.h"

#include "patch.h"

extern SF_HIDDEN const uint8_t sf_go_modules_begin[], sf_go_modules_module[], sf_go_modules_back[];
extern SF_HIDDEN const uint8_t sf_go_modules_constants[], sf_go_modules_end[];

#define IN_STUB(symbol) (stub + ((symbol)-sf_go_modules_begin))
#define MOV_X9(d)       (0xaa0903e0u | (d))

struct constants {
	uint64_t first, low, high, next, table, mask, era;
};

// False if a branch cannot reach, or the code is another one by now.
static bool
modules_write_stub(uint8_t *stub, const struct sf_go_walk_site *s, const uint64_t *table,
		   const uint32_t *era)
{
	const size_t size = (size_t)(sf_go_modules_end - sf_go_modules_begin);
	uint8_t *site = s->entry + s->walk.site, *resume = s->entry + s->walk.resume;
	const struct constants to = {
		.first = (uint64_t)(uintptr_t)s->first,
		.low = s->walk.low,
		.high = s->walk.high,
		.next = s->walk.next,
		.table = (uint64_t)(uintptr_t)table,
		.mask = SF_GO_MODULE_WORDS - 1,
		.era = (uint64_t)(uintptr_t)era,
	};
	uint32_t back = sf_branch_encode(IN_STUB(sf_go_modules_back), resume);

	if (!back || !sf_branch_encode(site, stub) ||
	    patch_read(site) != sf_branch_encode(site, resume))
		return false;
	__builtin_memcpy(stub, sf_go_modules_begin, size);
	__builtin_memcpy(IN_STUB(sf_go_modules_constants), &to, sizeof(to));
	sf_branch_write(IN_STUB(sf_go_modules_module), MOV_X9(s->walk.reg));
	sf_branch_write(IN_STUB(sf_go_modules_back), back);
	__builtin___clear_cache((char *)stub, (char *)stub + size);
	return true;
}

// All code is opened before any of it is changed, so that a policy refuses all or nothing.
static bool
modules_patch(const struct sf_go_walk_site *sites, int n, uint8_t *page, size_t stub)
{
	const long open_up = PROT_READ | PROT_WRITE | PROT_EXEC, close_up = PROT_READ | PROT_EXEC;
	int opened = 0;

	while (opened < n && patch_pages_protect(sites[opened].entry + sites[opened].walk.site,
						 INSN_LEN, open_up))
		opened++;
	for (int i = 0; i < n && opened == n; i++) {
		uint8_t *at = sites[i].entry + sites[i].walk.site;

		sf_branch_write(at, sf_branch_encode(at, page + stub * (size_t)i));
	}
	for (int i = 0; i < opened; i++)
		patch_pages_protect(sites[i].entry + sites[i].walk.site, INSN_LEN, close_up);
	return opened == n;
}

static enum sf_go_refusal
modules_install_in(uint8_t *page, uint64_t *table, const struct sf_go_walk_site *sites, int n,
		   const uint32_t *era)
{
	const size_t stub = (size_t)(sf_go_modules_end - sf_go_modules_begin);

	for (int i = 0; i < n; i++) {
		if (!modules_write_stub(page + stub * (size_t)i, &sites[i],
					table + SF_GO_MODULE_WORDS * 2 * i, era))
			return SF_GO_REFUSE_ROOM;
	}
	if (!patch_pages_protect(page, PAGE, PROT_READ | PROT_EXEC) ||
	    !modules_patch(sites, n, page, stub))
		return SF_GO_REFUSE_PROTECT;
	return SF_GO_REFUSE_NONE;
}

enum sf_go_refusal
sf_go_modules_install(const struct sf_go_walk_site *sites, int n, const uint32_t *era)
{
	const size_t words = SF_GO_MODULE_WORDS * 2 * sizeof(uint64_t);
	uint8_t *page = patch_map_near((uintptr_t)sites[0].entry);
	uint64_t *table = sf_sys_map(words * (size_t)n);
	enum sf_go_refusal why = SF_GO_REFUSE_ROOM;

	if (page && table)
		why = modules_install_in(page, table, sites, n, era);
	if (why && page)
		sf_syscall6(SYS_munmap, (long)page, PAGE, 0, 0, 0, 0);
	if (why && table)
		sf_sys_unmap(table, words * (size_t)n);
	return why;
}
