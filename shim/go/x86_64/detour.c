// SPDX-License-Identifier: BSD-2-Clause
// Writes the stub page and the two jumps, x86-64. The picture is in stubs.S.
//
// Order, so that whatever a security policy forbids is forbidden before the host is changed:
//   1. the stub page: mapped near the code, filled, then made executable (no page of ours is ever
//      writable and executable);
//   2. every code page that will change: read, write and execute at once. PR_SET_MDWE and SELinux
//      (execmem) refuse exactly this step; once it is granted, taking `write` away again cannot be
//      refused, whereas write-only first could leave the code without execute;
//   3. five bytes each, the fill first, the look-up second: a look-up without fill only ever
//   misses;
//   4. back to read and execute.
#include "../detour.h"

#include "patch.h"

extern const uint8_t sf_go_stubs_begin[], sf_go_stubs_fill[], sf_go_stubs_moved[];
extern const uint8_t sf_go_stubs_targets[], sf_go_stubs_end[];

struct targets {
	uint64_t lookup_leaf, lookup_resume, fill_leaf, fill_resume;
};

static bool
write_stubs(uint8_t *page, const struct sf_go_shape *shape, const struct targets *to)
{
	__builtin_memcpy(page, sf_go_stubs_begin, (size_t)(sf_go_stubs_end - sf_go_stubs_begin));
	__builtin_memcpy(page + (sf_go_stubs_moved - sf_go_stubs_begin), shape->moved,
			 shape->moved_len);
	__builtin_memcpy(page + (sf_go_stubs_targets - sf_go_stubs_begin), to, sizeof(*to));
	return protect(page, PAGE, PROT_READ | PROT_EXEC);
}

enum sf_go_refusal
sf_go_detour_install(uint8_t *open, const struct sf_go_shape *shape,
		     uint64_t (*lookup)(const char *, size_t),
		     void (*fill)(const char *, const char *))
{
	uint8_t *entry = open + shape->check, *site = open + shape->site;
	const struct targets to = {
		.lookup_leaf = (uint64_t)(uintptr_t)lookup,
		.lookup_resume = (uint64_t)(uintptr_t)(entry + shape->moved_len),
		.fill_leaf = (uint64_t)(uintptr_t)fill,
		.fill_resume = (uint64_t)(uintptr_t)(open + shape->resume),
	};
	const long open_up = PROT_READ | PROT_WRITE | PROT_EXEC, close_up = PROT_READ | PROT_EXEC;
	enum sf_go_refusal why = SF_GO_REFUSE_PROTECT;
	uint8_t *page = map_near((uintptr_t)open);

	if (!page)
		return SF_GO_REFUSE_ROOM;
	if (!write_stubs(page, shape, &to))
		goto out;
	if (!protect(site, JUMP_LEN, open_up))
		goto out;
	if (protect(entry, JUMP_LEN, open_up)) {
		write_jump(site, page + (sf_go_stubs_fill - sf_go_stubs_begin));
		write_jump(entry, page);
		protect(entry, JUMP_LEN, close_up);
		why = SF_GO_REFUSE_NONE;
	}
	protect(site, JUMP_LEN, close_up);
out:
	if (why)
		sf_syscall6(SYS_munmap, (long)page, PAGE, 0, 0, 0, 0);
	return why;
}
