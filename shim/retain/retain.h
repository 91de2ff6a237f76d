// SPDX-License-Identifier: BSD-2-Clause
// retain.h: plugins that are named in SYMFAST_RETAIN stay mapped when they are closed, and are as after a fresh load when opened again.
//
// What the host sees is libc's: destructors run at the last dlclose, in libc's order; constructors at the next dlopen;
// writable memory is as after relocation; a closed object is not found by name, address or handle. What it does not see
// is that nothing was unmapped, mapped, relocated and searched for again. libc does whatever cannot be proved.
//
// Rules
//  - Only a set of objects that libc itself was seen to unload together is retained, and only one that it was seen to
//    load together is reopened. So the first two cycles are libc's.
//  - Before libc loads anything from a file, every closed object is really unloaded: nothing can be bound to one.
//  - At each reopening every file of the set is opened and must be the one that was mapped.
//  - All of this happens under ld.so's own lock (loader_lock.h). A closed object holds one reference of libc.
#ifndef SF_RETAIN_RETAIN_H
#define SF_RETAIN_RETAIN_H

#include "../base/attr.h"

/* Is anything retained? Set once, in the constructor, before other threads. */
extern SF_HIDDEN bool sf_retain_on;

struct sf_retain_limits {
	const char *list;  /* SYMFAST_RETAIN */
	unsigned int most; /* closed objects opened by name */
	unsigned int kib;  /* copies of memory */
	unsigned int idle_s;
	bool verbose; /* say why an object is not retained */
};

/*
 * Reads the list; from then on sf_next.load and sf_next.unload are the two functions below. NULL: done; else why
 * nothing is retained.
 */
const char *sf_retain_init(const struct sf_retain_limits *limits);

/* In place of libc's dlopen and dlclose, where the shim calls them for the host. Thread-safe; not for signal handlers. */
void *sf_retain_load(const char *name, int mode);
int sf_retain_unload(void *handle);

/* libc is about to be called in a way that is not seen: lets go all, and nothing that is mapped now is retained. */
void sf_retain_unsure(void);

/* Lets go of all that is closed. */
void sf_retain_drain(void);

/*
 * Before libc looks this name up in the global scope: a closed object that could be found is let go. Where libc `ties`
 * what it finds to the caller, one that can be found stays from then on (CONTRACT 19).
 */
void sf_retain_look_up(const char *name, bool ties);

/* In the child after fork. */
void sf_retain_forked(void);

#endif
