// SPDX-License-Identifier: BSD-2-Clause
// load.h: loads and unloads by libc, watched: what was loaded or unloaded together, and in which order its functions ran.
#ifndef SF_RETAIN_LOAD_H
#define SF_RETAIN_LOAD_H

#include "sets.h"

/* What constructors get: the first two as at the last load, the third where libc has it at the moment. */
struct sf_retain_arguments {
	int argc;
	char **argv;
	char ***envp;
};
extern SF_HIDDEN struct sf_retain_arguments sf_retain_arguments;

/* Bytes that all copies may take, from the settings. */
extern SF_HIDDEN size_t sf_retain_load_limit;

/* Asks to be told by ld.so's breakpoint. False: loads are not seen. */
bool sf_retain_load_init(void);

/* libc's dlopen. If `manage`, what it maps gets places. Under ld.so's lock. */
void *sf_retain_load_open(const char *name, int mode, bool manage);

/*
 * libc's dlclose. `expected`: what should go, 0: unknown; what then stays is pinned. Under ld.so's lock.
 */
int sf_retain_load_close(void *handle, sf_retain_set expected);

/* Is the calling thread within a dlclose by libc, in a destructor? */
bool sf_retain_load_unloading(void);

/* libc's dlopen with RTLD_NOLOAD. Under ld.so's lock. */
void *sf_retain_load_look(const char *name, int mode);

/*
 * Is it within a dlopen by libc that has not yet mapped and bound all, in a malloc of the host's? Or within a look of ours,
 * and was the object loaded since that began? libc would find it there, and would have found nothing without us.
 */
bool sf_retain_load_mapping(int place);
/* Is it within such a look? What was retained before may be what libc looks at. */
bool sf_retain_load_looking(void);

/* Gives back what was held of objects that libc's own loads have revived. */
void sf_retain_load_settle(void);

/*
 * Moves when an object without a place was unmapped, or has lost a reference. What stayed at an unload that was seen
 * has somebody else who holds it; until this moves it still has.
 */
extern SF_HIDDEN uint64_t sf_retain_load_foreign;

/* What was loaded so far, RTLD_GLOBAL: the number of such loads. */
extern SF_HIDDEN uint64_t sf_retain_load_scope;

#endif
