// SPDX-License-Identifier: BSD-2-Clause
// The fill: runs on a goroutine's stack with Go's pluginsMu held, where plugin.open has just found
// the plugin in its map. See leaf.h for what it may not do.
//
// realpath was called before the mutex was taken, which may be long ago. What is kept is therefore
// looked at again: the file's identity is taken at the end of a way that follows no symlink, so that
// it belongs to the canonical path and to nothing that has been put in its place meanwhile.
#include "arms.h"
#include "names.h"

#include <sys/vfs.h>

// Offsets into Plugin and hchan: the same in every listed Go version.
#define PLUGIN_ERR_LEN 0x18
#define PLUGIN_LOADED  0x20
#define PLUGIN_SYMS    0x28
#define HCHAN_CLOSED   28

struct sf_go_slots sf_go_slots;

// File systems on which a stat can wait for a network or another process: a goroutine that waits
// there holds its processor, and identities may be made up.
static bool
is_remote(uint64_t type)
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

// Both only ever used by the one writer; too large for a goroutine's stack.
static union {
	struct statx st;
	struct statfs fs;
} kernel SF_LARGE;

// Many kernels stamp changes with the time of the last tick: of a file that changed this very
// moment the change time does not yet tell the next change. Ticks are at most 10 ms apart.
#define CTIME_SETTLES 20000000u

static bool
is_settled(struct sf_go_table *t, const struct sf_go_identity *id)
{
	struct timespec ts;

	if (t->clock(CLOCK_REALTIME_COARSE, &ts))
		return false;
	return id->ctime_sec * 1000000000u + id->ctime_nsec + CTIME_SETTLES <
	       (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static enum file
identify_path(struct sf_go_table *t, const char *path, struct sf_go_identity *id)
{
	enum file f = identify(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &kernel.st, id);

	if (f == FILE_PROVABLE && !is_settled(t, id))
		f = FILE_PLAIN;
	if (f == FILE_PROVABLE &&
	    (sf_syscall6(SYS_statfs, (long)path, (long)&kernel.fs, 0, 0, 0, 0) ||
	     is_remote((uint32_t)kernel.fs.f_type)))
		f = FILE_PLAIN;
	return f;
}

// Does the very file lie at `path`, with no symlink on the way? Slashes are cut and put back.
static bool
lies_at(char *path, const struct sf_go_identity *id)
{
	const int flags = O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC;
	long dir = sf_syscall6(SYS_openat, AT_FDCWD, (long)"/", flags, 0, 0, 0);
	struct sf_go_identity found;
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
	enum file f = identify(dir, from, AT_SYMLINK_NOFOLLOW, &kernel.st, &found);
	sf_syscall6(SYS_close, dir, 0, 0, 0, 0, 0);
	return f != FILE_NONE && *path == '/' && same_identity(&found, id);
}

// A new entry in the empty slot; NULL if there is no room.
static struct sf_go_entry *
add(struct sf_go_table *t, uint64_t h, const char *name, size_t len, size_t slot)
{
	size_t size = (sizeof(struct sf_go_entry) + len + 1 + 63) & ~(size_t)63;
	struct sf_go_entry *e = (struct sf_go_entry *)(t->arena + t->used);

	if (t->entries == SF_GO_ENTRIES || size > SF_GO_ARENA - t->used)
		return NULL;
	e->hash = h;
	e->len = (uint32_t)len;
	for (size_t i = 0; i < len; i++)
		e->name[i] = name[i];
	t->used += size;
	t->entries++;
	// Complete before it can be found; pairs with the acquire in find().
	__atomic_store_n(&t->slots[slot], e, __ATOMIC_RELEASE);
	return e;
}

static bool
knows(const struct sf_go_entry *e, const struct sf_go_identity *id, uint64_t value)
{
	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		const struct sf_go_variant *v = &e->variant[i];

		if (same_identity(&v->id, id) && v->value == value)
			return true;
	}
	return false;
}

static void
remember(struct sf_go_entry *e, const struct sf_go_identity *id, uint64_t value)
{
	struct sf_go_variant *v = &e->variant[e->next_variant++ % SF_GO_VARIANTS];
	uint32_t seq = v->seq;
	STORE(&v->seq, seq + 1);
	// Odd before the first word changes, even after the last: pairs with the loads in
	// check_slow().
	__atomic_thread_fence(__ATOMIC_RELEASE);
	STORE(&v->id.mount, id->mount);
	STORE(&v->id.device, id->device);
	STORE(&v->id.inode, id->inode);
	STORE(&v->id.ctime_sec, id->ctime_sec);
	STORE(&v->id.ctime_nsec, id->ctime_nsec);
	STORE(&v->value, value);
	__atomic_store_n(&v->seq, seq + 2, __ATOMIC_RELEASE);
}

static enum sf_go_fill_counter
put(struct sf_go_table *t, const char *name, size_t len, size_t path_len, uint64_t value,
    uint32_t era)
{
	struct sf_go_identity id = {0};
	enum file f = identify_path(t, t->path, &id);
	bool canonical = len == path_len && same(name, t->path, len);
	bool timed = canonical && t->half_ttl;

	if (f == FILE_NONE || (f == FILE_PLAIN && !timed))
		return SF_GO_SKIP_FILE;
	size_t slot;
	uint64_t h = hash(t->key, name, len);
	struct sf_go_entry *e = find(t, h, name, len, &slot);
	bool known = e, proved = e && knows(e, &id, value);

	if (!proved && !lies_at(t->path, &id))
		return SF_GO_SKIP_FILE;
	if (!e) {
		e = add(t, h, name, len, slot);
		if (!e)
			return SF_GO_SKIP_FULL;
	}
	if (f == FILE_PROVABLE && !proved)
		remember(e, &id, value);
	if (timed) {
		// `value` and `expires` before the era, which is what readers ask first: pairs with
		// the acquire in get().
		STORE(&e->value, value);
		STORE(&e->expires, now(t) + 2 * t->half_ttl);
		STORE(&e->elected, 0);
		__atomic_store_n(&e->era, era, __ATOMIC_RELEASE);
	} else if (e->era) {
		STORE(&e->era, 0); // a symlink has taken the place of the file
	}
	return known ? SF_GO_RENEW : SF_GO_FILL;
}

void
sf_go_table_put(struct sf_go_table *t, const char *name, size_t len, const char *path,
		size_t path_len, uint64_t value)
{
	// Read before anything is looked at: what was seen in an era that ends meanwhile is kept as
	// of that era.
	uint32_t era = LOAD(&t->era);

	if (!era)
		return;
	if (__atomic_exchange_n(&t->filling, 1, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&t->fills[SF_GO_SKIP_BUSY], 1, __ATOMIC_RELAXED);
		return;
	}
	bool clean = (uintptr_t)name >= SF_GO_NULL_MAX && len - 1 < SF_GO_NAME_MAX &&
		     path_len - 1 < SF_GO_NAME_MAX;

	for (size_t i = 0; clean && i < len; i++)
		clean = name[i] != '\0';
	for (size_t i = 0; clean && i < path_len; i++)
		t->path[i] = path[i];
	enum sf_go_fill_counter outcome = SF_GO_SKIP_NAME;
	if (clean) {
		t->path[path_len] = '\0';
		outcome = put(t, name, len, path_len, value, era);
	}
	__atomic_fetch_add(&t->fills[outcome], 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->filling, 0, __ATOMIC_RELEASE);
}

// Loaded without error and with its init behind it? `loaded` is closed last, after `syms` is set.
static bool
is_complete(const char *plugin)
{
	uint64_t err_len, loaded, syms;
	uint32_t closed;

	__builtin_memcpy(&err_len, plugin + PLUGIN_ERR_LEN, 8);
	__builtin_memcpy(&loaded, plugin + PLUGIN_LOADED, 8);
	if (err_len || !loaded)
		return false;
	closed = __atomic_load_n((const uint32_t *)(loaded + HCHAN_CLOSED), __ATOMIC_ACQUIRE);
	__builtin_memcpy(&syms, plugin + PLUGIN_SYMS, 8);
	return closed == 1 && syms;
}

void
sf_go_fill(const char *frame, const char *plugin, uint64_t g)
{
	struct sf_go_table *t = &sf_go_table;
	const char *name, *path;
	uint64_t len, path_len;

	if (!plugin || !LOAD(&t->era))
		return;
	// The stock arm is as slow as Go, not slower: it keeps nothing.
	if (sf_go_arms.share && !is_marked_fast(&sf_go_arms, g))
		return;
	if (!is_complete(plugin)) {
		__atomic_fetch_add(&t->fills[SF_GO_SKIP_STATE], 1, __ATOMIC_RELAXED);
		return;
	}
	__builtin_memcpy(&name, frame + sf_go_slots.name, 8);
	__builtin_memcpy(&len, frame + sf_go_slots.name + 8, 8);
	__builtin_memcpy(&path, frame + sf_go_slots.path_ptr, 8);
	__builtin_memcpy(&path_len, frame + sf_go_slots.path_len, 8);
	sf_go_table_put(t, name, len, path, path_len, (uint64_t)(uintptr_t)plugin);
}
