// SPDX-License-Identifier: BSD-2-Clause
// memcheck.h: requests to valgrind's tools. Four rotations that cancel out elsewhere.
//
// The instruction sequence and the requests are valgrind's published client interface (valgrind.h,
// memcheck.h, helgrind.h and drd.h of valgrind 3.19); a tool answers another one's request with the default.
#ifndef SF_MEMCHECK_H
#define SF_MEMCHECK_H

#include "attr.h"

#define SF_MEMCHECK_IS_ADDRESSABLE ('M' << 24 | 'C' << 16 | 4)
#define SF_HELGRIND_MAKE_UNTRACKED ('H' << 24 | 'G' << 16 | 0x127)
#define SF_DRD_THREAD_ID           ('D' << 24 | 'R' << 16 | 1)
#define SF_DRD_START_SUPPRESSION   ('D' << 24 | 'R' << 16 | 2)

SF_INLINE uint64_t
sf_memcheck_ask(uint64_t what, const void *p, size_t size, uint64_t answer)
{
#ifdef __x86_64__
	uint64_t request[6] = {what, (uintptr_t)p, size};

	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(request)
			 : "cc", "memory");
#else
	uint64_t request[6] = {what, (uintptr_t)p, size};
	register uint64_t x3 __asm__("x3") = answer;
	register const uint64_t *x4 __asm__("x4") = request;

	__asm__ volatile("ror x12, x12, #3\n\tror x12, x12, #13\n\t"
			 "ror x12, x12, #51\n\tror x12, x12, #61\n\t"
			 "orr x10, x10, x10"
			 : "+r"(x3)
			 : "r"(x4)
			 : "cc", "memory");
	answer = x3;
#endif
	return answer;
}

/*
 * Does a tool follow each byte that this process reads? memcheck says 0 of what can be read, helgrind of
 * every request that it knows, and drd gives threads numbers from 1 on.
 */
SF_INLINE bool
sf_memcheck_runs(void)
{
	uint64_t readable = 0;

	return sf_memcheck_ask(SF_MEMCHECK_IS_ADDRESSABLE, &readable, sizeof(readable), 1) == 0 ||
	       sf_memcheck_ask(SF_HELGRIND_MAKE_UNTRACKED, &readable, 0, 1) == 0 ||
	       sf_memcheck_ask(SF_DRD_THREAD_ID, NULL, 0, 0) != 0;
}

/*
 * This memory is the shim's, shared by threads that wait for nobody: helgrind and drd do not know its
 * protocols, and would report every hit. To be told again of what is mapped over it.
 */
SF_INLINE void
sf_memcheck_ours(const void *p, size_t size)
{
	sf_memcheck_ask(SF_HELGRIND_MAKE_UNTRACKED, p, size, 0);
	sf_memcheck_ask(SF_DRD_START_SUPPRESSION, p, size, 0);
}

#endif
