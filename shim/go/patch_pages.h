// SPDX-License-Identifier: BSD-2-Clause
// What the installers of every processor do to pages of the host's memory: one at an address, rights.
#ifndef SF_GO_PATCH_PAGES_H
#define SF_GO_PATCH_PAGES_H

#include "../base/sys.h"
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

// A page there, and nowhere else; NULL if that is taken.
static inline uint8_t *
patch_pages_at(uintptr_t at)
{
	long p = sf_syscall6(SYS_mmap, (long)at, SF_SYS_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == (long)at)
		return (uint8_t *)at;
	// A kernel before 4.17 takes the address as a hint.
	if (p > 0 || p < -4095)
		sf_syscall6(SYS_munmap, p, SF_SYS_PAGE, 0, 0, 0, 0);
	return NULL;
}

static inline bool
patch_pages_protect(const uint8_t *at, size_t len, long prot)
{
	uintptr_t first = sf_sys_page_down((uintptr_t)at),
		  end = sf_sys_page_up((uintptr_t)at + len);

	return sf_syscall6(SYS_mprotect, (long)first, (long)(end - first), prot, 0, 0, 0) == 0;
}

#endif
