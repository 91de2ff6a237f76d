// SPDX-License-Identifier: BSD-2-Clause
// segment_sweep.c: files of processes that ended without their destructors do not pile up.
//
// A process that is killed, calls _exit or is written in Go leaves its file: that is wanted, for one
// look afterwards. One new process in eight looks through the directory, keeps the first 32 files of
// dead processes that it meets, and removes the others. Only this user's, only of this pid namespace.
#include "segment_file.h"

#include "../base/sys.h"
#include <errno.h>
#include <fcntl.h>

#define KEPT      32
#define ENTRIES   4096 /* looked at, at most */
#define BUFFER    4096
#define NAME_AT   19 /* in a struct linux_dirent64: after inode, offset, length and type */
#define LENGTH_AT 16

/* The pid at the end of "symfast.UID.PID"; 0: another name. */
static uint32_t
pid_of(const char *name, const char *prefix)
{
	uint32_t pid = 0;

	for (; *prefix != '\0'; prefix++, name++)
		if (*name != *prefix)
			return 0;
	for (; *name >= '0' && *name <= '9' && pid < 1u << 24; name++)
		pid = pid * 10 + (uint32_t)(*name - '0');
	return *name == '\0' ? pid : 0;
}

static bool
is_dead(uint32_t pid)
{
	return sf_syscall6(SYS_kill, (long)pid, 0, 0, 0, 0, 0) == -ESRCH;
}

/* A pid of another namespace says nothing here. */
static bool
is_of_space(long dir, const char *name, uint64_t space)
{
	struct symfast_shm_header h = {.pid_space = 0};
	long fd = sf_syscall6(SYS_openat, dir, (long)name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0, 0,
			      0);

	if (fd < 0)
		return false;
	sf_syscall6(SYS_pread64, fd, (long)&h, sizeof(h), 0, 0, 0);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	return h.pid_space == space;
}

static void
look_at(long dir, const char *name, const char *prefix, uint64_t space, unsigned int *dead)
{
	uint32_t pid = pid_of(name, prefix);

	if (pid == 0 || !is_dead(pid) || ++*dead <= KEPT || !is_of_space(dir, name, space))
		return;
	sf_syscall6(SYS_unlinkat, dir, (long)name, 0, 0, 0, 0);
}

void
sf_file_sweep(const char *directory, const char *prefix, uint64_t space)
{
	_Alignas(8) char buffer[BUFFER];
	unsigned int dead = 0, seen = 0;
	long dir = sf_syscall6(SYS_openat, AT_FDCWD, (long)directory,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	long n;

	if (dir < 0)
		return;
	while (seen < ENTRIES &&
	       (n = sf_syscall6(SYS_getdents64, dir, (long)buffer, BUFFER, 0, 0, 0)) > 0)
		for (long at = 0; at < n; seen++) {
			look_at(dir, buffer + at + NAME_AT, prefix, space, &dead);
			at += *(const uint16_t *)(const void *)(buffer + at + LENGTH_AT);
		}
	sf_syscall6(SYS_close, dir, 0, 0, 0, 0, 0);
}
