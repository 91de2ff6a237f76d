// SPDX-License-Identifier: BSD-2-Clause
// lock.c: see lock.h: locks whose holder was unwound.
#include "lock.h"

#include "sys.h"
#include <signal.h>

/*
 * In steps of 16 bytes: further apart is another stack; and between a section and the handler that interrupts
 * it lies what the kernel saves (960 bytes at least, with the red zone).
 */
#define LOCK_SPAN  ((1u << 20) / 16)
#define LOCK_SAVED (960u / 16)

extern struct sf_lock __start_sf_locks[] __attribute__((visibility("hidden")));
extern struct sf_lock __stop_sf_locks[] __attribute__((visibility("hidden")));

/* A handler's own stack may lie in a frame of the very thread, above the section that it interrupts. */
static bool
lock_on_other_stack(void)
{
	stack_t stack;

	return sf_sys_confined || sf_syscall6(SYS_sigaltstack, 0, (long)&stack, 0, 0, 0, 0) != 0 ||
	       (stack.ss_flags & SS_ONSTACK) != 0;
}

bool
sf_lock_gone(uint32_t depth, uint32_t here)
{
	return here + LOCK_SAVED - depth < LOCK_SPAN && !lock_on_other_stack();
}

bool
sf_lock_take_over(struct sf_lock *l, uint64_t holder, uint64_t self)
{
	if (!sf_lock_gone((uint32_t)holder, (uint32_t)self) || !sf_cas_64(&l->word, holder, self))
		return false;
	sf_fence_acquire();
	if (l->repair != NULL)
		l->repair();
	return true;
}

void
sf_lock_thread_ends(void)
{
	for (struct sf_lock *l = __start_sf_locks; l < __stop_sf_locks; l++) {
		uint64_t holder = sf_load_64(&l->word);

		if (holder == 0 || (holder ^ SF_LOCK_THREAD()) >> 32 != 0)
			continue;
		if (l->repair != NULL)
			l->repair();
		sf_lock_release(l);
	}
}
