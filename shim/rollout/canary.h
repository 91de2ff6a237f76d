// SPDX-License-Identifier: BSD-2-Clause
// canary.h: is this process one of those that SYMFAST holds for?
//
// The bucket of a key is its XXH64 modulo 10000, so the same key falls into the same bucket at
// every start, on every machine and in every release. A process that is chosen at 5 % is chosen at 50 %.
#ifndef SF_CANARY_H
#define SF_CANARY_H

#include "mode.h"

/* Decides by the settings, and writes share, key, bucket and decision into the control. */
bool sf_canary_decide(char **envp);
/* Puts a decision for 100% into the segment's page, which a process that asks nothing does not touch. */
void sf_canary_note(void);
/* 0 to 9999. */
unsigned int sf_canary_bucket(const char *key, size_t n);
/* The decision in words, for the line at start and for readers of the segment. */
const char *sf_canary_why(void);

#endif
