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

#include "../../base/sys.h"
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define PAGE     4096u
#define STEP     0x10000u // distance between two tries
#define TRIES    4096     // 256 MiB downwards: well within a jump's reach
#define JUMP_LEN 5

extern const uint8_t sf_go_stubs_begin[], sf_go_stubs_fill[], sf_go_stubs_moved[];
extern const uint8_t sf_go_stubs_targets[], sf_go_stubs_end[];

struct targets {
	uint64_t lookup_leaf, lookup_resume, fill_leaf, fill_resume;
};

static uint8_t *
map_near(uintptr_t code)
{
	uintptr_t at = code & ~(uintptr_t)(STEP - 1);

	for (int i = 0; i < TRIES && at > STEP; i++) {
		at -= STEP;
		long p = sf_syscall6(SYS_mmap, (long)at, PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (p == (long)at)
			return (uint8_t *)at;
		// A kernel before 4.17 takes the address as a hint.
		if (p > 0 || p < -4095)
			sf_syscall6(SYS_munmap, p, PAGE, 0, 0, 0, 0);
	}
	return NULL;
}

static bool
protect(const uint8_t *at, size_t len, long prot)
{
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = ((uintptr_t)at + len + PAGE - 1) & ~(uintptr_t)(PAGE - 1);

	return sf_syscall6(SYS_mprotect, (long)first, (long)(end - first), prot, 0, 0, 0) == 0;
}

static void
write_jump(uint8_t *at, const uint8_t *to)
{
	int32_t rel = (int32_t)(to - (at + JUMP_LEN));

	at[0] = 0xe9;
	__builtin_memcpy(at + 1, &rel, 4);
}

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
