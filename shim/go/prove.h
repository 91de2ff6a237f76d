// SPDX-License-Identifier: BSD-2-Clause
// The proof that a path of Go's is canonical now, and what lies there: for leaf.c alone, on a
// goroutine's stack.
//
// Go's realpath is as old as Go's wait for its mutex, and older with every look-up. What a fill leaves
// is therefore only that a path belongs to a plugin. Here the path is walked without following a
// symlink; if the very file that the name leads to lies at its end, then that path is what realpath
// would make of the name: another path without a symlink would be a second link, which is refused, or
// another mount, which the identity tells.
#ifndef SF_GO_PROVE_H
#define SF_GO_PROVE_H

#include "leaf_names.h"

#include <sys/vfs.h>

// File systems on which a stat can wait for a network or another process: a goroutine that waits
// there holds its processor, and identities may be made up.
static bool
prove_is_remote(uint64_t type)
{
	static const uint32_t remote[] = {
		0x6969 /* nfs */,      0xff534d42 /* cifs */,   0xfe534d42 /* smb2 */,
		0x517b /* smb */,      0x65735546 /* fuse */,   0x01021997 /* 9p */,
		0x00c36400 /* ceph */, 0x73757245 /* coda */,   0x5346414f /* afs */,
		0x6b414653 /* kafs */, 0x0bd00bd0 /* lustre */, 0x7461636f /* ocfs2 */,
		0x01161970 /* gfs2 */, 0x786f4256 /* vboxsf */,
	};

	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
		if (type == remote[i])
			return true;
	}
	return false;
}

// A clock out of line, so that its record is on no stack but its own.
static SF_NOINLINE uint64_t
sf_go_tell(struct sf_go_table *t, clockid_t id)
{
	struct timespec ts;

	if (t->clock(id, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

// Only ever used by the one who holds `filling`; too large for a goroutine's stack.
static union {
	struct statx st;
	struct statfs fs;
} kernel SF_LARGE;

// Many kernels stamp changes with the time of the last tick: of a file that changed this very
// moment the change time does not yet tell the next change. Ticks are at most 10 ms apart. A time
// without nanoseconds may be one of whole seconds, or of every other one (FAT).
#define CTIME_SETTLES 20000000u
#define CTIME_COARSE  2000000000u

static bool
prove_is_settled(struct sf_go_table *t, const struct sf_go_identity *id)
{
	uint64_t settles = CTIME_SETTLES + (id->ctime_nsec ? 0 : CTIME_COARSE);

	return id->ctime_sec * 1000000000u + id->ctime_nsec + settles <
	       sf_go_tell(t, CLOCK_REALTIME_COARSE);
}

// Does the very file lie at `path`, where a symlink at its end is no file?
static bool
sf_go_leads_to(long dir, const char *path, const struct sf_go_identity *id, struct statx *st)
{
	return ask_kernel(dir, path, AT_SYMLINK_NOFOLLOW, st) == FILE_PROVABLE &&
	       is_identity(st, id);
}

// The same, with no symlink on the way. Slashes are cut and put back.
static bool
prove_lies_at(char *path, const struct sf_go_identity *id)
{
	const int flags = O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC;
	long dir = sf_syscall6(SYS_openat, AT_FDCWD, (long)"/", flags, 0, 0, 0);
	char *from = path + 1, *to = from;

	for (; dir >= 0 && *to; to++) {
		if (*to != '/')
			continue;
		*to = '\0';
		long below = sf_syscall6(SYS_openat, dir, (long)from, flags, 0, 0, 0);
		*to = '/';
		from = to + 1;
		sf_syscall6(SYS_close, dir, 0, 0, 0, 0, 0);
		dir = below;
	}
	if (dir < 0)
		return false;
	bool there = *path == '/' && sf_go_leads_to(dir, from, id, &kernel.st);
	sf_syscall6(SYS_close, dir, 0, 0, 0, 0, 0);
	return there;
}

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

// The same by one system call, where the kernel has it (5.6) and no filter forbids it: realpath would make of
// the path what it is, at this moment.
static bool
prove_whole(const char *path, const struct sf_go_identity *id, struct statx *st)
{
	static const uint64_t how[3] = {O_PATH | O_CLOEXEC, 0, 4 /* RESOLVE_NO_SYMLINKS */};
	long fd = sf_syscall6(SYS_openat2, AT_FDCWD, (long)path, (long)how, sizeof(how), 0, 0);

	if (fd < 0)
		return false;
	bool there = ask_kernel(fd, "", AT_EMPTY_PATH, st) == FILE_PROVABLE && is_identity(st, id);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	return there;
}

// How long the name goes Go's way before the next proof is tried.
static void
prove_pause(struct sf_go_table *t, struct sf_go_entry *e, uint64_t ns)
{
	STORE(&e->paused, sf_go_tell(t, CLOCK_MONOTONIC_COARSE) + ns);
}

static bool
prove_locked(struct sf_go_table *t, struct sf_go_entry *e, struct sf_go_variant *v,
	     const struct sf_go_identity *id)
{
	const char *path = v->path ? v->path : e->name;

	if (!sf_go_leads_to(AT_FDCWD, path, id, &kernel.st))
		return false;
	bool asked = !sf_syscall6(SYS_statfs, (long)path, (long)&kernel.fs, 0, 0, 0, 0);
	if (!asked || prove_is_remote((uint32_t)kernel.fs.f_type)) {
		prove_pause(t, e, SF_GO_REMOTE_NS);
		count_fill(t, SF_GO_SKIP_FILE);
		return false;
	}
	size_t n = 0;
	for (; path[n]; n++)
		t->path[n] = path[n];
	t->path[n] = '\0';
	if (!prove_is_settled(t, id) || !prove_lies_at(t->path, id)) {
		count_fill(t, SF_GO_SKIP_FILE);
		return false;
	}
	open_variant(v);
	STORE(&v->id.mount, id->mount);
	STORE(&v->id.device, id->device);
	STORE(&v->id.inode, id->inode);
	STORE(&v->id.ctime_sec, id->ctime_sec);
	STORE(&v->id.ctime_nsec, id->ctime_nsec);
	STORE(&v->proved, 1);
	close_variant(v);
	return true;
}

// The name leads to `id`, which no proved variant has: is that the file of one that is not proved, or
// of one that has changed?
static SF_NOINLINE uint64_t
prove_slow(struct sf_go_table *t, struct sf_go_entry *e, const struct sf_go_identity *id)
{
	uint64_t value = 0;

	if (__atomic_exchange_n(&t->filling, 1, __ATOMIC_ACQUIRE)) {
		count_fill(t, SF_GO_SKIP_BUSY);
		return 0;
	}
	for (int i = 0; !value && i < SF_GO_VARIANTS; i++) {
		struct sf_go_variant *v = &e->variant[i];

		if (v->seq && prove_locked(t, e, v, id))
			value = v->value;
	}
	__atomic_store_n(&t->filling, 0, __ATOMIC_RELEASE);
	return value;
}

#endif
