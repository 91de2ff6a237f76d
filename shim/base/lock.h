// SPDX-License-Identifier: BSD-2-Clause
// lock.h: the only lock of the shim: a ck_spinlock that is tried, never waited for.
//
// Every critical section is optional work (keeping an answer, recording a handle, handing out a
// thread block), so a thread that finds the lock taken simply does without. That makes the lock
// safe in a signal handler that interrupts its holder, after fork, and for any lock order.
#ifndef SF_LOCK_H
#define SF_LOCK_H

#include "attr.h"

#ifdef __SANITIZE_THREAD__
struct sf_lock {
	uint32_t taken;
};
/* clang-format off */
#define SF_LOCK_INIT {0}
/* clang-format on */

SF_INLINE bool
sf_lock_try(struct sf_lock *l)
{
	return __atomic_exchange_n(&l->taken, 1u, __ATOMIC_ACQUIRE) == 0;
}

SF_INLINE void
sf_lock_release(struct sf_lock *l)
{
	__atomic_store_n(&l->taken, 0u, __ATOMIC_RELEASE);
}

SF_INLINE void
sf_lock_reset(struct sf_lock *l)
{
	l->taken = 0;
}
#else
#include <ck_spinlock.h>

struct sf_lock {
	ck_spinlock_t spin;
};
/* clang-format off */
#define SF_LOCK_INIT {CK_SPINLOCK_INITIALIZER}
/* clang-format on */

SF_INLINE bool
sf_lock_try(struct sf_lock *l)
{
	return ck_spinlock_trylock(&l->spin);
}

SF_INLINE void
sf_lock_release(struct sf_lock *l)
{
	ck_spinlock_unlock(&l->spin);
}

/* In the child after fork, whose other threads are gone: whatever they held is free again. */
SF_INLINE void
sf_lock_reset(struct sf_lock *l)
{
	ck_spinlock_init(&l->spin);
}
#endif

#endif
