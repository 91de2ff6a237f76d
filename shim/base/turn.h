// SPDX-License-Identifier: BSD-2-Clause
// turn.h: a lock that is waited for, owned by a thread: who may run the host's callbacks.
//
// Unlike lock.h, what it protects is not optional work: callbacks that depend on being called one
// thread at a time. A signal handler that interrupts the owner finds itself the owner and goes on;
// it must not give back what it did not take. One word: the owner's thread id and, in the top bit,
// that somebody may be waiting.
#ifndef SF_TURN_H
#define SF_TURN_H

#include "atomic.h"

struct sf_turn {
	uint32_t word;
};

#define SF_TURN_WAITED 0x80000000u

SF_INLINE uint32_t
sf_turn_owner(const struct sf_turn *t)
{
	return sf_load_32(&t->word) & ~SF_TURN_WAITED;
}

/* Waits in the kernel until the turn is ours. */
void sf_turn_wait_slow(struct sf_turn *t, uint32_t me);
void sf_turn_wake_slow(struct sf_turn *t);

/* Waits for the turn; false if this thread has it already, then it must not be given back. */
SF_INLINE bool
sf_turn_take(struct sf_turn *t, uint32_t me)
{
	if (sf_unlikely(!sf_cas_32(&t->word, 0, me))) {
		if (sf_turn_owner(t) == me)
			return false;
		sf_turn_wait_slow(t, me);
	}
	sf_fence_acquire(); /* pairs with the fence in give: what the last owner's callback wrote */
	return true;
}

SF_INLINE void
sf_turn_give(struct sf_turn *t, uint32_t me)
{
	sf_fence_release();
	if (sf_unlikely(!sf_cas_32(&t->word, me, 0)))
		sf_turn_wake_slow(t);
}

/* In the child of fork, where `old` was this thread's id before: keeps it or frees it. */
SF_INLINE void
sf_turn_forked(struct sf_turn *t, uint32_t old, uint32_t me)
{
	t->word = old != 0 && sf_turn_owner(t) == old ? me : 0;
}

#endif
