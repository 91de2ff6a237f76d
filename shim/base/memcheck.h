// SPDX-License-Identifier: BSD-2-Clause
// memcheck.h: does valgrind's memcheck run this process? Four rotations that cancel out elsewhere.
//
// The instruction sequence and the request are valgrind's published client interface for x86-64
// (valgrind.h and memcheck.h of valgrind 3.19); other tools answer a request of memcheck's with its
// default.
#ifndef SF_MEMCHECK_H
#define SF_MEMCHECK_H

#include "attr.h"

#ifdef __x86_64__
#define SF_MEMCHECK_IS_ADDRESSABLE ('M' << 24 | 'C' << 16 | 4)

SF_INLINE bool
sf_memcheck_runs(void)
{
	uint64_t request[6] = {SF_MEMCHECK_IS_ADDRESSABLE, (uintptr_t)request, sizeof(request)};
	uint64_t answer = 1; /* memcheck says 0: all of it can be read */

	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(request)
			 : "cc", "memory");
	return answer == 0;
}
#else
SF_INLINE bool
sf_memcheck_runs(void)
{
	return false;
}
#endif

#endif
