// SPDX-License-Identifier: BSD-2-Clause
// Writes the stub page and the jumps (two, three for A/B), x86-64. The picture is in detour_stubs.S.
//
// Order, so that whatever a security policy forbids is forbidden before the host is changed:
//   1. the stub page: mapped near the code, filled, then made executable (no page of ours is ever
//      writable and executable);
//   2. every code page that will change: read, write and execute at once. PR_SET_MDWE and SELinux
//      (execmem) refuse exactly this step; once it is granted, taking `write` away again cannot be
//      refused, whereas write-only first could leave the code without execute;
//   3. six bytes each, the look-up last: without the others a look-up only ever misses, or is
//      timed without an end;
//   4. back to read and execute.
#include "../detour.h"

#include "patch.h"

extern SF_HIDDEN const uint8_t sf_go_stubs_begin[], sf_go_stubs_moved[], sf_go_stubs_split[];
extern SF_HIDDEN const uint8_t sf_go_stubs_split_moved[], sf_go_stubs_fill[], sf_go_stubs_end[];
extern SF_HIDDEN const uint8_t sf_go_stubs_end_moved[], sf_go_stubs_targets[], sf_go_stubs_size[];
extern SF_HIDDEN const uint8_t sf_go_stubs_pop[], sf_go_stubs_split_pop[];

#define IN_PAGE(symbol) (page + ((symbol)-sf_go_stubs_begin))
#define SITES           3
#define POP_RBP         0x5d

struct targets {
	uint64_t lookup_leaf, lookup_resume, fill_leaf, fill_resume, fill_missing, end_leaf,
		end_resume;
};

struct site {
	uint8_t *at;
	const uint8_t *stub;
	const uint8_t *was; // what the parser has seen there
	size_t len;
};

static bool
detour_write_stubs(uint8_t *page, const struct sf_go_shape *shape, const struct targets *to)
{
	__builtin_memcpy(page, sf_go_stubs_begin, (size_t)(sf_go_stubs_size - sf_go_stubs_begin));
	__builtin_memcpy(IN_PAGE(sf_go_stubs_moved), shape->moved, shape->moved_len);
	__builtin_memcpy(IN_PAGE(sf_go_stubs_split_moved), shape->moved, shape->moved_len);
	if (shape->pushed)
		*IN_PAGE(sf_go_stubs_pop) = *IN_PAGE(sf_go_stubs_split_pop) = POP_RBP;
	__builtin_memcpy(IN_PAGE(sf_go_stubs_end_moved), shape->end_moved, shape->end_len);
	__builtin_memcpy(IN_PAGE(sf_go_stubs_targets), to, sizeof(*to));
	return patch_pages_protect(page, PAGE, PROT_READ | PROT_EXEC);
}

static bool
detour_is_as_parsed(const struct site *sites, int n)
{
	for (int i = 0; i < n; i++) {
		for (size_t k = 0; k < sites[i].len; k++) {
			if (sites[i].at[k] != sites[i].was[k])
				return false;
		}
	}
	return true;
}

// All code is opened before any of it is changed, so that a policy refuses all or nothing.
static bool
detour_patch(const struct site *sites, int n)
{
	const long open_up = PROT_READ | PROT_WRITE | PROT_EXEC, close_up = PROT_READ | PROT_EXEC;
	int opened = 0;

	while (opened < n && patch_pages_protect(sites[opened].at, JUMP_LEN, open_up))
		opened++;
	for (int i = 0; i < n && opened == n; i++)
		patch_write_jump(sites[i].at, sites[i].stub);
	for (int i = 0; i < opened; i++)
		patch_pages_protect(sites[i].at, JUMP_LEN, close_up);
	return opened == n;
}

enum sf_go_refusal
sf_go_detour_install(uint8_t *open, const struct sf_go_shape *shape,
		     const struct sf_go_leaves *leaves)
{
	uint8_t *entry = open + shape->check, *page = patch_map_near((uintptr_t)open);
	const struct targets to = {
		.lookup_leaf = leaves->split ? (uint64_t)(uintptr_t)leaves->split
					     : (uint64_t)(uintptr_t)leaves->lookup,
		.lookup_resume = (uint64_t)(uintptr_t)(entry + shape->moved_len),
		.fill_leaf = (uint64_t)(uintptr_t)leaves->fill,
		.fill_resume = (uint64_t)(uintptr_t)(open + shape->resume),
		.fill_missing = (uint64_t)(uintptr_t)(open + shape->missing),
		.end_leaf = (uint64_t)(uintptr_t)leaves->end,
		.end_resume = (uint64_t)(uintptr_t)(open + shape->end + shape->end_len),
	};

	const int32_t away = (int32_t)(shape->missing - shape->resume);
	uint8_t je[SF_GO_JE_LEN] = {0x0f, 0x84};

	__builtin_memcpy(je + 2, &away, sizeof(away));
	if (!page)
		return SF_GO_REFUSE_ROOM;
	const struct site sites[SITES] = {
		{open + shape->end, IN_PAGE(sf_go_stubs_end), shape->end_moved, shape->end_len},
		{open + shape->site, IN_PAGE(sf_go_stubs_fill), je, sizeof(je)},
		{entry, leaves->end ? IN_PAGE(sf_go_stubs_split) : page, shape->moved,
		 shape->moved_len},
	};
	const int skip = leaves->end ? 0 : 1;
	enum sf_go_refusal why = SF_GO_REFUSE_PROTECT;
	if (!detour_is_as_parsed(sites + skip, SITES - skip))
		why = SF_GO_REFUSE_PROBE;
	else if (detour_write_stubs(page, shape, &to) && detour_patch(sites + skip, SITES - skip))
		return SF_GO_REFUSE_NONE;
	sf_syscall6(SYS_munmap, (long)page, PAGE, 0, 0, 0, 0);
	return why;
}
