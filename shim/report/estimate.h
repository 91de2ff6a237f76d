// SPDX-License-Identifier: BSD-2-Clause
// estimate.h: what the map would have saved a process that ran in observe mode.
#ifndef SF_ESTIMATE_H
#define SF_ESTIMATE_H

#include "../base/attr.h"

struct sf_estimate {
	uint64_t calls;     /* look-ups that were timed in libc */
	uint64_t repeats;   /* of all look-ups: asked before */
	uint64_t asked;     /* all look-ups in observe mode or the stock arm */
	uint64_t ns;        /* in libc's look-ups */
	uint64_t waited_ns; /* of that: probably waiting for the loader's lock */
	uint64_t load_ns;   /* in dlopen and dlclose */
	uint64_t saved_ns;
	uint64_t cpu_ns;       /* of the process so far */
	uint64_t ticks_per_ms; /* 0: nothing was timed */
};

void sf_estimate(struct sf_estimate *e);
/* Two lines, if anything was observed; a third of what was loaded again and again. */
void sf_estimate_print(void);

#endif
