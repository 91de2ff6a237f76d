// SPDX-License-Identifier: BSD-2-Clause
// What the look-up and the fill share: hashing, comparing and finding names, the clock, and what
// tells one file from another. Inline, so that neither calls out of its object.
#ifndef SF_GO_LEAF_NAMES_H
#define SF_GO_LEAF_NAMES_H

#include "leaf.h"

#include "../base/sys.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif
#define SF_GO_IDENTITY                                                                             \
	(STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_INO | STATX_CTIME | STATX_MNT_ID)

// The compiler's builtins, not base/atomic.h: an acquire or release of the leaf belongs to one word, and is one
// instruction for it (ldar, stlr); a fence of base/atomic.h orders all others as well.
#define LOAD(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

SF_INLINE uint64_t
load8(const char *s)
{
	uint64_t v;

	__builtin_memcpy(&v, s, 8);
	return v;
}

// The 1 to 7 bytes at s, without touching a byte behind them.
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

// One multiplication for 16 bytes. Both factors are masked by a key of this process: a name that
// makes one of them zero, and so collides with others, cannot be chosen from outside.
SF_INLINE uint64_t
hash(const uint64_t key[2], const char *s, size_t n)
{
	uint64_t h = key[0] ^ n;

	if (n < 8)
		return fold(h, load_tail(s, n) ^ key[1]);
	if (n < 16)
		return fold(load8(s) ^ key[1], load8(s + n - 8) ^ h);
	for (size_t i = 0; i + 16 < n; i += 16)
		h = fold(load8(s + i) ^ key[1], load8(s + i + 8) ^ h);
	return fold(load8(s + n - 16) ^ key[1], load8(s + n - 8) ^ h);
}

// Does it differ in the 16 bytes at `at`?
SF_INLINE bool
differ16(const char *a, const char *b, size_t at)
{
	return ((load8(a + at) ^ load8(b + at)) | (load8(a + at + 8) ^ load8(b + at + 8))) != 0;
}

SF_INLINE bool
same(const char *a, const char *b, size_t n)
{
	if (n < 8)
		return load_tail(a, n) == load_tail(b, n);
	if (n < 16)
		return load8(a) == load8(b) && load8(a + n - 8) == load8(b + n - 8);
	for (size_t i = 0; i + 16 < n; i += 16) {
		if (differ16(a, b, i))
			return false;
	}
	return !differ16(a, b, n - 16);
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

// Is the goroutine bound to its thread (LockOSThread, a call from C), which may have a root, a mount
// namespace or a user of its own?
SF_INLINE bool
is_bound(const struct sf_go_table *t, uint64_t g)
{
	uint64_t thread = 0;

	if (sf_likely(t->locked))
		__builtin_memcpy(&thread, (const char *)g + t->locked, 8);
	return thread != 0;
}

// Whose line of counters is this? The CPU's, or the stack's where the kernel does not tell.
SF_INLINE uint32_t
this_cpu(const struct sf_go_table *t)
{
	uint32_t cpu = (uint32_t)((uintptr_t)__builtin_frame_address(0) >> 13);

#ifdef __x86_64__
	if (sf_likely(t->rseq))
		__asm__("movl %%fs:(%1), %0" : "=r"(cpu) : "r"(t->rseq));
#elif defined(__aarch64__)
	if (sf_likely(t->rseq))
		cpu = *(const volatile uint32_t *)((const char *)__builtin_thread_pointer() +
						   t->rseq);
#endif
	return cpu;
}

// One instruction without a lock prefix: on this CPU's own line nothing else writes, short of a
// migration between the two instructions, which may lose one count and nothing more.
SF_INLINE void
count(struct sf_go_table *t, enum sf_go_stripe_counter id)
{
	uint32_t cpu = this_cpu(t);

#ifdef __x86_64__
	__asm__("incq %0" : "+m"(t->stripe[cpu % SF_GO_STRIPES].n[id]));
#else
	__atomic_fetch_add(&t->stripe[cpu % SF_GO_STRIPES].n[id], 1, __ATOMIC_RELAXED);
#endif
}

SF_INLINE uint64_t
now(struct sf_go_table *t)
{
	struct timespec ts;

	t->clock(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

enum file { FILE_NONE, FILE_UNKNOWN, FILE_PLAIN, FILE_PROVABLE };

SF_INLINE enum file
ask_kernel(long dir, const char *path, int flags, struct statx *st)
{
	const unsigned int type = 0170000, plain = 0100000;
	long err = sf_syscall6(SYS_statx, dir, (long)path, flags, SF_GO_IDENTITY, (long)st, 0);

	if (err)
		return err == -ENOSYS || err == -EPERM ? FILE_UNKNOWN : FILE_NONE;
	if ((st->stx_mode & type) != plain)
		return FILE_NONE;
	if ((st->stx_mask & SF_GO_IDENTITY) != SF_GO_IDENTITY)
		return FILE_UNKNOWN;
	return st->stx_nlink == 1 ? FILE_PROVABLE : FILE_PLAIN;
}

SF_INLINE uint64_t
device(const struct statx *st)
{
	return (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
}

SF_INLINE void
take_identity(const struct statx *st, struct sf_go_identity *id)
{
	id->mount = st->stx_mnt_id;
	id->device = device(st);
	id->inode = st->stx_ino;
	id->ctime_sec = (uint64_t)st->stx_ctime.tv_sec;
	id->ctime_nsec = st->stx_ctime.tv_nsec;
}

SF_INLINE bool
is_identity(const struct statx *st, const struct sf_go_identity *id)
{
	return st->stx_mnt_id == id->mount && device(st) == id->device &&
	       st->stx_ino == id->inode && (uint64_t)st->stx_ctime.tv_sec == id->ctime_sec &&
	       st->stx_ctime.tv_nsec == id->ctime_nsec;
}

SF_INLINE void
count_fill(struct sf_go_table *t, enum sf_go_fill_counter id)
{
	__atomic_fetch_add(&t->fills[id], 1, __ATOMIC_RELAXED);
}

// Before the first word of a variant changes, and after the last: pairs with the loads in check_slow().
// One that was left open by a writer which a fork has cut off is opened anew.
SF_INLINE void
open_variant(struct sf_go_variant *v)
{
	STORE(&v->seq, v->seq | 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

SF_INLINE void
close_variant(struct sf_go_variant *v)
{
	__atomic_store_n(&v->seq, v->seq + 1, __ATOMIC_RELEASE);
}

#endif
