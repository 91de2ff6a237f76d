// SPDX-License-Identifier: BSD-2-Clause
// segment_sweep.c: files of processes that ended without their destructors do not pile up.
//
// A process that is killed, calls _exit, filters its system calls or is written in Go leaves its file: that
// is wanted, for one look afterwards. Each new file's maker looks through the directory, keeps eight files of
// dead processes, the youngest, and removes the others. Those that tell of a mismatch or an open breaker are
// eight more, for a week. Only this user's, only of this pid namespace.
#include "segment_file.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#define KEPT      8
#define KEPT_NS   (7 * 86400 * 1000000000ull) /* SEGMENT_RECORD_S of the program */
#define ENTRIES   1024                        /* looked at, at most */
#define BUFFER    2048
#define NAME_AT   19 /* in a struct linux_dirent64: after inode, offset, length and type */
#define LENGTH_AT 16

bool
sf_file_peek(long dir, const char *name, struct sf_file_peek *p)
{
	long fd = sf_syscall6(SYS_openat, dir, (long)name,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, 0, 0);

	__builtin_memset(p, 0, sizeof(*p));
	if (fd < 0)
		return false;
	sf_syscall6(SYS_pread64, fd, (long)&p->header, sizeof(p->header), 0, 0, 0);
	sf_syscall6(SYS_pread64, fd, (long)&p->control, sizeof(p->control), SYMFAST_SHM_CONTROL, 0,
		    0);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	return true;
}

bool
sf_file_is_marked(const struct sf_file_peek *p)
{
	return p->control.mismatches != 0 || p->control.breaker_trips != 0;
}

/* The pid of "symfast.UID.PID"; 0: another name. */
static uint32_t
segment_sweep_pid_of(const char *name, const char *prefix)
{
	uint32_t pid = 0;

	for (; *prefix != '\0'; prefix++, name++)
		if (*name != *prefix)
			return 0;
	for (; *name >= '0' && *name <= '9' && pid < 1u << 24; name++)
		pid = pid * 10 + (uint32_t)(*name - '0');
	/* With its namespace's number, or not finished when its maker was killed. */
	if (*name == '.')
		for (const char *p = name + 1; *p >= '0' && *p <= '9'; p++)
			name = p[1] == '\0' ? p + 1 : name;
	return *name == '\0' || (*name == '.' && sf_bytes_same(name, ".new")) ? pid : 0;
}

static bool
segment_sweep_is_dead(uint32_t pid)
{
	return sf_syscall6(SYS_kill, (long)pid, 0, 0, 0, 0, 0) == -ESRCH;
}

struct dead {
	uint64_t made; /* or the last that happened; CLOCK_REALTIME, ns */
	bool fresh;    /* ".new" */
	bool marked;
	char name[56];
};

struct sweep {
	long dir;
	const char *prefix;
	uint64_t space, now;
	struct sweep_pool {
		unsigned int count;
		struct dead kept[KEPT];
	} plain, marked;
};

static void
segment_sweep_remove_one(const struct sweep *w, const struct dead *d)
{
	sf_syscall6(SYS_unlinkat, w->dir, (long)d->name, 0, 0, 0, 0);
}

/* A pid of another namespace says nothing here; one who says nothing of his was not finished. */
static bool
segment_sweep_is_of_space(const struct sweep *w, const char *name, struct dead *d)
{
	SF_LARGE static struct sf_file_peek p;

	if (!sf_file_peek(w->dir, name, &p))
		return false;
	d->made = p.header.made_ns;
	if (p.control.mismatch_ns > d->made)
		d->made = p.control.mismatch_ns;
	if (p.control.breaker_ns > d->made)
		d->made = p.control.breaker_ns;
	d->marked = sf_file_is_marked(&p) && d->made + KEPT_NS > w->now;
	return p.header.pid_space == w->space || (d->fresh && p.header.pid_space == 0);
}

/* The oldest one goes: it, or one of those that were kept so far. */
static void
segment_sweep_keep_or_remove(struct sweep *w, struct dead d)
{
	struct sweep_pool *pool = d.marked ? &w->marked : &w->plain;
	unsigned int oldest = 0;

	if (pool->count < KEPT && !d.fresh) {
		pool->kept[pool->count++] = d;
		return;
	}
	for (unsigned int i = 1; i < pool->count; i++)
		if (pool->kept[i].made < pool->kept[oldest].made)
			oldest = i;
	if (!d.fresh && pool->kept[oldest].made < d.made) {
		struct dead old = pool->kept[oldest];

		pool->kept[oldest] = d;
		d = old;
	}
	segment_sweep_remove_one(w, &d);
}

static void
segment_sweep_look_at(struct sweep *w, const char *name)
{
	uint32_t pid = segment_sweep_pid_of(name, w->prefix);
	size_t n = sf_bytes_length(name, 64);
	struct dead d = {.made = 0};

	if (pid == 0 || n >= sizeof(d.name) || !segment_sweep_is_dead(pid))
		return;
	sf_bytes_put(d.name, name, n + 1);
	d.fresh = name[n - 1] == 'w';
	if (segment_sweep_is_of_space(w, name, &d))
		segment_sweep_keep_or_remove(w, d);
}

void
sf_file_sweep(const char *directory, const char *prefix, uint64_t space)
{
	/* No stack of the host's is used for them; the caller holds the segment's lock. */
	SF_LARGE static _Alignas(8) char buffer[BUFFER];
	SF_LARGE static struct sweep w;
	unsigned int seen = 0;
	long n;

	w.prefix = prefix;
	w.space = space;
	w.now = sf_sys_clock(CLOCK_REALTIME);
	w.plain.count = w.marked.count = 0;
	w.dir = sf_syscall6(SYS_openat, AT_FDCWD, (long)directory,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	if (w.dir < 0)
		return;
	while (seen < ENTRIES &&
	       (n = sf_syscall6(SYS_getdents64, w.dir, (long)buffer, BUFFER, 0, 0, 0)) > 0)
		for (long at = 0; at < n; seen++) {
			segment_sweep_look_at(&w, buffer + at + NAME_AT);
			at += *(const uint16_t *)(const void *)(buffer + at + LENGTH_AT);
		}
	sf_syscall6(SYS_close, w.dir, 0, 0, 0, 0, 0);
}
