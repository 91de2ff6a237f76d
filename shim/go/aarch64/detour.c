// SPDX-License-Identifier: BSD-2-Clause
// Writes the stub page and the branches (two, three for A/B), aarch64. The picture is in
// detour_stubs.S.
//
// Order, so that whatever a security policy forbids is forbidden before the host is changed: as on
// x86-64 (x86_64/detour.c): the stub page, then all code pages opened, then one aligned store each,
// the look-up last, then all closed.
#include "../detour.h"

#include "patch.h"

extern SF_HIDDEN const uint8_t sf_go_stubs_begin[], sf_go_stubs_moved[], sf_go_stubs_back[];
extern SF_HIDDEN const uint8_t sf_go_stubs_fill[], sf_go_stubs_fill_back[], sf_go_stubs_end[];
extern SF_HIDDEN const uint8_t sf_go_stubs_end_moved[], sf_go_stubs_end_back[],
	sf_go_stubs_targets[];
extern SF_HIDDEN const uint8_t sf_go_stubs_size[];

#define IN_PAGE(symbol) (page + ((symbol)-sf_go_stubs_begin))
#define SITES           3
#define LOAD_PLUGIN     0xf9400004u // ldr x4,[x0]

struct targets {
	uint64_t lookup_leaf, fill_leaf, end_leaf;
};

struct site {
	uint8_t *at, *back; // the instruction; where its stub ends
	const uint8_t *stub;
	uint32_t was, jump; // what the parser has seen there, what goes there
};

static bool
detour_write_stubs(uint8_t *page, const struct sf_go_shape *shape, const struct targets *to,
		   const struct site *sites)
{
	const size_t size = (size_t)(sf_go_stubs_size - sf_go_stubs_begin);

	__builtin_memcpy(page, sf_go_stubs_begin, size);
	__builtin_memcpy(IN_PAGE(sf_go_stubs_moved), shape->moved, INSN_LEN);
	__builtin_memcpy(IN_PAGE(sf_go_stubs_end_moved), shape->end_moved, INSN_LEN);
	__builtin_memcpy(IN_PAGE(sf_go_stubs_targets), to, sizeof(*to));
	for (int i = 0; i < SITES; i++)
		sf_branch_write(sites[i].back,
				sf_branch_encode(sites[i].back, sites[i].at + INSN_LEN));
	__builtin___clear_cache((char *)page, (char *)page + size);
	return patch_pages_protect(page, PAGE, PROT_READ | PROT_EXEC);
}

// All code is opened before any of it is changed, so that a policy refuses all or nothing.
static bool
detour_patch(const struct site *sites, int n)
{
	const long open_up = PROT_READ | PROT_WRITE | PROT_EXEC, close_up = PROT_READ | PROT_EXEC;
	int opened = 0;

	while (opened < n && patch_pages_protect(sites[opened].at, INSN_LEN, open_up))
		opened++;
	for (int i = 0; i < n && opened == n; i++)
		sf_branch_write(sites[i].at, sites[i].jump);
	for (int i = 0; i < opened; i++)
		patch_pages_protect(sites[i].at, INSN_LEN, close_up);
	return opened == n;
}

// Can every branch be written, there and back? And is the code what the parser has seen?
static enum sf_go_refusal
detour_check(struct site *sites, int first)
{
	for (int i = 0; i < SITES; i++) {
		sites[i].jump = sf_branch_encode(sites[i].at, sites[i].stub);
		if (!sites[i].jump || !sf_branch_encode(sites[i].back, sites[i].at + INSN_LEN))
			return SF_GO_REFUSE_ROOM;
		if (i >= first && patch_read(sites[i].at) != sites[i].was)
			return SF_GO_REFUSE_PROBE;
	}
	return SF_GO_REFUSE_NONE;
}

enum sf_go_refusal
sf_go_detour_install(uint8_t *open, const struct sf_go_shape *shape,
		     const struct sf_go_leaves *leaves)
{
	uint8_t *page = patch_map_near((uintptr_t)open);
	const struct targets to = {
		.lookup_leaf = leaves->split ? (uint64_t)(uintptr_t)leaves->split
					     : (uint64_t)(uintptr_t)leaves->lookup,
		.fill_leaf = (uint64_t)(uintptr_t)leaves->fill,
		.end_leaf = (uint64_t)(uintptr_t)leaves->end,
	};

	if (!page)
		return SF_GO_REFUSE_ROOM;
	struct site sites[SITES] = {
		{open + shape->end, IN_PAGE(sf_go_stubs_end_back), IN_PAGE(sf_go_stubs_end),
		 patch_read(shape->end_moved), 0},
		{open + shape->site, IN_PAGE(sf_go_stubs_fill_back), IN_PAGE(sf_go_stubs_fill),
		 LOAD_PLUGIN, 0},
		{open + shape->check, IN_PAGE(sf_go_stubs_back), page, patch_read(shape->moved), 0},
	};
	const int skip = leaves->end ? 0 : 1;
	enum sf_go_refusal why = detour_check(sites, skip);

	if (!why && detour_write_stubs(page, shape, &to, sites) &&
	    detour_patch(sites + skip, SITES - skip))
		return SF_GO_REFUSE_NONE;
	sf_syscall6(SYS_munmap, (long)page, PAGE, 0, 0, 0, 0);
	return why ? why : SF_GO_REFUSE_PROTECT;
}
