// SPDX-License-Identifier: BSD-2-Clause
// key.h: the key of thread-specific data by which the shim learns that a thread ends.
//
// It is one of the last that libc keeps inside the thread itself (others cost a malloc of the host's), so
// that its destructor runs after those of the host's first keys. Number 0 is never taken: programs with a
// bug use or delete it without having made it, and find it free as in stock.
#ifndef SF_KEY_H
#define SF_KEY_H

#include "../base/attr.h"
#include <pthread.h>

/* libc calls destructors at most so many times for each thread. */
#define SF_KEY_ROUNDS 4

/* Makes it, with this destructor. False: none is free. One thread at a time. */
bool sf_key_make(void (*ended)(void *));
/* Is it still there? A host may have deleted it, and got its number for a key of its own. */
bool sf_key_is_ours(void);
/* False: it is not there any more. */
bool sf_key_set(const void *value);

#endif
