// SPDX-License-Identifier: BSD-2-Clause
// stat_sum.h: the numbers of segments, added up, and the estimate of what the map would have saved them.
#ifndef SF_CLI_STAT_SUM_H
#define SF_CLI_STAT_SUM_H

#include "../../observe/estimate.h"
#include "../base/document.h"
#include "segment_open.h"

struct latency {
	char function[24];
	struct symfast_shm_histogram arm[2];
};

struct stat_sum {
	json_t *document; /* head and control of the last one, objects and sites of all */
	struct counter *counters;
	struct latency *latencies;
	size_t counter_count, latency_count, processes;
	double ns, cpu_ns;                  /* per tick, 0: not known; of all */
	struct symfast_shm_control control; /* the last one's */
	double churn_loads, churn_ticks, own_ticks;
};

/* false after one line. */
bool stat_sum_add(struct stat_sum *sum, const struct segment *s);
void stat_sum_free(struct stat_sum *sum);
/* A counter by its name; `of` is a sum. */
uint64_t stat_sum_counted(const void *of, const char *name);
/* Its verdict is SF_ESTIMATE_NONE if nothing was observed. */
void stat_sum_estimate(const struct stat_sum *sum, struct sf_estimate *e);
/* Of one segment alone; false if nothing was observed, or it cannot be read, after one line. */
bool stat_sum_estimate_of(const struct segment *s, struct sf_estimate *e);

#endif
