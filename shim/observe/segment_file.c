// SPDX-License-Identifier: BSD-2-Clause
// segment_file.c: see segment_file.h.
#include "segment_file.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../base/ticks.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#define PATH_ROOM 192

static char directory[PATH_ROOM - 32];
SF_LARGE static char path[PATH_ROOM];

SF_START void
sf_file_directory(const char *dir)
{
	size_t n = sf_bytes_length(dir, sizeof(directory));

	if (n == sizeof(directory))
		n = 0;
	*sf_bytes_put(directory, dir, n) = '\0';
}

uint32_t
sf_file_pid(void)
{
	return (uint32_t)sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static char *
put_text(char *p, const char *s)
{
	while (*s != '\0')
		*p++ = *s++;
	return p;
}

static char *
put_number(char *p, uint32_t n)
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
put_prefix(char *p)
{
	p = put_text(p, SYMFAST_SHM_PREFIX);
	p = put_number(p, (uint32_t)sf_syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0));
	*p++ = '.';
	return p;
}

static void
make_path(uint32_t pid)
{
	char *p = put_text(path, directory);

	*p++ = '/';
	*put_number(put_prefix(p), pid) = '\0';
}

/* A file larger than the process may make would not be refused but signalled (SIGXFSZ). */
static bool
may_be_so_large(void)
{
	struct rlimit limit = {0, 0};

	return sf_syscall6(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
	       limit.rlim_cur >= SYMFAST_SHM_SIZE;
}

static long
create(void)
{
	return sf_syscall6(SYS_openat, AT_FDCWD, (long)path,
			   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600, 0, 0);
}

int
sf_file_create(uint32_t pid)
{
	long fd;

	if (directory[0] == '\0' || !may_be_so_large())
		return -1;
	make_path(pid);
	fd = create();
	if (fd < 0) {
		sf_file_unlink();
		fd = create();
	}
	if (fd < 0) {
		path[0] = '\0'; /* somebody else's: not ours to remove */
		return -1;
	}
	if (sf_syscall6(SYS_ftruncate, fd, SYMFAST_SHM_SIZE, 0, 0, 0, 0) != 0) {
		sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
		sf_file_unlink();
		return -1;
	}
	return (int)fd;
}

void
sf_file_tidy(uint32_t pid, uint64_t pid_space)
{
	char prefix[32];

	if (pid % 8 != 0)
		return;
	*put_prefix(prefix) = '\0';
	sf_file_sweep(directory, prefix, pid_space);
}

void
sf_file_unlink(void)
{
	if (path[0] != '\0')
		sf_syscall6(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

bool
sf_file_write(int fd, const void *p, size_t n, size_t offset)
{
	return sf_syscall6(SYS_pwrite64, fd, (long)p, (long)n, (long)offset, 0, 0) == (long)n;
}

/* Field 22 of /proc/self/stat: the 20th after the program's name, which may hold anything. */
static uint64_t
start_time(void)
{
	char text[512];
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
pid_space(void)
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
	h->start_time = start_time();
	h->pid_space = pid_space();
	h->made_ns = sf_sys_clock(CLOCK_REALTIME);
	h->ticks_first = sf_ticks();
	h->ns_first = sf_sys_clock(CLOCK_MONOTONIC);
	sf_bytes_cut(h->library, SF_VERSION, sizeof(h->library));
	sf_sys_exe(h->exe, sizeof(h->exe));
}
