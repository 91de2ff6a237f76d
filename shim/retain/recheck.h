// SPDX-License-Identifier: BSD-2-Clause
// recheck.h: in verify: a retained object after its constructors against the same object really loaded again.
//
// One cycle in N is libc's (verify: every second one; verify:1/N: one in N). Before it, when the constructors of a
// reopening have run, the memory of all that came is copied, and what its handle finds. libc then makes the close and the next load, and
// the same is looked at again. Words are compared as what they point to: object and offset, wherever it is mapped. Not
// compared: the dynamic section, which holds our stubs, and pairs of addresses outside of these objects (heap, stack).
//
// What differs by itself (a time, a count) must not look like a fault: a word counts only if it is different in four
// comparisons running, by the same two values, which nothing that only grows can have; and they are not made at regular distances.
#ifndef SF_RETAIN_RECHECK_H
#define SF_RETAIN_RECHECK_H

#include "graph.h"

/* A retained object was opened, its constructors have run. `set`: all that came with it. Under ld.so's lock. */
void sf_retain_recheck_opened(int root, sf_retain_set set);

/* Is its close to be made by libc? */
bool sf_retain_recheck_due(int root);

/* libc has loaded it. `set`: all that came with it. */
void sf_retain_recheck_loaded(int root, sf_retain_set set);

/* Was this file's object found to differ? libc loads such from then on. */
bool sf_retain_recheck_doubts(const char *name);

#endif
