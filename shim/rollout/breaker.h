// SPDX-License-Identifier: BSD-2-Clause
// breaker.h: the first mismatch, or the first doubt, turns the process off.
//
//   closed --(limit mismatches, or a doubt)--> open: mode OFF, one line on standard error
//   open --(SYMFAST_BREAKER_RETRY_S later, at a slow call)--> half: mode VERIFY
//   half --(another mismatch)--> open      half --(SF_BREAKER_TRIAL equal answers)--> closed
//   any --(another writer sets the mode word)--> that mode holds; a mismatch opens it again
#ifndef SF_BREAKER_H
#define SF_BREAKER_H

#include "mode.h"

#define SF_BREAKER_TRIAL 1000

/* One of two answers to the same question. */
struct sf_finding {
	enum symfast_shm_kind kind;
	const void *value;
};

/* The map and libc disagree about `function`(name): counted, told, and perhaps the end. */
void sf_breaker_mismatch(const char *function, const char *name, struct sf_finding map,
			 struct sf_finding libc);
/* The map and libc agree: lets a half-open breaker close. */
void sf_breaker_same(void);
/* The shim no longer trusts itself: opens at once. Told and counted once for each text. */
void sf_breaker_doubt(const char *what);

/* The same without a line: nothing is wrong, but the host has to have it so. */
void sf_breaker_yield(const char *what);

/* Nonzero: sf_breaker_poll() has something to wait for. */
extern SF_HIDDEN uint8_t sf_breaker_waiting;
/* Called by slow calls while that is so: is it time to try again? */
void sf_breaker_poll(void);

#endif
