// SPDX-License-Identifier: BSD-2-Clause
// What both installers do to the host's memory: a page near its code, rights, a branch.
#ifndef SF_GO_PATCH_H
#define SF_GO_PATCH_H

#include "../../base/branch.h"
#include "../patch_pages.h"

#define PAGE     SF_SYS_PAGE
#define STEP     0x10000 // distance between two tries: the largest page
#define TRIES    1984    // 124 MiB in each direction: a branch reaches 128
#define INSN_LEN 4

// Below the code, where nothing grows; above it if that is taken or a large host's own.
static inline uint8_t *
patch_map_near(uintptr_t code)
{
	const uintptr_t around = code & ~(uintptr_t)(STEP - 1);
	uint8_t *page = NULL;

	for (int i = 1; i <= TRIES && !page && around > (uintptr_t)(i + 1) * STEP; i++)
		page = patch_pages_at(around - (uintptr_t)i * STEP);
	for (int i = 1; i <= TRIES && !page; i++)
		page = patch_pages_at(around + (uintptr_t)i * STEP);
	return page;
}

static inline uint32_t
patch_read(const uint8_t *at)
{
	uint32_t word;

	__builtin_memcpy(&word, at, INSN_LEN);
	return word;
}

#endif
