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
/*
 * The same where libc's error of a thread lies behind a key of libdl's (before glibc 2.34): makes libdl's by `first`, the
 * first call of libdl there is, and ours directly behind it: no key's destructor comes in between. False: no such place.
 */
bool sf_key_make_beside(void (*ended)(void *), char *(*first)(void));
/* Are there threads at all? Before glibc 2.34 not where libpthread is not loaded. */
bool sf_key_has_threads(void);
/* Is it still there? A host may have deleted it, and got its number for a key of its own. */
bool sf_key_is_ours(void);
/* False: it is not there any more. */
bool sf_key_set(const void *value);

#endif
