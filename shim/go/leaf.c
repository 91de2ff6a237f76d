// SPDX-License-Identifier: BSD-2-Clause
// The look-up, and the end of an A/B call (arms.h): runs on a goroutine's stack. See leaf.h for what it
// may not do.
//
// When may a name be answered without Go?
//   canonical (realpath gave the name itself back): for `ttl` after Go last said so. In that time only
//     two things can have changed Go's answer: the file was deleted, or a symlink put in its place.
//   any other name, and a canonical one whose time is over: if a stat of the name leads to the very
//     file (struct sf_go_identity) that a stat finds at the path which Go has made of it, and which
//     had no symlink when it was walked (prove.h). Go's map of plugins by path never forgets or
//     changes a plugin.
//   a goroutine that is bound to its thread may have a root, a mount namespace or a user of its own
//     there: its names are proved at each call, and it renews nothing for others.
// Half way of a time to live (for names without one: every 50 ms) one reader renews it while the others
// still hit: by the proof that the path is canonical now, which is what Go's realpath would find and costs
// less, so that a caller who comes seldom is answered, too. Where there is no such proof it is sent to Go.
// Never while the switch is off (go.h, sf_go_serve); what was timed before it was switched off and
// on again is proved by a stat until it has been renewed.
#include "arms.h"
#include "prove.h"

#include <sys/resource.h>

SF_LARGE struct sf_go_table sf_go_table;
SF_LARGE struct sf_go_arms sf_go_arms;

// The plugin of the proved variant for this file, or 0. To renew it, its path is walked once more.
static SF_NOINLINE uint64_t
leaf_match_slow(struct sf_go_entry *e, const struct sf_go_identity *id, struct statx *st,
		bool renew)
{
	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		struct sf_go_variant *v = &e->variant[i];
		// Pairs with open_variant() and close_variant(): equal even numbers around all of it,
		// the kernel's reading of the path too, mean that the writer was not inside.
		uint32_t seq = __atomic_load_n(&v->seq, __ATOMIC_ACQUIRE);

		if (!seq || seq & 1 || !LOAD(&v->proved) || LOAD(&v->id.mount) != id->mount ||
		    LOAD(&v->id.device) != id->device || LOAD(&v->id.inode) != id->inode ||
		    LOAD(&v->id.ctime_sec) != id->ctime_sec ||
		    LOAD(&v->id.ctime_nsec) != id->ctime_nsec)
			continue;
		uint64_t value = LOAD(&v->value);
		const char *path = LOAD(&v->path);
		if (renew ? !prove_whole(path ? path : e->name, id, st)
			  : path && !sf_go_leads_to(AT_FDCWD, path, id, st))
			continue;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (LOAD(&v->seq) == seq)
			return value;
	}
	return 0;
}

static SF_NOINLINE uint64_t
leaf_look_slow(struct sf_go_table *t, struct sf_go_entry *e, struct statx *st, bool renew)
{
	struct sf_go_identity id;
	enum file f = ask_kernel(AT_FDCWD, e->name, 0, st);
	uint64_t value = 0;

	if (f == FILE_PROVABLE) {
		take_identity(st, &id);
		value = leaf_match_slow(e, &id, st, renew);
		if (!value)
			value = prove_slow(t, e, &id);
	} else if (f != FILE_NONE) {
		count_fill(t, f == FILE_UNKNOWN ? SF_GO_SKIP_KERNEL : SF_GO_SKIP_FILE);
		prove_pause(t, e, SF_GO_PAUSE_NS);
	}
	return value;
}

// How often this thread has gone to sleep by itself; -1 if that may not be asked. Who was merely
// preempted did not wait for a file.
SF_INLINE long
leaf_sleeps(struct rusage *r)
{
	return sf_syscall6(SYS_getrusage, RUSAGE_THREAD, (long)r, 0, 0, 0, 0) ? -1 : r->ru_nvcsw;
}

// A goroutine that waits here holds its processor, and a collection waits for it: once, and then Go
// itself asks, which gives the processor away.
static SF_NOINLINE uint64_t
leaf_check_slow(struct sf_go_table *t, struct sf_go_entry *e, bool renew)
{
	union {
		struct statx st;
		struct rusage usage;
	} u;

	if (sf_go_tell(t, CLOCK_MONOTONIC_COARSE) < LOAD(&e->paused)) {
		if (!renew)
			count_fill(t, SF_GO_BYPASS_PAUSED);
		return 0;
	}
	long slept = leaf_sleeps(&u.usage);
	uint64_t from = sf_go_tell(t, CLOCK_MONOTONIC), value = leaf_look_slow(t, e, &u.st, renew);
	if (sf_unlikely(sf_go_tell(t, CLOCK_MONOTONIC) - from > SF_GO_SLOW_NS) &&
	    (slept < 0 || leaf_sleeps(&u.usage) != slept)) {
		count_fill(t, SF_GO_SLOW);
		prove_pause(t, e, SF_GO_PAUSE_NS);
	}
	if (value)
		count(t, SF_GO_CHECKED);
	else if (!renew)
		count(t, SF_GO_STALE);
	return value;
}

// From how long on is there another one to renew, once it was elected at this time?
SF_INLINE uint64_t
leaf_elected(const struct sf_go_table *t, uint64_t at)
{
	return at + (t->half_ttl ? t->half_ttl : SF_GO_RENEW_NS) + 1;
}

// Is the name the path of this plugin, as it was proved? A plugin of Go has one path.
static bool
leaf_is_canonical_locked(const struct sf_go_entry *e, uint64_t value)
{
	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		const struct sf_go_variant *v = &e->variant[i];

		if (v->seq && v->proved && !v->path && v->value == value)
			return true;
	}
	return false;
}

// The proof holds as long as Go's own word would, from before it was begun. Who fills the entry meanwhile writes
// something else where the time is that this reader has written, and is newer.
static SF_NOINLINE void
leaf_set_time_slow(struct sf_go_table *t, struct sf_go_entry *e, uint64_t elected, uint32_t era,
		   uint64_t value)
{
	if (!t->half_ttl || __atomic_exchange_n(&t->filling, 1, __ATOMIC_ACQUIRE))
		return;
	if (e->elected == elected && leaf_is_canonical_locked(e, value)) {
		// In the order of fill_set_time().
		STORE(&e->value, value);
		STORE(&e->expires, elected - 1 + t->half_ttl);
		STORE(&e->elected, 0);
		__atomic_store_n(&e->era, era, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&t->filling, 0, __ATOMIC_RELEASE);
}

// Near or past its end: may this caller be the one that renews the entry? At most one per half of
// the time is, so that an expiry never becomes a rush on Go's mutex.
static SF_NOINLINE bool
leaf_elect_slow(struct sf_go_table *t, struct sf_go_entry *e, uint64_t at)
{
	uint64_t until = LOAD(&e->elected);

	if (until > at)
		return false;
	if (!__atomic_compare_exchange_n(&e->elected, &until, leaf_elected(t, at), false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	return true;
}

// One renewal in SF_GO_LOOK_NS is for who looks at realpath.
static SF_NOINLINE bool
leaf_is_look_slow(struct sf_go_table *t, uint64_t at)
{
	uint64_t due = LOAD(&t->look_at);

	return t->looks && due <= at &&
	       __atomic_compare_exchange_n(&t->look_at, &due, at + SF_GO_LOOK_NS, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

// By a proof, or 0: Go's own way does it.
static SF_NOINLINE uint64_t
leaf_prove_again_slow(struct sf_go_table *t, struct sf_go_entry *e, uint64_t at, uint32_t era)
{
	uint64_t value = leaf_check_slow(t, e, true);

	if (value)
		leaf_set_time_slow(t, e, leaf_elected(t, at), era, value);
	else
		count(t, SF_GO_REFRESH);
	return value;
}

// Past half of its time, of an era that has ended, never timed, or for a goroutine of its own thread.
static SF_NOINLINE uint64_t
leaf_renew_slow(struct sf_go_table *t, struct sf_go_entry *e, uint32_t era, bool bound)
{
	uint32_t filled = __atomic_load_n(&e->era, __ATOMIC_ACQUIRE);
	uint64_t at = sf_go_tell(t, CLOCK_MONOTONIC_COARSE);

	if (!bound) {
		if (leaf_elect_slow(t, e, at)) {
			if (!leaf_is_look_slow(t, at))
				return leaf_prove_again_slow(t, e, at, era);
			count(t, SF_GO_REFRESH);
			return 0;
		}
		if (filled == era && at < LOAD(&e->expires)) {
			count(t, SF_GO_HIT);
			return e->value;
		}
	}
	return leaf_check_slow(t, e, false);
}

SF_INLINE uint64_t
leaf_get(struct sf_go_table *t, const char *name, size_t len, bool bound)
{
	// Pairs with nothing: whatever order sf_go_serve() is seen in, an entry of another era is
	// never taken for one of this.
	uint32_t era = LOAD(&t->era);
	size_t slot;

	if (sf_unlikely(!era)) {
		count(t, SF_GO_BYPASS_OFF);
		return 0;
	}
	if (sf_unlikely((uintptr_t)name < SF_GO_NULL_MAX || len - 1 >= SF_GO_NAME_MAX)) {
		count(t, SF_GO_BYPASS_NAME);
		return 0;
	}
	struct sf_go_entry *e = find(t, hash(t->key, name, len), name, len, &slot);
	if (sf_unlikely(!e)) {
		count(t, SF_GO_MISS);
		return 0;
	}
	// Pairs with the release in put(): an era that is seen implies `value` and `expires`.
	if (sf_likely(__atomic_load_n(&e->era, __ATOMIC_ACQUIRE) == era) && sf_likely(!bound) &&
	    sf_likely(now(t) + t->half_ttl < LOAD(&e->expires))) {
		count(t, SF_GO_HIT);
		return e->value;
	}
	return leaf_renew_slow(t, e, era, bound);
}

uint64_t
sf_go_lookup(const char *name, size_t len, uint64_t g)
{
	return leaf_get(&sf_go_table, name, len, is_bound(&sf_go_table, g));
}

// The arm is drawn before anything is known of the name, so that both get the same mixture of calls.
// The symfast arm's durations hold its misses, too: what is compared is what the host waits for.
uint64_t
sf_go_lookup_split(const char *name, size_t len, uint64_t g)
{
	struct sf_go_table *t = &sf_go_table;
	struct sf_go_arms *a = &sf_go_arms;
	uint64_t drawn = draw(a, t), value = 0, what;
	bool fast = in_fast_arm(a, drawn), timed = (drawn & a->mask) == 0;

	if (sf_unlikely(!LOAD(&t->era))) {
		count(t, SF_GO_BYPASS_OFF);
		unmark(a, g, &what);
		return 0;
	}
	uint64_t from = timed ? sf_ticks() : 0;
	if (fast)
		value = leaf_get(t, name, len, is_bound(t, g));
	else
		count(t, SF_GO_BYPASS_STOCK);
	if (!value) {
		sent(a, t, g,
		     (from & ~MARK_BITS) | (fast ? MARK_FAST : 0) | (timed ? MARK_TIMED : 0));
		return 0;
	}
	if (timed)
		record(a, SF_ARM_MAP, sf_ticks_since(from));
	return value;
}

uint64_t
sf_go_table_get(struct sf_go_table *t, const char *name, size_t len)
{
	return leaf_get(t, name, len, false);
}

// The end of a call that went Go's own way: plugin.open has the plugin in hand, and only its epilogue is left.
void
sf_go_end(uint64_t g)
{
	struct sf_go_arms *a = &sf_go_arms;
	uint64_t what;

	if (!unmark(a, g, &what) || !(what & MARK_TIMED))
		return;
	record(a, what & MARK_FAST ? SF_ARM_MAP : SF_ARM_LIBC, sf_ticks_since(what & ~MARK_BITS));
	__atomic_fetch_add(&sf_go_table.fills[SF_GO_AB_ENDED], 1, __ATOMIC_RELAXED);
}
