// SPDX-License-Identifier: BSD-2-Clause
// Runs on a goroutine's stack: the look-up and the fill. See leaf.h for what it may not do.
//
// When may a name be answered without Go?
//   canonical (realpath gave the name itself back): for `ttl` after a fill. In that time only two
//     things can have changed Go's answer: the file was deleted, or a symlink put in its place.
//     Half way, one reader is sent to Go to renew it while the others still hit.
//   any other name, and a canonical one whose time is over: if a stat of the name leads to the very
//     file that Go had under that path (struct sf_go_identity), then the path is still the one that
//     realpath would give, and Go's map of plugins by path never forgets or changes a plugin.
#include "leaf.h"

#include "../base/sys.h"
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/vfs.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif
#define MODE_TYPE 0170000
#define MODE_FILE 0100000
#define IDENTITY  (STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_INO | STATX_CTIME | STATX_MNT_ID)

// Offsets into Plugin and hchan: the same in every listed Go version.
#define PLUGIN_ERR_LEN 0x18
#define PLUGIN_LOADED  0x20
#define PLUGIN_SYMS    0x28
#define HCHAN_CLOSED   28

struct sf_go_table sf_go_table;
struct sf_go_slots sf_go_slots;

#define LOAD(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

// One instruction without a lock prefix: on this CPU's own line nothing else writes, short of a
// migration between the two instructions, which may lose one count and nothing more.
SF_INLINE void
count(struct sf_go_table *t, enum sf_go_stripe_counter id)
{
	uint32_t cpu = (uint32_t)((uintptr_t)__builtin_frame_address(0) >> 13);

#ifdef __x86_64__
	if (t->rseq)
		__asm__("movl %%fs:(%1), %0" : "=r"(cpu) : "r"(t->rseq));
	__asm__("incq %0" : "+m"(t->stripe[cpu % SF_GO_STRIPES].n[id]));
#else
	__atomic_fetch_add(&t->stripe[cpu % SF_GO_STRIPES].n[id], 1, __ATOMIC_RELAXED);
#endif
}

SF_INLINE uint64_t
load8(const char *s)
{
	uint64_t v;

	__builtin_memcpy(&v, s, 8);
	return v;
}

// The 1 to 8 bytes at s, without touching a byte behind them.
SF_INLINE uint64_t
load_tail(const char *s, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | (uint8_t)s[i];
	return v;
}

SF_INLINE uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

SF_INLINE uint64_t
hash(uint64_t key, const char *s, size_t n)
{
	uint64_t h = key ^ n;

	if (n < 8)
		return fold(h ^ load_tail(s, n), 0x9e3779b97f4a7c15u);
	for (size_t i = 0; i + 8 < n; i += 8)
		h = fold(h ^ load8(s + i), 0x9e3779b97f4a7c15u);
	return fold(h ^ load8(s + n - 8), 0xe7037ed1a0b428dbu);
}

SF_INLINE bool
same(const char *a, const char *b, size_t n)
{
	if (n < 8)
		return load_tail(a, n) == load_tail(b, n);
	for (size_t i = 0; i + 8 < n; i += 8) {
		if (load8(a + i) != load8(b + i))
			return false;
	}
	return load8(a + n - 8) == load8(b + n - 8);
}

// The entry of the name, or NULL with *slot where it would go.
SF_INLINE struct sf_go_entry *
find(struct sf_go_table *t, uint64_t h, const char *name, size_t len, size_t *slot)
{
	for (size_t i = h % SF_GO_SLOTS;; i = (i + 1) % SF_GO_SLOTS) {
		// Pairs with the release in add(): an entry seen here is complete.
		struct sf_go_entry *e = __atomic_load_n(&t->slots[i], __ATOMIC_ACQUIRE);

		if (!e || (e->hash == h && e->len == len && same(name, e->name, len))) {
			*slot = i;
			return e;
		}
	}
}

SF_INLINE uint64_t
now(struct sf_go_table *t)
{
	struct timespec ts;

	t->clock(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

SF_INLINE bool
same_identity(const struct sf_go_identity *a, const struct sf_go_identity *b)
{
	return a->mount == b->mount && a->device == b->device && a->inode == b->inode &&
	       a->ctime_sec == b->ctime_sec && a->ctime_nsec == b->ctime_nsec;
}

enum file { FILE_NONE, FILE_PLAIN, FILE_PROVABLE };

SF_INLINE enum file
identify(const char *path, int flags, struct statx *st, struct sf_go_identity *id)
{
	if (sf_syscall6(SYS_statx, AT_FDCWD, (long)path, flags, IDENTITY, (long)st, 0))
		return FILE_NONE;
	if ((st->stx_mode & MODE_TYPE) != MODE_FILE)
		return FILE_NONE;
	id->mount = st->stx_mnt_id;
	id->device = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	id->inode = st->stx_ino;
	id->ctime_sec = (uint64_t)st->stx_ctime.tv_sec;
	id->ctime_nsec = st->stx_ctime.tv_nsec;
	if ((st->stx_mask & IDENTITY) != IDENTITY || st->stx_nlink != 1)
		return FILE_PLAIN;
	return FILE_PROVABLE;
}

static SF_NOINLINE uint64_t
check_slow(struct sf_go_table *t, struct sf_go_entry *e)
{
	struct sf_go_identity id;
	struct statx st;

	if (identify(e->name, 0, &st, &id) != FILE_PROVABLE) {
		count(t, SF_GO_STALE);
		return 0;
	}
	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		struct sf_go_variant *v = &e->variant[i];
		// Pairs with the fences in remember(): equal even numbers around the copy mean that
		// the writer was not inside it.
		uint32_t seq = __atomic_load_n(&v->seq, __ATOMIC_ACQUIRE);
		struct sf_go_identity seen;

		if (!seq || seq & 1)
			continue;
		seen.mount = LOAD(&v->id.mount);
		seen.device = LOAD(&v->id.device);
		seen.inode = LOAD(&v->id.inode);
		seen.ctime_sec = LOAD(&v->id.ctime_sec);
		seen.ctime_nsec = LOAD(&v->id.ctime_nsec);
		uint64_t value = LOAD(&v->value);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (LOAD(&v->seq) == seq && same_identity(&seen, &id)) {
			count(t, SF_GO_CHECKED);
			return value;
		}
	}
	count(t, SF_GO_STALE);
	return 0;
}

// Near or past its end of life: may this caller be the one that renews the entry? At most one per
// half life is, so that an expiry never becomes a rush on Go's mutex.
static SF_NOINLINE bool
elect_slow(struct sf_go_table *t, struct sf_go_entry *e, uint64_t at)
{
	uint64_t until = LOAD(&e->elected);

	if (until > at)
		return false;
	if (!__atomic_compare_exchange_n(&e->elected, &until, at + t->ttl / 2 + 1, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	count(t, SF_GO_REFRESH);
	return true;
}

SF_INLINE uint64_t
get(struct sf_go_table *t, const char *name, size_t len)
{
	size_t slot;

	if (sf_unlikely((uintptr_t)name < SF_GO_NULL_MAX || len - 1 >= SF_GO_NAME_MAX)) {
		count(t, SF_GO_BYPASS_NAME);
		return 0;
	}
	struct sf_go_entry *e = find(t, hash(t->key, name, len), name, len, &slot);
	if (sf_unlikely(!e)) {
		count(t, SF_GO_MISS);
		return 0;
	}
	// Pairs with the release in put(): canonical implies that `value` is there.
	if (!__atomic_load_n(&e->canonical, __ATOMIC_ACQUIRE) || !t->ttl)
		return check_slow(t, e);
	uint64_t at = now(t), expires = LOAD(&e->expires);
	if (sf_unlikely(at + t->ttl / 2 >= expires)) {
		if (elect_slow(t, e, at))
			return 0;
		if (at >= expires)
			return check_slow(t, e);
	}
	count(t, SF_GO_HIT);
	return e->value;
}

uint64_t
sf_go_lookup(const char *name, size_t len)
{
	return get(&sf_go_table, name, len);
}

uint64_t
sf_go_table_get(struct sf_go_table *t, const char *name, size_t len)
{
	return get(t, name, len);
}

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
} kernel;

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
	enum file f = identify(path, AT_SYMLINK_NOFOLLOW, &kernel.st, id);

	if (f == FILE_PROVABLE && !is_settled(t, id))
		f = FILE_PLAIN;
	if (f == FILE_PROVABLE &&
	    (sf_syscall6(SYS_statfs, (long)path, (long)&kernel.fs, 0, 0, 0, 0) ||
	     is_remote((uint32_t)kernel.fs.f_type)))
		f = FILE_PLAIN;
	return f;
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

static void
remember(struct sf_go_entry *e, const struct sf_go_identity *id, uint64_t value)
{
	struct sf_go_variant *v;

	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		v = &e->variant[i];
		if (v->seq && same_identity(&v->id, id) && v->value == value)
			return;
	}
	v = &e->variant[e->next_variant++ % SF_GO_VARIANTS];
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
put(struct sf_go_table *t, const char *name, size_t len, size_t path_len, uint64_t value)
{
	struct sf_go_identity id;
	enum file f = identify_path(t, t->path, &id);
	bool canonical = len == path_len && same(name, t->path, len);
	bool timed = canonical && t->ttl;

	if (f == FILE_NONE || (f == FILE_PLAIN && !timed))
		return SF_GO_SKIP_FILE;
	size_t slot;
	uint64_t h = hash(t->key, name, len);
	struct sf_go_entry *e = find(t, h, name, len, &slot);
	bool known = e;

	if (!e) {
		e = add(t, h, name, len, slot);
		if (!e)
			return SF_GO_SKIP_FULL;
	}
	if (f == FILE_PROVABLE)
		remember(e, &id, value);
	if (timed) {
		// `value` before `canonical`, which is what readers ask first. x86 keeps stores in
		// order, elsewhere the release does.
		STORE(&e->value, value);
		STORE(&e->expires, now(t) + t->ttl);
		STORE(&e->elected, 0);
		__atomic_store_n(&e->canonical, true, __ATOMIC_RELEASE);
	} else if (e->canonical) {
		STORE(&e->expires, 0); // a symlink has taken the place of the file
	}
	return known ? SF_GO_RENEW : SF_GO_FILL;
}

void
sf_go_table_put(struct sf_go_table *t, const char *name, size_t len, const char *path,
		size_t path_len, uint64_t value)
{
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
		outcome = put(t, name, len, path_len, value);
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
sf_go_fill(const char *frame, const char *plugin)
{
	struct sf_go_table *t = &sf_go_table;
	const char *name, *path;
	uint64_t len, path_len;

	if (!plugin)
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
