// SPDX-License-Identifier: BSD-2-Clause
// sys.c: system calls with a little logic around them.
#include "sys.h"

#include "memcheck.h"
#include "ticks.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <time.h>

#define WIPE_ON_FORK 18 /* MADV_WIPEONFORK */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define HUGE_PAGE (2u << 20)

uint8_t sf_sys_confined, sf_ticks_forbidden;

#ifndef __x86_64__
uintptr_t sf_sys_page = 4096;
#endif

SF_START void
sf_sys_set_page(unsigned long size)
{
#ifdef __x86_64__
	(void)size; /* a constant */
#else
	if (size != 0)
		sf_sys_page = size;
#endif
}

void *
sf_sys_map(size_t size)
{
	long p = sf_sys_confined ? -1
				 : sf_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p < 0 && p > -4096)
		return NULL;
	if (size >= HUGE_PAGE)
		sf_syscall6(SYS_madvise, p, (long)size, MADV_NOHUGEPAGE, 0, 0, 0);
	sf_memcheck_ours((void *)p, size);
	return (void *)p;
}

SF_START bool
sf_sys_uncount(void *p, size_t size)
{
	uintptr_t begin = sf_sys_page_up((uintptr_t)p);
	uintptr_t end = sf_sys_page_down((uintptr_t)p + size);

	return end <= begin ||
	       sf_sys_lay_over((void *)begin, end - begin,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_GROWSDOWN, -1, 0);
}

SF_START void *
sf_sys_map_uncounted(size_t size)
{
	char *p = sf_sys_reserve(size + SF_SYS_PAGE);

	if (p == NULL)
		return NULL;
	p += SF_SYS_PAGE;
	if (!sf_sys_uncount(p, size) && !sf_sys_open(p, size)) {
		sf_sys_unmap(p - SF_SYS_PAGE, size + SF_SYS_PAGE);
		return NULL;
	}
	if (size >= HUGE_PAGE)
		sf_syscall6(SYS_madvise, (long)p, (long)size, MADV_NOHUGEPAGE, 0, 0, 0);
	return p;
}

void *
sf_sys_map_wiped(size_t size)
{
	void *p = sf_sys_map(size);

	if (p == NULL || sf_syscall6(SYS_madvise, (long)p, (long)size, WIPE_ON_FORK, 0, 0, 0) == 0)
		return p;
	sf_sys_unmap(p, size);
	return NULL;
}

void
sf_sys_unmap(void *p, size_t size)
{
	if (!sf_sys_confined)
		sf_syscall6(SYS_munmap, (long)p, (long)size, 0, 0, 0, 0);
}

void *
sf_sys_reserve(size_t size)
{
	long p = sf_sys_confined ? -1
				 : sf_syscall6(SYS_mmap, 0, (long)size, PROT_NONE,
					       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

/* What was written there is lost. */
SF_START bool
sf_sys_close(void *p, size_t size)
{
	return sf_syscall6(SYS_mmap, (long)p, (long)size, PROT_READ,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			   0) == (long)p;
}

/* Where so much may still be mapped, 16 MiB more are nothing. qemu-user 7 takes 6 bytes for each KiB mapped. */
#define PLENTY (1ul << 34)

SF_START bool
sf_sys_charges_at_once(void)
{
	char setting = '0';
	void *p = sf_sys_map(PLENTY);
	long fd;

	if (p != NULL) {
		sf_sys_unmap(p, PLENTY);
		return false;
	}
	fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/sys/vm/overcommit_memory",
			 O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return false;
	sf_syscall6(SYS_read, fd, (long)&setting, 1, 0, 0, 0);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	return setting == '2';
}

bool
sf_sys_open(void *p, size_t size)
{
	if (sf_sys_confined ||
	    sf_syscall6(SYS_mprotect, (long)p, (long)size, PROT_READ | PROT_WRITE, 0, 0, 0) != 0)
		return false;
	sf_memcheck_ours(p, size);
	return true;
}

bool
sf_sys_lay_over(void *at, size_t size, int flags, int fd, size_t offset)
{
	long made;

	if (sf_sys_confined)
		return false;
	made = sf_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, flags, fd,
			   (long)offset);
	if (made < 0 && made > -4096)
		return false;
	if (sf_syscall6(SYS_mremap, made, (long)size, (long)size, MREMAP_MAYMOVE | MREMAP_FIXED,
			(long)at, 0) == (long)at) {
		sf_memcheck_ours(at, size);
		return true;
	}
	sf_sys_unmap((void *)made, size);
	/* The kernel makes room before it moves; where it got as far, this fills it. */
	sf_syscall6(SYS_mmap, (long)at, (long)size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	return false;
}

void
sf_sys_forget(void *p, size_t size)
{
	if (!sf_sys_confined)
		sf_syscall6(SYS_madvise, (long)p, (long)size, MADV_DONTNEED, 0, 0, 0);
}

uint64_t
sf_sys_random(void)
{
	uint64_t out = 0;
	struct timespec now = {0, 0};

	if (sf_syscall6(SYS_getrandom, (long)&out, sizeof(out), 1 /* GRND_NONBLOCK */, 0, 0, 0) ==
	    (long)sizeof(out))
		return out;
	sf_syscall6(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
	return ((uint64_t)(uintptr_t)&out * 0x9e3779b97f4a7c15ull) ^ (uint64_t)now.tv_nsec << 20 ^
	       (uint64_t)now.tv_sec;
}

uint64_t
sf_sys_clock(int clock)
{
	struct timespec now = {0, 0};

	if (!sf_sys_confined)
		sf_syscall6(SYS_clock_gettime, clock, (long)&now, 0, 0, 0, 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
sf_sys_exe(char *to, size_t room)
{
	if (!sf_sys_confined)
		sf_syscall6(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)to,
			    (long)room - 1, 0, 0);
}

long
sf_sys_read_all(long fd, char *to, size_t room)
{
	size_t used = 0;
	long n;

	while ((n = sf_syscall6(SYS_read, fd, (long)(to + used), (long)(room - used), 0, 0, 0)) > 0)
		used += (size_t)n;
	return n < 0 ? n : (long)used;
}

unsigned long
sf_sys_auxv(unsigned long type)
{
	unsigned long pair[2];
	unsigned long found = 0;
	/* On the stack: before relocation nothing but relative addresses can be used. */
	const char path[] = {'/', 'p', 'r', 'o', 'c', '/', 's', 'e',
			     'l', 'f', '/', 'a', 'u', 'x', 'v', 0};
	long fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (fd < 0)
		return 0;
	while (sf_syscall6(SYS_read, fd, (long)pair, sizeof(pair), 0, 0, 0) == (long)sizeof(pair)) {
		if (pair[0] == type)
			found = pair[1];
		if (pair[0] == 0 || pair[0] == type)
			break;
	}
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	return found;
}

bool
sf_sys_is_readable(const void *p, size_t size)
{
	uintptr_t first = sf_sys_page_down((uintptr_t)p), into = (uintptr_t)p - first;

	if (sf_sys_confined)
		return false;
	for (size_t at = 0; at < into + size; at += SF_SYS_PAGE)
		if (sf_syscall6(SYS_rt_sigprocmask, -1, (long)(first + at), 0, 8, 0, 0) == -EFAULT)
			return false;
	return true;
}

bool
sf_sys_is_mapped(const void *p)
{
	unsigned char resident;
	long page = (long)sf_sys_page_down((uintptr_t)p);

	return !sf_sys_confined && sf_syscall6(SYS_mincore, page, 1, (long)&resident, 0, 0, 0) == 0;
}

uint32_t
sf_sys_thread_id(void)
{
	/* Thread descriptors lie 64 bytes apart at least; no thread of the kernel's has the upper bit. */
	if (sf_sys_confined)
		return (uint32_t)((uintptr_t)__builtin_thread_pointer() >> 6) | 1u << 31;
	return (uint32_t)sf_syscall6(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

void
sf_sys_wait(uint32_t *word, uint32_t value)
{
	sf_syscall6(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, 0, 0, 0);
}

void
sf_sys_wake(uint32_t *word, int n)
{
	sf_syscall6(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, n, 0, 0, 0);
}

void
sf_sys_pause(unsigned int us)
{
	struct timespec t = {0, (long)us * 1000};

	if (!sf_sys_confined)
		sf_syscall6(SYS_nanosleep, (long)&t, 0, 0, 0, 0, 0);
}
