// SPDX-License-Identifier: BSD-2-Clause
// sys.h: the few system calls the shim makes, without libc, so that no library can interpose them and
// errno stays the host's. Each returns the kernel's value: negative numbers are -errno. In a process
// that filters its own calls (sf_sys_confined) each fails, as if the kernel had refused.
#ifndef SF_SYS_H
#define SF_SYS_H

#include "attr.h"
#include <sys/syscall.h>

/*
 * 1: the host has begun to filter its system calls (entry/confine.c). From here on only write(2) to the
 * standard error is made; whatever else would need one is done without.
 */
extern SF_HIDDEN uint8_t sf_sys_confined;

/*
 * The kernel's page, which what it maps and protects is a multiple of: 4, 16 or 64 KiB on aarch64 by how the
 * kernel was built, so asked for at the start; till then 4.
 */
#ifdef __x86_64__
#define SF_SYS_PAGE ((uintptr_t)4096)
#else
extern SF_HIDDEN uintptr_t sf_sys_page;
#define SF_SYS_PAGE sf_sys_page
#endif
/* `size`: what AT_PAGESZ says. */
void sf_sys_set_page(unsigned long size);

/* Where the page of an address begins, and the first page that begins there or after it. */
SF_INLINE uintptr_t
sf_sys_page_down(uintptr_t address)
{
	return address & ~(SF_SYS_PAGE - 1);
}

SF_INLINE uintptr_t
sf_sys_page_up(uintptr_t address)
{
	return sf_sys_page_down(address + SF_SYS_PAGE - 1);
}

#if defined(__x86_64__)
SF_INLINE long
sf_syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
SF_INLINE long
sf_syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "symfast: no system call sequence for this CPU"
#endif

/*
 * Anonymous private memory of `size` bytes, zero, page aligned; NULL if the kernel refuses. Pages
 * are touched lazily and never huge, so that a reserved table costs no resident memory.
 */
void *sf_sys_map(size_t size);
void sf_sys_unmap(void *p, size_t size);
/*
 * The same, but it takes nothing of what the host may have as data (RLIMIT_DATA): the kernel counts it as stack. It
 * cannot grow as one: below it is a page without any rights. Not for sf_sys_unmap.
 */
void *sf_sys_map_uncounted(size_t size);
/*
 * Does so with all whole pages of a place that is ours, mapped and all zero; what surrounds them must be
 * mapped, too. False: it is as it was.
 */
bool sf_sys_uncount(void *p, size_t size);
/* The same, but a child of any fork finds it zeroed, whether it runs handlers or not. Linux 4.14. */
void *sf_sys_map_wiped(size_t size);
/*
 * Does the kernel charge for memory that is only mapped (overcommit_memory 2)? Asks by a mapping of 16 GiB,
 * and reads the setting only if that was refused.
 */
bool sf_sys_charges_at_once(void);
/* Addresses that read as zeros and cost nothing, until sf_sys_open() makes them writable. */
bool sf_sys_close(void *p, size_t size);
/* Addresses without memory: nothing there can be read until sf_sys_open() opens it for good. */
void *sf_sys_reserve(size_t size);
bool sf_sys_open(void *p, size_t size);
/*
 * A new mapping in place of memory of ours. It is made elsewhere and then moved there, in one step: if it
 * is refused, what was there stays, where MAP_FIXED by itself may leave a hole for the host's next mmap.
 */
bool sf_sys_lay_over(void *at, size_t size, int flags, int fd, size_t offset);
/* Gives the pages' memory back; they stay readable, as zeroes. */
void sf_sys_forget(void *p, size_t size);
/* A clock of the kernel's (CLOCK_MONOTONIC, ...), in ns; 0 if there is none, or no asking. */
uint64_t sf_sys_clock(int clock);
/* The path of the executable, cut to fit, into `room` bytes of zeros; empty without /proc. */
void sf_sys_exe(char *to, size_t room);
/* Fills `out` from the kernel's random source; falls back on addresses and the clock. */
uint64_t sf_sys_random(void);
/* Reads to the end of a file, or until `room` bytes are full: how many; a negative errno if that fails. */
long sf_sys_read_all(long fd, char *to, size_t room);
/* The value of auxiliary vector entry `type` from /proc/self/auxv, 0 if unreadable or absent. */
unsigned long sf_sys_auxv(unsigned long type);

/*
 * Can these bytes be read? Asks a system call that the shim makes anyway (rt_sigprocmask, to do nothing):
 * the kernel copies the mask before it finds the request impossible. One call for each page.
 */
SF_HIDDEN bool sf_sys_is_readable(const void *p, size_t size);
/* Is there a mapping at this address? */
bool sf_sys_is_mapped(const void *p);
/* This thread's id, as the kernel counts. */
uint32_t sf_sys_thread_id(void);
/* Sleeps while *word == value; may return early. */
void sf_sys_wait(uint32_t *word, uint32_t value);
/* Wakes up to `n` threads that sleep on the word. */
void sf_sys_wake(uint32_t *word, int n);
/* Sleeps so many microseconds, or less. */
void sf_sys_pause(unsigned int us);

#endif
