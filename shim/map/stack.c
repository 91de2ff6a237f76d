// SPDX-License-Identifier: BSD-2-Clause
// stack.c: see stack.h.
#include "stack.h"

uintptr_t sf_stack_top;

/*
 * libc's dlerror takes 2 KiB of stack for its text. A host that does not call it may have less: coroutines
 * and signal handlers run on stacks whose ends are unknown. There is room on the main thread's own stack,
 * as the constructor found its top, and where a thread has used little of its own, below its thread pointer.
 */
#define MAIN_STACK   ((uintptr_t)256 << 10)
#define THREAD_STACK ((uintptr_t)10 << 10)

bool
sf_stack_has_room(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	return sf_stack_top - sp < MAIN_STACK ||
	       (uintptr_t)__builtin_thread_pointer() - sp < THREAD_STACK;
}
