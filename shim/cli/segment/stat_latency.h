// SPDX-License-Identifier: BSD-2-Clause
// stat_latency.h: durations of a function, as a "stat" document has them.
#ifndef SF_CLI_STAT_LATENCY_H
#define SF_CLI_STAT_LATENCY_H

#include "../base/document.h"
#include <symfast_shm.h>

/* JSON knows no unsigned 64 bits. */
json_t *stat_latency_count(uint64_t n);
/* One histogram, its durations in nanoseconds (or ticks where the rate is not known: ns 1). */
json_t *stat_latency_histogram(const struct symfast_shm_histogram *h, double ns);
/* P50 to P99.9 of the map's answers against libc's. */
json_t *stat_latency_ratios(const struct symfast_shm_histogram *libc,
			    const struct symfast_shm_histogram *map);

#endif
