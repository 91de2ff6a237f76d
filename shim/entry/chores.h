// SPDX-License-Identifier: BSD-2-Clause
// chores.h: periodic work for the whole process, done by wrappers when libc is about to be called anyway.
#ifndef SF_CHORES_H
#define SF_CHORES_H

#include "../map/table.h"
#include "../observe/segment.h"
#include "../rollout/breaker.h"
#include "../rollout/killfile.h"

/*
 * Are libc's functions hooked in place? Then the hooks have to see all calls: switches off, as a doubt
 * does. Called where libc is about to be asked anyway, and once in SF_TICK_HITS hits.
 */
bool sf_chores_hooks(void);

/* What waits for a slow call: the segment's file, the breaker's second try, the kill file, a doubt. */
void sf_chores(void);
#define SF_ENTRY_CHORES()                                                                          \
	do {                                                                                       \
		if (sf_unlikely(sf_segment_due | sf_breaker_waiting | sf_killfile_waiting |        \
				sf_table_damaged))                                                 \
			sf_chores();                                                               \
	} while (0)

/* The kill file alone, for one hit in so many. */
#define SF_ENTRY_LOOK()                                                                            \
	do {                                                                                       \
		if (sf_unlikely(sf_killfile_waiting))                                              \
			sf_killfile_poll();                                                        \
	} while (0)

#endif
