// SPDX-License-Identifier: BSD-2-Clause
// compare.h: "does this word of memory hold that value?" as one relaxed load.
//
// On x86-64 a load through ck_pr costs an instruction and a register of its own; a comparison with
// memory needs neither, but a compiler builds one from plain loads only, and those it may repeat or
// tear. Hence the instruction itself. Volatile: it stays on its side of the fences around it.
#ifndef SF_COMPARE_H
#define SF_COMPARE_H

#include "atomic.h"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define SF_COMPARE_MEMORY(suffix, p, v, constraint)                                                \
	({                                                                                         \
		bool sf_same_;                                                                     \
		__asm__ volatile("cmp" suffix " %2, %1"                                            \
				 : "=@cce"(sf_same_)                                               \
				 : "m"(*(p)), constraint(v));                                      \
		sf_same_;                                                                          \
	})
#define SF_TEST_MEMORY(suffix, p, v, constraint)                                                   \
	({                                                                                         \
		bool sf_clear_;                                                                    \
		__asm__ volatile("test" suffix " %2, %1"                                           \
				 : "=@ccz"(sf_clear_)                                              \
				 : "m"(*(p)), constraint(v));                                      \
		sf_clear_;                                                                         \
	})
/* Are all of these bits clear there? */
#define sf_clear_32(p, v) SF_TEST_MEMORY("l", (p), (uint32_t)(v), "ri")
#define sf_holds_64(p, v) SF_COMPARE_MEMORY("q", (p), (uint64_t)(v), "re")
#define sf_holds_32(p, v) SF_COMPARE_MEMORY("l", (p), (uint32_t)(v), "re")
#define sf_holds_8(p, v)  SF_COMPARE_MEMORY("b", (p), (uint8_t)(v), "qi")
#else
#define sf_clear_32(p, v) ((sf_load_32(p) & (v)) == 0)
#define sf_holds_64(p, v) (sf_load_64((const uint64_t *)(p)) == (uint64_t)(v))
#define sf_holds_32(p, v) (sf_load_32(p) == (uint32_t)(v))
#define sf_holds_8(p, v)  (sf_load_8(p) == (uint8_t)(v))
#endif

/* A 16-bit load that is widened on the way, which ck_pr_load_16 does in two steps. */
#ifdef __SANITIZE_THREAD__
#define sf_load_16_wide(p) ((uint32_t)sf_load_16(p))
#else
#define sf_load_16_wide(p) ((uint32_t)__atomic_load_n((p), __ATOMIC_RELAXED))
#endif

#endif
