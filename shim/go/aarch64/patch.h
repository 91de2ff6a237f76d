// SPDX-License-Identifier: BSD-2-Clause
// What both installers do to the host's memory: a page near its code, rights, a branch.
#ifndef SF_GO_PATCH_H
#define SF_GO_PATCH_H

#include "../../base/sys.h"
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define PAGE        SF_SYS_PAGE
#define STEP        0x10000 // distance between two tries: the largest page
#define TRIES       1984    // 124 MiB in each direction: a branch reaches 128
#define INSN_LEN    4
#define BRANCH_BACK (-(1 << 27)) // the furthest place that a branch reaches, and the one on the
#define BRANCH_AWAY (1 << 27)    // other side that it does not

static inline uint8_t *
patch_map_at(uintptr_t at)
{
	long p = sf_syscall6(SYS_mmap, (long)at, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == (long)at)
		return (uint8_t *)at;
	// A kernel before 4.17 takes the address as a hint.
	if (p > 0 || p < -4095)
		sf_syscall6(SYS_munmap, p, PAGE, 0, 0, 0, 0);
	return NULL;
}

// Below the code, where nothing grows; above it if that is taken or a large host's own.
static inline uint8_t *
patch_map_near(uintptr_t code)
{
	const uintptr_t around = code & ~(uintptr_t)(STEP - 1);
	uint8_t *page = NULL;

	for (int i = 1; i <= TRIES && !page && around > (uintptr_t)(i + 1) * STEP; i++)
		page = patch_map_at(around - (uintptr_t)i * STEP);
	for (int i = 1; i <= TRIES && !page; i++)
		page = patch_map_at(around + (uintptr_t)i * STEP);
	return page;
}

static inline bool
patch_protect(const uint8_t *at, size_t len, long prot)
{
	uintptr_t first = sf_sys_page_down((uintptr_t)at),
		  end = sf_sys_page_up((uintptr_t)at + len);

	return sf_syscall6(SYS_mprotect, (long)first, (long)(end - first), prot, 0, 0, 0) == 0;
}

// `b to`, as it stands at `at`; 0, which is no branch, if that is out of its reach.
static inline uint32_t
patch_branch(const uint8_t *at, const uint8_t *to)
{
	intptr_t away = (intptr_t)to - (intptr_t)at;

	if (away < BRANCH_BACK || away >= BRANCH_AWAY || away % INSN_LEN)
		return 0;
	return 0x14000000u | ((uint32_t)(away / INSN_LEN) & 0x3ffffffu);
}

static inline uint32_t
patch_read(const uint8_t *at)
{
	uint32_t word;

	__builtin_memcpy(&word, at, INSN_LEN);
	return word;
}

// One aligned store: no thread, and no debugger, ever sees half of it. Then the caches of all
// processors: a thread that is started later begins with an exception return, which fetches anew.
static inline void
patch_write(uint8_t *at, uint32_t word)
{
	__atomic_store_n((uint32_t *)(void *)at, word, __ATOMIC_RELAXED);
	__builtin___clear_cache((char *)at, (char *)at + INSN_LEN);
}

#endif
