// SPDX-License-Identifier: BSD-2-Clause
// attr.h: compiler attributes and branch hints, under one name each.
#ifndef SF_ATTR_H
#define SF_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_EXPORT __attribute__((visibility("default")))
/*
 * On what is declared extern: without it gcc takes the address of a name from the GOT, which may be read before
 * this library is relocated (an IFUNC resolver of another object looks up). The linker mends that on x86-64 alone.
 */
#define SF_HIDDEN   __attribute__((visibility("hidden")))
#define SF_NOINLINE __attribute__((noinline))
#define SF_INLINE   static inline __attribute__((always_inline))
#define SF_CACHE    __attribute__((aligned(64)))
/*
 * Where symfast.ld puts it: what the start runs; zeroed memory that most processes never touch; such
 * memory of which the start writes the beginning; what each start writes.
 */
#define SF_START   __attribute__((section(".text.start")))
#define SF_LARGE   __attribute__((section(".bss.large")))
#define SF_GROWING __attribute__((section(".bss.growing")))
#define SF_FIRST   __attribute__((section(".bss.first")))
/* gcc before 11 has this built-in function for other CPUs only. */
#if defined(__x86_64__) && __GNUC__ < 11
SF_INLINE void *
sf_thread_pointer(void)
{
	void *p;

	__asm__("mov %%fs:0, %0" : "=r"(p));
	return p;
}
#define __builtin_thread_pointer sf_thread_pointer
#endif

#define sf_likely(x)   __builtin_expect(!!(x), 1)
#define sf_unlikely(x) __builtin_expect(!!(x), 0)

/* A test build of the library may lie about names of its own; the product has no such place. */
#ifndef SF_SEAM_LIE
#define SF_SEAM_LIE(name) false
#endif

/* A pointer that cannot be read: libc may crash on it in its own way. */
SF_INLINE bool
sf_unreadable(const void *p)
{
	return (uintptr_t)p < 4096;
}

#endif
