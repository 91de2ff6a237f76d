// SPDX-License-Identifier: BSD-2-Clause
// atomic.h: relaxed loads, stores and fences. Concurrency Kit's ck_pr in every normal build.
//
// ck_pr is inline assembly, which ThreadSanitizer cannot see; a TSan build of the unit and stress
// programs therefore maps the same names onto the compiler's __atomic builtins. The orders are the
// same: a plain load or store that the compiler may neither tear nor repeat, and explicit fences.
#ifndef SF_ATOMIC_H
#define SF_ATOMIC_H

#include "attr.h"

/* Nobody needs them, and gcc 10 compiles no function of doubles where only general registers may be used. */
#define CK_PR_DISABLE_DOUBLE
#include <ck_pr.h>

#ifdef __SANITIZE_THREAD__
#define sf_load_ptr(p)          __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define sf_load_64(p)           __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define sf_load_32(p)           __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define sf_load_16(p)           __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define sf_load_8(p)            __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define sf_store_ptr(p, v)      __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define sf_store_64(p, v)       __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define sf_store_32(p, v)       __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define sf_store_16(p, v)       __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define sf_store_8(p, v)        __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define sf_add_64(p, v)         ((void)__atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define sf_faa_32(p, v)         __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define sf_add_32(p, v)         ((void)__atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL))
#define sf_cas_16(p, old, new)  __sync_bool_compare_and_swap((p), (old), (new))
#define sf_cas_32(p, old, new)  __sync_bool_compare_and_swap((p), (old), (new))
#define sf_swap_32(p, v)        __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define sf_cas_64(p, old, new)  __sync_bool_compare_and_swap((p), (old), (new))
#define sf_cas_ptr(p, old, new) __sync_bool_compare_and_swap((p), (old), (new))
#define sf_fence_load()         __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define sf_fence_store()        __atomic_thread_fence(__ATOMIC_RELEASE)
#define sf_fence_acquire()      __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define sf_fence_release()      __atomic_thread_fence(__ATOMIC_RELEASE)
#define sf_fence_full()         __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define sf_fence_atomic_load()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#else
#define sf_load_ptr(p)          ((__typeof__(*(p)))ck_pr_load_ptr(p))
#define sf_load_64(p)           ck_pr_load_64((const uint64_t *)(p))
#define sf_load_32(p)           ck_pr_load_32(p)
#define sf_load_16(p)           ck_pr_load_16(p)
#define sf_load_8(p)            ck_pr_load_8(p)
#define sf_store_ptr(p, v)      ck_pr_store_ptr((p), (v))
#define sf_store_64(p, v)       ck_pr_store_64((p), (v))
#define sf_store_32(p, v)       ck_pr_store_32((p), (v))
#define sf_store_16(p, v)       ck_pr_store_16((p), (v))
#define sf_store_8(p, v)        ck_pr_store_8((p), (v))
#define sf_add_64(p, v)         ck_pr_add_64((p), (v))
#define sf_faa_32(p, v)         ck_pr_faa_32((p), (v))
#define sf_add_32(p, v)         ck_pr_add_32((p), (v))
#define sf_cas_16(p, old, new)  ck_pr_cas_16((p), (old), (new))
#define sf_cas_32(p, old, new)  ck_pr_cas_32((p), (old), (new))
#define sf_swap_32(p, v)        ck_pr_fas_32((p), (v))
#define sf_cas_64(p, old, new)  ck_pr_cas_64((p), (old), (new))
#define sf_cas_ptr(p, old, new) ck_pr_cas_ptr((p), (old), (new))
#define sf_fence_load()         ck_pr_fence_load()
#define sf_fence_store()        ck_pr_fence_store()
#define sf_fence_acquire()      ck_pr_fence_acquire()
#define sf_fence_release()      ck_pr_fence_release()
#define sf_fence_full()         ck_pr_fence_memory()
/* Between an atomic read-modify-write and a later load: free where the former is a barrier (x86). */
#define sf_fence_atomic_load()  ck_pr_fence_atomic_load()
#endif

/* Two words that lie side by side, aligned to 16 bytes, change as one (if sf_has_pairs). TSan does not see it. */
#define sf_cas_pair(p, old, new) ck_pr_cas_64_2((uint64_t *)(p), (old), (new))

#ifdef __x86_64__
#include <cpuid.h>

/* CPUs before 2006 had no such instruction. Cost: up to a microsecond in a virtual machine. */
SF_INLINE bool
sf_has_pairs(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_CMPXCHG16B);
}
#else
SF_INLINE bool
sf_has_pairs(void)
{
	return true;
}
#endif

/* Between two looks at a word that another CPU is about to change. */
#define sf_stall() ck_pr_stall()

#endif
