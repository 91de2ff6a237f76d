// SPDX-License-Identifier: BSD-2-Clause
// stack.h: how much of the calling thread's stack may be used.
#ifndef SF_STACK_H
#define SF_STACK_H

#include "../base/attr.h"

/* May the calling thread's stack be used for a few KiB more than libc would use for the host's call? */
bool sf_stack_has_room(void);
/* The top of the main thread's stack; set by the constructor. */
extern SF_HIDDEN uintptr_t sf_stack_top;

#endif
