// SPDX-License-Identifier: BSD-2-Clause
// sites.h: callers, as sampled call stacks in the statistics segment (SYMFAST_SITES).
//
// Walked by observe/frames.h.
#ifndef SF_SITES_H
#define SF_SITES_H

#include "histogram.h"

/* One timed call of libc in so many is sampled, and every timed hit; 0: none. In the constructor. */
void sf_sites_start(unsigned int every);
/* Nonzero if sites are wanted: calls are then timed in mode on, too. */
extern SF_HIDDEN uint32_t sf_sites_every;

/* Records the stack of the caller with this call's duration. Called by sf_histogram_add. */
void sf_sites_add(enum sf_timed function, enum sf_arm arm, uint64_t ticks, uint64_t waited);
void sf_sites_forked(void);

/* Calls each(arg, site) for every row; false ends it. At exit: a row may still be counting. */
void sf_sites_each(bool (*each)(void *arg, const struct symfast_shm_site *site), void *arg);

#endif
