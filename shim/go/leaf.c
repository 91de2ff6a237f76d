// SPDX-License-Identifier: BSD-2-Clause
// The look-up: runs on a goroutine's stack. See leaf.h for what it may not do.
//
// When may a name be answered without Go?
//   canonical (realpath gave the name itself back): for `ttl` after a fill. In that time only two
//     things can have changed Go's answer: the file was deleted, or a symlink put in its place.
//     Half way, one reader is sent to Go to renew it while the others still hit.
//   any other name, and a canonical one whose time is over: if a stat of the name leads to the very
//     file that Go had under that path (struct sf_go_identity), then the path is still the one that
//     realpath would give, and Go's map of plugins by path never forgets or changes a plugin.
// Never while the switch is off (go.h, sf_go_serve); what was timed before it was switched off and
// on again is proved by a stat until it has been renewed.
#include "arms.h"
#include "names.h"

SF_LARGE struct sf_go_table sf_go_table;

static SF_NOINLINE uint64_t
check_slow(struct sf_go_table *t, struct sf_go_entry *e)
{
	struct sf_go_identity id;
	struct statx st;

	if (identify(AT_FDCWD, e->name, 0, &st, &id) != FILE_PROVABLE) {
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
	if (!__atomic_compare_exchange_n(&e->elected, &until, at + t->half_ttl + 1, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	count(t, SF_GO_REFRESH);
	return true;
}

// Past half of its life, of an era that has ended, or never timed.
static SF_NOINLINE uint64_t
prove_slow(struct sf_go_table *t, struct sf_go_entry *e, uint32_t era)
{
	uint32_t filled = __atomic_load_n(&e->era, __ATOMIC_ACQUIRE);

	if (filled) {
		uint64_t at = now(t);

		if (elect_slow(t, e, at))
			return 0;
		if (filled == era && at < LOAD(&e->expires)) {
			count(t, SF_GO_HIT);
			return e->value;
		}
	}
	return check_slow(t, e);
}

SF_INLINE uint64_t
get(struct sf_go_table *t, const char *name, size_t len)
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
	if (sf_likely(__atomic_load_n(&e->era, __ATOMIC_ACQUIRE) == era) &&
	    sf_likely(now(t) + t->half_ttl < LOAD(&e->expires))) {
		count(t, SF_GO_HIT);
		return e->value;
	}
	return prove_slow(t, e, era);
}

uint64_t
sf_go_lookup(const char *name, size_t len)
{
	return get(&sf_go_table, name, len);
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
		value = get(t, name, len);
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
	return get(t, name, len);
}
