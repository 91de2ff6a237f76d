// SPDX-License-Identifier: BSD-2-Clause
// segment_file.c: see segment_file.h.
#include "segment_file.h"

#include "../base/bytes.h"
#include "../base/quiet.h"
#include "../base/sys.h"
#include "../base/ticks.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define PATH_ROOM 192

static char directory[PATH_ROOM - 48];
SF_LARGE static char path[PATH_ROOM]; /* "": there is none of ours */
static uint64_t space;                /* this process's pid namespace, 0: unknown */
static uint8_t named;                 /* before it is published, too */

SF_START void
sf_file_directory(const char *dir)
{
	size_t n = sf_bytes_length(dir, sizeof(directory));

	if (n == sizeof(directory))
		n = 0;
	*sf_bytes_put(directory, dir, n) = '\0';
}

SF_START uint32_t
sf_file_pid(void)
{
	return (uint32_t)sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static char *
segment_file_put_text(char *p, const char *s)
{
	while (*s != '\0')
		*p++ = *s++;
	return p;
}

static char *
segment_file_put_number(char *p, uint32_t n)
{
	char digits[10];
	int i = 0;

	do {
		digits[i++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	while (i > 0)
		*p++ = digits[--i];
	return p;
}

/* "symfast.UID." */
static char *
segment_file_put_prefix(char *p)
{
	p = segment_file_put_text(p, SYMFAST_SHM_PREFIX);
	p = segment_file_put_number(p, (uint32_t)sf_syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0));
	*p++ = '.';
	return p;
}

/* Another pid namespace may have the number too, in the same directory: then with the namespace's own. */
static void
segment_file_make_path(uint32_t pid, uint64_t number)
{
	char *p = segment_file_put_text(path, directory);

	*p++ = '/';
	p = segment_file_put_number(segment_file_put_prefix(p), pid);
	if (number != 0) {
		*p++ = '.';
		p = segment_file_put_number(p, (uint32_t)number);
	}
	*p = '\0';
}

/* A file larger than the process may make would not be refused but signalled (SIGXFSZ). */
static bool
segment_file_may_be_so_large(void)
{
	struct rlimit limit = {0, 0};

	return sf_syscall6(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
	       limit.rlim_cur >= SYMFAST_SHM_SIZE;
}

/* For file systems without unnamed files, and processes without /proc: under a name of its own at first. */
static long
segment_file_create_named(void)
{
	const long flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	char *end = path;
	long fd;

	while (*end != '\0')
		end++;
	*segment_file_put_text(end, ".new") = '\0';
	sf_syscall6(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
	fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)path, flags, 0600, 0, 0);
	if (fd < 0)
		path[0] = '\0'; /* somebody else's: not ours to remove */
	named = fd >= 0;
	return fd;
}

static bool
segment_file_has_proc(void)
{
	return sf_syscall6(SYS_faccessat, AT_FDCWD, (long)"/proc/self/fd", 0, 0, 0, 0) == 0;
}

bool
sf_file_may_pass(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

int
sf_file_create(uint32_t pid)
{
	long fd, error;

	if (directory[0] == '\0' || !segment_file_may_be_so_large())
		return -EFBIG;
	segment_file_make_path(pid, 0);
	named = 0;
	fd = segment_file_has_proc() ? sf_syscall6(SYS_openat, AT_FDCWD, (long)directory,
						   O_RDWR | O_TMPFILE | O_CLOEXEC, 0600, 0, 0)
				     : -EOPNOTSUPP;
	if (fd < 0 && !sf_file_may_pass((int)fd))
		fd = segment_file_create_named();
	if (fd < 0)
		return (int)fd;
	error = sf_syscall6(SYS_ftruncate, fd, SYMFAST_SHM_SIZE, 0, 0, 0, 0);
	if (error == 0)
		return (int)fd;
	sf_quiet_settle(error);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	sf_file_unlink();
	return (int)error;
}

/*
 * The name may be taken. By a process of another pid namespace: then ours gets that number, too. By an earlier
 * program of this number, which found a mismatch: it becomes the one that is kept of those.
 */
static void
segment_file_make_room(uint32_t pid)
{
	SF_LARGE static struct sf_file_peek p; /* not on the host's stack; under the lock */
	char old[PATH_ROOM];

	if (!sf_file_peek(AT_FDCWD, path, &p))
		return;
	if (p.header.pid_space != 0 && space != 0 && p.header.pid_space != space) {
		segment_file_make_path(pid, space);
	} else if (sf_file_is_marked(&p)) {
		*segment_file_put_text(old, path) = '\0';
		segment_file_make_path(pid, SYMFAST_SHM_PAST);
		sf_syscall6(SYS_renameat2, AT_FDCWD, (long)old, AT_FDCWD, (long)path, 0, 0);
		segment_file_make_path(pid, 0);
	}
}

static long
segment_file_give_name(int fd)
{
	char from[32];

	*segment_file_put_number(segment_file_put_text(from, "/proc/self/fd/"), (uint32_t)fd) =
		'\0';
	return sf_syscall6(SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)path,
			   AT_SYMLINK_FOLLOW, 0);
}

static bool
segment_file_publish_named(uint32_t pid)
{
	char old[PATH_ROOM];

	*segment_file_put_text(old, path) = '\0';
	segment_file_make_path(pid, 0);
	segment_file_make_room(pid);
	if (sf_syscall6(SYS_renameat2, AT_FDCWD, (long)old, AT_FDCWD, (long)path, 0, 0) == 0)
		return true;
	*segment_file_put_text(path, old) = '\0';
	return false;
}

bool
sf_file_publish(int fd)
{
	uint32_t pid = sf_file_pid();
	long error;

	if (named)
		return segment_file_publish_named(pid);
	error = segment_file_give_name(fd);
	if (error == -EEXIST) {
		segment_file_make_room(pid);
		sf_syscall6(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
		error = segment_file_give_name(fd);
	}
	if (error != 0)
		path[0] = '\0';
	return error == 0;
}

void
sf_file_tidy(void)
{
	char prefix[32];

	*segment_file_put_prefix(prefix) = '\0';
	sf_file_sweep(directory, prefix, space);
}

void
sf_file_unlink(void)
{
	if (path[0] != '\0')
		sf_syscall6(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

bool
sf_file_is(int fd)
{
	struct stat a, b;

	return path[0] != '\0' && sf_syscall6(SYS_fstat, fd, (long)&a, 0, 0, 0, 0) == 0 &&
	       sf_syscall6(SYS_newfstatat, AT_FDCWD, (long)path, (long)&b, 0, 0, 0) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool
sf_file_write(int fd, const void *p, size_t n, size_t offset)
{
	long done = sf_syscall6(SYS_pwrite64, fd, (long)p, (long)n, (long)offset, 0, 0);

	sf_quiet_settle(done);
	return done == (long)n;
}

/* Field 22 of /proc/self/stat: the 20th after the program's name, which may hold anything. */
static uint64_t
segment_file_start_time(void)
{
	SF_LARGE static char text[512]; /* under the segment's lock */
	uint64_t n = 0;
	long fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/stat", O_RDONLY | O_CLOEXEC,
			      0, 0, 0);
	long len, at, field = 0;

	if (fd < 0)
		return 0;
	len = sf_syscall6(SYS_read, fd, (long)text, sizeof(text), 0, 0, 0);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	for (at = len - 1; at > 0 && text[at] != ')'; at--)
		continue;
	for (; at < len && field < 20; at++)
		field += text[at] == ' ';
	for (; field == 20 && at < len && text[at] >= '0' && text[at] <= '9'; at++)
		n = n * 10 + (uint64_t)(text[at] - '0');
	return n;
}

/* The kernel's text is "pid:[4026531836]". */
static uint64_t
segment_file_pid_space(void)
{
	char text[32];
	uint64_t n = 0;
	long len = sf_syscall6(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/ns/pid", (long)text,
			       sizeof(text), 0, 0);

	for (long i = 0; i < len; i++)
		if (text[i] >= '0' && text[i] <= '9')
			n = n * 10 + (uint64_t)(text[i] - '0');
	return n;
}

void
sf_file_identity(struct symfast_shm_header *h, uint32_t pid)
{
	h->pid = pid;
	h->uid = (uint32_t)sf_syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0);
	h->start_time = segment_file_start_time();
	h->pid_space = space = segment_file_pid_space();
	h->made_ns = sf_sys_clock(CLOCK_REALTIME);
	h->ticks_first = sf_ticks();
	h->ns_first = sf_sys_clock(CLOCK_MONOTONIC);
	sf_bytes_cut(h->library, SF_VERSION, sizeof(h->library));
	sf_sys_exe(h->exe, sizeof(h->exe));
}
