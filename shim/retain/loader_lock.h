// SPDX-License-Identifier: BSD-2-Clause
// loader_lock.h: runs a function under ld.so's own lock, as dlopen and dlclose run constructors and destructors.
//
// libc has no function for that, but dlsym runs the resolver of an IFUNC symbol with its lock held (and with the
// thread's error cleared before, and left as the resolver leaves it, as dlopen does with its constructors). So one
// symbol of ours is such an IFUNC, and its resolver runs what the calling thread has asked for. The lock is recursive.
#ifndef SF_RETAIN_LOADER_LOCK_H
#define SF_RETAIN_LOADER_LOCK_H

#include "../base/attr.h"

/* Runs job(arg). False: it was not run, for libc does not give us the lock. */
bool sf_retain_lock_run(void (*job)(void *), void *arg);

#endif
