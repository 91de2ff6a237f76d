// SPDX-License-Identifier: BSD-2-Clause
// identity.c: see identity.h.
#include "identity.h"

#include "../base/sys.h"
#include <fcntl.h>
#include <sys/stat.h>

#define IDENTITY_BYTES 4096

static long
identity_open(const char *path)
{
	return sf_syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

static void
identity_close(long fd)
{
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
}

static void
identity_take(const struct stat *s, struct sf_retain_identity *id)
{
	*id = (struct sf_retain_identity){
		.dev = s->st_dev,
		.ino = s->st_ino,
		.size = (uint64_t)s->st_size,
		.mtime = s->st_mtim.tv_sec,
		.mtime_ns = s->st_mtim.tv_nsec,
		.ctime = s->st_ctim.tv_sec,
		.ctime_ns = s->st_ctim.tv_nsec,
		.folder = S_ISDIR(s->st_mode),
	};
}

bool
sf_retain_identity_read(const char *path, struct sf_retain_identity *id)
{
	long fd = identity_open(path);
	struct stat s;
	bool good;

	if (fd < 0)
		return false;
	good = sf_syscall6(SYS_fstat, fd, (long)&s, 0, 0, 0, 0) == 0 && S_ISREG(s.st_mode);
	identity_close(fd);
	if (good)
		identity_take(&s, id);
	return good;
}

bool
sf_retain_identity_stat(const char *path, struct sf_retain_identity *id)
{
	struct stat s;

	if (sf_syscall6(SYS_newfstatat, AT_FDCWD, (long)path, (long)&s, 0, 0, 0) != 0)
		return false;
	identity_take(&s, id);
	return true;
}

bool
sf_retain_identity_same(const struct sf_retain_identity *a, const struct sf_retain_identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->mtime_ns == b->mtime_ns && a->ctime == b->ctime && a->ctime_ns == b->ctime_ns;
}

bool
sf_retain_identity_settled(const struct sf_retain_identity *id, uint64_t now)
{
	const uint64_t s = 1000000000;
	uint64_t changed = (uint64_t)id->ctime * s + (uint64_t)id->ctime_ns;
	/* The kernel's clock for files moves every 10 ms at most; without nanoseconds, every two seconds. */
	uint64_t grain = id->ctime_ns != 0 ? 10000000 : 2 * s;

	return changed + grain < now;
}

bool
sf_retain_identity_mapped(const char *path, const char *start, const struct sf_retain_identity *id)
{
	char head[IDENTITY_BYTES];
	long fd = identity_open(path), n = -1;
	struct stat s;
	struct sf_retain_identity now;

	if (fd < 0)
		return false;
	if (sf_syscall6(SYS_fstat, fd, (long)&s, 0, 0, 0, 0) == 0)
		n = sf_syscall6(SYS_read, fd, (long)head, sizeof(head), 0, 0, 0);
	identity_close(fd);
	if (n < (long)sizeof(ElfW(Ehdr)))
		return false;
	identity_take(&s, &now);
	if (!sf_retain_identity_same(&now, id))
		return false;
	/* Headers and notes: the build's number is among them. */
	for (long i = 0; i < n && i < 1024; i++)
		if (head[i] != start[i])
			return false;
	return true;
}
