// SPDX-License-Identifier: BSD-2-Clause
// prepare.h: what a process needs before the first call can be served, done when that call comes.
//
// Most processes make none. So the constructor notes what only it can see (the end of the initial set, the
// environment, what descriptor 2 is, which process this is) and registers the handler of fork; the
// definitions behind the wrapped names, the map, the records of the initial set, ld.so's breakpoint and the rest
// wait for the first call (phase READY), or for a filter of system calls (confine.c). Where a setting wants
// something at once (statistics at start, canary, kill file, A/B, retain, dl_iterate_phdr, sites, verbose) and
// in Go hosts nothing waits. One thread prepares, with signals blocked; the calls of others meanwhile are
// libc's, and what must be known of them is noted (struct sf_early).
#ifndef SF_PREPARE_H
#define SF_PREPARE_H

#include "../base/attr.h"
#include "../rollout/mode.h"
#include "../base/atomic.h"

/* Of calls that were passed through before or while the process was prepared. */
struct sf_early {
	uint32_t raw_errors, raw_loads; /* the host may hold libc's own functions */
	uint32_t global;                /* a load with RTLD_GLOBAL: SF_EARLY_... */
};
#define SF_EARLY_OVER  1 /* it has returned */
#define SF_EARLY_BEGUN 2

extern SF_HIDDEN struct sf_early sf_early;

/* In the constructor, when the settings are known. */
void sf_prepare_start(char **envp);
/* From here on every call is libc's, if that has been found. */
void sf_prepare_refuse(void);
/* The same where the libc is not glibc. */
void sf_prepare_elsewhere(void);
/* Prepares now, if that is still to be done. Is the phase LIVE? Any thread, signal handlers too. */
bool sf_prepare(void);
/* Applies sf_early; in phase LIVE. */
void sf_prepare_catch_up(void);

SF_INLINE bool
sf_prepare_is_live(void)
{
	if (sf_likely(sf_load_32(&sf_phase) == SF_PHASE_LIVE)) {
		sf_fence_load(); /* pairs with the fence before the phase was written */
		return true;
	}
	return sf_prepare();
}

#endif
