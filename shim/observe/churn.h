// SPDX-License-Identifier: BSD-2-Clause
// churn.h: which objects are loaded again and again, in the statistics segment.
#ifndef SF_CHURN_H
#define SF_CHURN_H

#include "../base/attr.h"

/*
 * Adds to the row of this file; a new one if there is room. Only tries a lock: in a crowd some are
 * not counted. Called where libc has just loaded or unloaded something.
 */
void sf_churn_add(const char *file, uint64_t loads, uint64_t ticks);
/*
 * Its memory at an unload was held against that after its load: `differs` names what was not the same, "" if nothing.
 * The same lock.
 */
void sf_churn_compared(const char *file, const char *differs);
/*
 * One line: which objects were loaded again and again, what that took, and the SYMFAST_RETAIN that would keep them,
 * dearest first; then one for each that was compared. Nothing if there are none, or they took less than one part in a hundred of `cpu_ns`. Not while others count.
 */
void sf_churn_print(uint64_t ticks_per_ms, uint64_t cpu_ns);
/* Loads of objects that were loaded `often` times or more, and the ticks that went into them. */
void sf_churn_sum(uint64_t often, uint64_t *loads, uint64_t *ticks);
/* In the child after fork: frees the lock. */
void sf_churn_forked(void);

#endif
