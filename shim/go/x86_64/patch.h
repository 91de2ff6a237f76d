// SPDX-License-Identifier: BSD-2-Clause
// What both installers do to the host's memory: a page near its code, rights, a jump.
#ifndef SF_GO_PATCH_H
#define SF_GO_PATCH_H

#include "../patch_pages.h"

#define PAGE     SF_SYS_PAGE
#define STEP     0x10000u // distance between two tries
#define TRIES    4096     // 256 MiB downwards: well within a jump's reach
#define JUMP_LEN 6

static inline uint8_t *
patch_map_near(uintptr_t code)
{
	uintptr_t at = code & ~(uintptr_t)(STEP - 1);
	uint8_t *page = NULL;

	for (int i = 0; i < TRIES && !page && at > STEP; i++) {
		at -= STEP;
		page = patch_pages_at(at);
	}
	return page;
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
