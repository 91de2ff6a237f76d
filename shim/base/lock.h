// SPDX-License-Identifier: BSD-2-Clause
// lock.h: the only lock of the shim: tried, never waited for, and free again when its holder was unwound.
//
// Every critical section is optional work (keeping an answer, recording a handle, handing out a
// thread block), so on contention it is left out: the result is not cached, and glibc answers. That makes the lock
// safe in a signal handler that interrupts its holder, after fork, and for any lock order.
//
// A handler that interrupts a section may leave it for good: by longjmp, by an exception, by asynchronous
// cancellation. The word says who has the lock, and where on its stack. It is free again for
//  - the same thread, at the same depth of its stack or above, or where a handler could not stand: what stood
//    deeper is gone. So no section may try its own lock again;
//  - everybody, when that thread ends, or forks.
// The thread that takes it over first repairs what the section may have left half done (`repair`). Until then
// the others leave their work out. A handler on a stack of its own cannot tell where it stands and does without, too.
// What is not covered: a handler that leaves by swapcontext, and comes back into the section later.
#ifndef SF_LOCK_H
#define SF_LOCK_H

#include "atomic.h"

struct sf_lock {
	uint64_t word; /* 0: free; else thread and depth of the holder */
	void (*repair)(
		void); /* of what was left half done, with the lock held; NULL: nothing can be */
};

/* Locks stand side by side, so that a thread that ends can look at all of them. */
#define SF_LOCK(name, mend)                                                                        \
	static struct sf_lock name                                                                 \
		__attribute__((section("sf_locks"), used, aligned(16))) = {.repair = (mend)}

/* In the upper half the thread, in the lower one its depth: 16 bytes of stack a step. */
#define SF_LOCK_THREAD()     ((uint64_t)(uint32_t)((uintptr_t)__builtin_thread_pointer() >> 6) << 32)
#define SF_LOCK_DEPTH(frame) ((uint32_t)((uintptr_t)(frame) >> 4) | 1)
#define SF_LOCK_SELF()       (SF_LOCK_THREAD() | SF_LOCK_DEPTH(__builtin_frame_address(0)))

/* The holder has this word. True: its section is gone, the lock is ours now, and all is in order. */
bool sf_lock_take_over(struct sf_lock *l, uint64_t holder, uint64_t self);
/* Is this frame of the calling thread's gone, seen from `here`? "No" says nothing. */
bool sf_lock_gone(uint32_t depth, uint32_t here);
/* This thread ends: it is in no section any more. */
void sf_lock_thread_ends(void);

SF_INLINE bool
sf_lock_try(struct sf_lock *l)
{
	uint64_t self = SF_LOCK_SELF(), holder = sf_load_64(&l->word);

	if (holder != 0)
		return (holder ^ self) >> 32 == 0 && sf_lock_take_over(l, holder, self);
	if (!sf_cas_64(&l->word, 0, self))
		return false;
	sf_fence_acquire(); /* pairs with the release fence of the former holder */
	return true;
}

SF_INLINE void
sf_lock_release(struct sf_lock *l)
{
	sf_fence_release();
	sf_store_64(&l->word, 0);
}

/* In the child after fork, whose other threads are gone: whatever they held is free again. */
SF_INLINE void
sf_lock_reset(struct sf_lock *l)
{
	sf_store_64(&l->word, 0);
}

#endif
