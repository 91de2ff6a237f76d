// SPDX-License-Identifier: BSD-2-Clause
// arena.h: bounded memory for indexes, whose readers may come late.
//
// What was once handed out stays readable for ever: a reader in a signal handler that looks at an
// index of an object already unloaded finds other bytes, never a hole, and drops what it read by the
// region's lifetime. Memory of freed extents goes back to the kernel page by page.
#ifndef SF_ARENA_H
#define SF_ARENA_H

#include "../base/attr.h"

/* At most so much. Reserves nothing yet. */
void sf_arena_init(unsigned int kib);
/* Aligned to 256; NULL: no room. The caller holds the lock of regions. */
void *sf_arena_take_locked(size_t size);
void sf_arena_give_locked(void *p, size_t size);

#endif
