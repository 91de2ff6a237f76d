// SPDX-License-Identifier: BSD-2-Clause
// watch.h: tells loads from further references: what a thread's dlopen has mapped, by ld.so's notices.
#ifndef SF_WATCH_H
#define SF_WATCH_H

/* From here on the thread's `load` is filled (self.h). Called once, where sf_changes_init() succeeded. */
void sf_watch_loads(void);

#endif
