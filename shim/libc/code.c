// SPDX-License-Identifier: BSD-2-Clause
// code.c: see code.h.
#include "code.h"

#include "../base/sys.h"
#include <sys/mman.h>

static bool
code_protect(const uint8_t *at, long rights)
{
	uintptr_t page = sf_sys_page_down((uintptr_t)at);

	return sf_syscall6(SYS_mprotect, (long)page, (long)SF_SYS_PAGE, rights, 0, 0, 0) == 0;
}

bool
sf_code_open(const uint8_t *at, long keep)
{
	return code_protect(at, PROT_READ | PROT_WRITE | PROT_EXEC | keep);
}

/* What refused once may have been short of memory. */
bool
sf_code_close(const uint8_t *at, long keep)
{
	for (int i = 0; i < 8; i++)
		if (code_protect(at, PROT_READ | PROT_EXEC | keep))
			return true;
	return false;
}
