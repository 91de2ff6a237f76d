// SPDX-License-Identifier: BSD-2-Clause
// What both installers do to the host's memory: a page near its code, rights, a jump.
#ifndef SF_GO_PATCH_H
#define SF_GO_PATCH_H

#include "../../base/sys.h"
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define PAGE     4096u
#define STEP     0x10000u // distance between two tries
#define TRIES    4096     // 256 MiB downwards: well within a jump's reach
#define JUMP_LEN 6

static inline uint8_t *
patch_map_near(uintptr_t code)
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

static inline bool
patch_protect(const uint8_t *at, size_t len, long prot)
{
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = ((uintptr_t)at + len + PAGE - 1) & ~(uintptr_t)(PAGE - 1);

	return sf_syscall6(SYS_mprotect, (long)first, (long)(end - first), prot, 0, 0, 0) == 0;
}

// A jump in place of one whole instruction of at least its length: every boundary stays one. A uprobe
// set there later runs the file's instruction and goes on behind it; when it is taken away the kernel
// puts back the file's first byte. So that byte stays what it was:
//	48 e9    jmp, with a prefix that means nothing to it (over a sub, lea or mov)
//	0f 83    jae: always taken behind a `test`, which clears carry (over a je)
static inline void
patch_write_jump(uint8_t *at, const uint8_t *to)
{
	int32_t rel = (int32_t)(to - (at + JUMP_LEN));

	at[1] = at[0] == 0x0f ? 0x83 : 0xe9;
	__builtin_memcpy(at + 2, &rel, 4);
}

#endif
