// SPDX-License-Identifier: BSD-2-Clause
// estimate.h: what the map would save a process, from what was counted and timed while libc answered.
//
// The one place where that is worked out: the library's line at exit and the program symfast both ask it.
// Each function has its own count and its own mean cost. The cost is CPU time: what a call waited, for a lock or
// for a processor, is told apart, as it is not saved CPU time. No libm: the library has none.
#ifndef SF_ESTIMATE_H
#define SF_ESTIMATE_H

#include "../base/attr.h"
#include <symfast_shm.h>

struct sf_estimate_source {
	const void *of;
	uint64_t (*counted)(const void *of, const char *counter);
	/* Its calls in libc; NULL: none. */
	const struct symfast_shm_histogram *(*row)(const void *of, const char *function);
	double ns;        /* per tick, 0: not known */
	double cpu_ns;    /* of the process so far, 0: not known */
	double own_ticks; /* that observing took beside the calls that it timed */
	double churn_ticks; /* in loads and unloads of objects that were loaded SF_ESTIMATE_AGAIN times or more */
	double churn_loads; /* such loads */
	const char
		*go; /* state of a Go host: "", "none", "off", "libc", "detour", "seen", "unseen" */
	bool observed; /* the process is in mode observe, or has a stock arm */
	bool changed;  /* the mode was not the same all the time */
};

/* An object is retained from its third load on at the latest. */
#define SF_ESTIMATE_AGAIN 4

struct sf_estimate_span {
	double least, likely, most;
};

struct sf_estimate_part {
	const char *name;
	double calls, answered;        /* by libc; of those by the map, if it were on */
	double mean_ns;                /* CPU time of one */
	struct sf_estimate_span saved; /* ns of CPU time; below zero: it would cost */
	double waited;   /* ns in which threads waited in such calls, at most saved, too */
	const char *why; /* not NULL: no more can be said, because of this */
};

#define SF_ESTIMATE_PARTS 12

enum sf_estimate_verdict {
	SF_ESTIMATE_NONE,    /* nothing was observed */
	SF_ESTIMATE_NOTHING, /* worth mentioning */
	SF_ESTIMATE_SAVES,
	SF_ESTIMATE_COSTS,
	SF_ESTIMATE_CANNOT, /* be said: `why` */
};

struct sf_estimate {
	struct sf_estimate_part part[SF_ESTIMATE_PARTS];
	unsigned int parts;
	enum sf_estimate_verdict verdict;
	const char *why;
	double cpu_ns; /* of the process, without what observing took */
	double asked, repeats, libc_ns, loading_ns;
	struct sf_estimate_span saved; /* all parts */
	double waited;
	struct sf_estimate_span retained; /* more, with SYMFAST_RETAIN */
};

void sf_estimate(struct sf_estimate *e, const struct sf_estimate_source *from);

/* In parts of a hundred of the CPU time. */
double sf_estimate_percent(const struct sf_estimate *e, double ns);

#endif
