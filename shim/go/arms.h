// SPDX-License-Identifier: BSD-2-Clause
// A/B of plugin.Open: which arm a call belongs to, and where a call that goes Go's own way leaves its
// start until its end is seen.
//
// A goroutine has no thread, and its stack may move while it waits for Go's mutex. What stays is the
// address of its g, which Go keeps in R14. So a start is kept in a table under g, by the look-up, and
// taken out by the jump at plugin.open's successful return ("end"). A goroutine is in one plugin.open
// at a time, but for an init that opens a plugin: then the outer call, which loads and therefore
// does not end there, loses its start to the inner one.
//
// A call that returns elsewhere (an error, the first load, a panic) is not timed: its start is dropped by
// this goroutine's next call, or by another one that needs the place after a minute.
//
// Concurrency: only the goroutine itself writes and clears a mark that bears its g; others may only
// take the whole mark by compare-and-swap, and then the owner finds that it is no longer its own.
// Lock-free; no place is waited for.
#ifndef SF_GO_ARMS_H
#define SF_GO_ARMS_H

#include "leaf_names.h"

#include "../base/ticks.h"
#include "../observe/histogram.h"

#define SF_GO_MARK_SETS 2048
#define SF_GO_MARK_WAYS 4            // one cache line
#define SF_GO_MARK_AGE  (1ull << 37) // ticks, about a minute: its goroutine has ended, or errs
#define SF_GO_MARKS     (sizeof(struct sf_go_mark) * SF_GO_MARK_SETS * SF_GO_MARK_WAYS)

struct sf_go_mark {
	uint64_t g;    // 0: free; odd: being written
	uint64_t what; // start in ticks, and the bits below
};

enum { MARK_FAST = 1, MARK_TIMED = 2, MARK_BITS = 3 };

struct sf_go_arms {
	uint32_t share;           // of 10000 calls so many are symfast's; 0: no A/B
	uint32_t mask;            // one call in mask + 1 is timed, in both arms
	struct sf_go_mark *marks; // SF_GO_MARKS bytes
	struct symfast_shm_histogram *row[2];
	uint64_t usual[2];
	struct sf_go_stripe turn[SF_GO_STRIPES]; // word 0: calls on this CPU
};

extern struct sf_go_arms sf_go_arms __attribute__((visibility("hidden")));

// The end stub's: plugin.open is about to return a plugin.
SF_HIDDEN void sf_go_end(uint64_t g);

// A number that no pattern of calls goes along with: the count of this CPU's calls, hashed twice.
SF_INLINE uint64_t
draw(struct sf_go_arms *a, const struct sf_go_table *t)
{
	uint32_t cpu = this_cpu(t);
	uint64_t *n = &a->turn[cpu % SF_GO_STRIPES].n[0];

#ifdef __x86_64__
	// As count(): a migration in between may lose one turn, or hand one out twice.
	__asm__("incq %0" : "+m"(*n));
#else
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
#endif
	uint64_t h = fold(LOAD(n) ^ t->key[0], 0x9e3779b97f4a7c15u ^ t->key[1]);
	return fold(h ^ cpu, 0xd6e8feb86659fd93u ^ t->key[0]);
}

// The upper half decides on the arm, the lowest bits on the sample: one does not tell the other.
SF_INLINE bool
in_fast_arm(const struct sf_go_arms *a, uint64_t drawn)
{
	return ((drawn >> 32) * 10000) >> 32 < a->share;
}

SF_INLINE void
record(struct sf_go_arms *a, enum sf_arm arm, uint64_t ticks)
{
	sf_histogram_note(a->row[arm], &a->usual[arm], ticks);
}

SF_INLINE struct sf_go_mark *
marks_of(const struct sf_go_arms *a, uint64_t g)
{
	return a->marks + SF_GO_MARK_WAYS * ((g * 0x9e3779b97f4a7c15u) >> 53);
}

// This goroutine's mark, or NULL. Only the goroutine itself can make or renew one.
SF_INLINE struct sf_go_mark *
marked(const struct sf_go_arms *a, uint64_t g)
{
	struct sf_go_mark *m = marks_of(a, g);

	for (int i = 0; i < SF_GO_MARK_WAYS; i++) {
		if (LOAD(&m[i].g) == g)
			return &m[i];
	}
	return NULL;
}

// Takes the mark out. If no other thread has taken it until then, `what` was this goroutine's own.
SF_INLINE bool
unmark(const struct sf_go_arms *a, uint64_t g, uint64_t *what)
{
	struct sf_go_mark *m = marked(a, g);
	uint64_t own = g;

	if (!m)
		return false;
	*what = LOAD(&m->what);
	// Pairs with claim(): the thread that takes the mark changes g before `what`.
	return __atomic_compare_exchange_n(&m->g, &own, 0, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

SF_INLINE bool
claim(struct sf_go_mark *m, uint64_t old, uint64_t g, uint64_t what)
{
	if (!__atomic_compare_exchange_n(&m->g, &old, g | 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	STORE(&m->what, what);
	__atomic_store_n(&m->g, g, __ATOMIC_RELEASE);
	return true;
}

SF_INLINE bool
is_old(const struct sf_go_mark *m, uint64_t now_ticks)
{
	return now_ticks - LOAD(&m->what) > SF_GO_MARK_AGE && now_ticks > LOAD(&m->what);
}

// A free place, else an old one. A call of symfast's arm must not go without: only who is marked may
// fill the table, so it takes any.
SF_INLINE bool
mark(const struct sf_go_arms *a, uint64_t g, uint64_t what)
{
	struct sf_go_mark *m = marks_of(a, g);

	for (int i = 0; i < SF_GO_MARK_WAYS; i++) {
		if (!LOAD(&m[i].g) && claim(&m[i], 0, g, what))
			return true;
	}
	uint64_t ticks = sf_ticks();
	for (int i = 0; i < SF_GO_MARK_WAYS; i++) {
		uint64_t held = LOAD(&m[i].g);

		if (held && !(held & 1) && (is_old(&m[i], ticks) || what & MARK_FAST) &&
		    claim(&m[i], held, g, what))
			return true;
	}
	return false;
}

// The call goes Go's own way: nothing of an earlier one may be taken for its start.
SF_INLINE void
sent(struct sf_go_arms *a, struct sf_go_table *t, uint64_t g, uint64_t what)
{
	uint64_t earlier;

	unmark(a, g, &earlier);
	if (!(what & MARK_BITS))
		return;
	bool kept = mark(a, g, what);
	if (what & MARK_TIMED)
		__atomic_fetch_add(&t->fills[kept ? SF_GO_AB_SENT : SF_GO_AB_LOST], 1,
				   __ATOMIC_RELAXED);
}

// Is this goroutine's call, which Go answers, one of symfast's arm?
SF_INLINE bool
is_marked_fast(const struct sf_go_arms *a, uint64_t g)
{
	const struct sf_go_mark *m = marked(a, g);

	// Pairs with the release in claim(). Taken in the meantime: no harm in either answer.
	return m && __atomic_load_n(&m->what, __ATOMIC_ACQUIRE) & MARK_FAST;
}

#endif
