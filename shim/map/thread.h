// SPDX-License-Identifier: BSD-2-Clause
// thread.h: what is done with a thread's record (self.h): it gets a block, and gives it back.
//
// Blocks come from an arena of type-stable memory and go back by a TSD destructor (libc/key.h). That asks to be
// called again until libc's last round, so that destructors of the host find the thread as it was; what still
// comes after that gets the empty table for good. Nothing here calls malloc.
#ifndef SF_THREAD_H
#define SF_THREAD_H

#include "../observe/segment.h"
#include "self.h"

/* Makes the TSD key; without one no thread gets memory of its own. Called by the constructor. */
void sf_thread_init(void);
/*
 * The first call of any dl* function goes to a libc whose error of a thread lies behind a key of libdl's (sf_next.guessed):
 * makes that key, and the one of ours beside it. Where there are no threads neither is needed.
 */
void sf_thread_first_call(void);
/* Does an error of ours end with the thread as libc's would? If not, none may be given there. */
bool sf_thread_errors_end(void);
/* Has libc one for all threads, since none could be started when it was first called? */
bool sf_thread_errors_are_one(void);
/* The main thread's block is there already: a host may forbid mmap to itself later. */
void sf_thread_first(void);
/* A block and the shared cells for a thread's first miss. False: do without. */
bool sf_thread_attach(struct sf_thread *t);
/*
 * A call is passed through that needs no block. So many make the thread worth one all the same: it would
 * count in what all threads share, and go the long way at each call.
 */
#define SF_PASSES_WITHOUT 8

SF_INLINE void
sf_thread_passes(struct sf_thread *t)
{
	if (sf_unlikely(t->block == NULL) && ++t->passes >= SF_PASSES_WITHOUT) {
		t->passes = 0;
		sf_thread_attach(t);
	}
}

SF_INLINE bool
sf_thread_in_gap(const struct sf_gap *gap, const void *caller)
{
	return (uintptr_t)caller - gap->start < gap->size;
}

/* Does this caller of RTLD_DEFAULT lie where no plain one does (sf_caller_plain)? */
SF_INLINE bool
sf_thread_is_not_plain(const struct sf_thread *t, const void *caller)
{
	return sf_thread_in_gap(t->not_plain, caller);
}

/*
 * Is a name that was found by its content to be found by its address as well? One in so many is: a caller whose
 * names stand in a fresh buffer at each call never finds them again by the address, and would write at every
 * look-up. Another one of a loop of names at each turn of the loop: the steps are those of the golden ratio.
 */
#define SF_THREAD_KEEP_ONE_IN 16

SF_INLINE bool
sf_thread_keeps(struct sf_thread *t)
{
	t->keep_skips += 0x9e3779b1u;
	return t->keep_skips < UINT32_MAX / SF_THREAD_KEEP_ONE_IN;
}

/*
 * The sampling tick, every SF_TICK_HITS hits at the latest. `n` is the counter that stands at a multiple of the
 * mask; what it says is due (a sample, a check) is done with the next look-up: until then the thread has the
 * empty table, and so takes a way that costs the others nothing.
 */
#define SF_TICK_HITS 4096
void sf_thread_sample_next(struct sf_thread *t, uint64_t n);
/*
 * What is due with the hit of this number, for calls that need not wait for the next one. Once for each hit
 * that sf_thread_hit or sf_thread_next_hit_due point out: it moves on to the next sample.
 */
unsigned int sf_thread_take_sample(struct sf_thread *t, uint64_t n);
/* The same, only looked at. */
unsigned int sf_thread_sample(const struct sf_thread *t, uint64_t n);
/* What is due for this look-up; gives the thread its table back. */
enum sf_due { SF_DUE_NOTHING, SF_DUE_TIME = 1, SF_DUE_CHECK = 2 };
unsigned int sf_thread_due(struct sf_thread *t);
/* One hit in so many is timed, compared; 0: none. Once, in the constructor. */
void sf_thread_sampling(unsigned int time_every, unsigned int check_every);
/* From now on this thread, and new ones, take the slow path at least once in `mask` + 1 hits. */
void sf_thread_slow_every(uint32_t mask);
/*
 * Counts a hit and says whether it is time for sf_thread_sample_next: a tick, a sample, a check. Three
 * instructions more than the count. The mask is SF_TICK_HITS - 1 at most.
 */
SF_INLINE bool
sf_thread_hit(struct sf_thread *t, enum sf_counter id)
{
	uint64_t *n = &t->n[id];

	++*n;
	t->pending = 0;
	return sf_clear_32((const uint32_t *)(const void *)n, t->hit_mask);
}

/* Will the next hit be the one in so many? Asked before it is made, so that it can be timed. */
SF_INLINE bool
sf_thread_next_hit_due(const struct sf_thread *t, enum sf_counter id)
{
	return (((uint32_t)t->n[id] + 1) & t->hit_mask) == 0;
}

/* In the child after fork: locks are free, only the calling thread's block is in use. */
void sf_thread_forked(void);

/* Is this thread inside a dlopen, as far as we can tell? Errs towards true. */
bool sf_thread_in_open(struct sf_thread *t, uintptr_t sp);
/* A dlopen is passed through by tail jump with this stack pointer. */
void sf_thread_mark_open(struct sf_thread *t, uintptr_t sp);

#endif
