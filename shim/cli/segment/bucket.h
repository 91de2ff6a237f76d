// SPDX-License-Identifier: BSD-2-Clause
// bucket.h: quantiles of a segment's histogram, and by which factor two of them differ.
#ifndef SF_CLI_BUCKET_H
#define SF_CLI_BUCKET_H

#include "../../base/attr.h"
#include <symfast_shm.h>

/* The least duration, in ticks, that falls into bucket b; b == SYMFAST_SHM_BUCKETS: the end. */
double bucket_edge(unsigned int b);
/* How many values the buckets hold (the count of the header may be newer). */
uint64_t bucket_values(const struct symfast_shm_histogram *h);
/* The q-quantile in ticks, in the middle of its bucket. */
double bucket_quantile(const struct symfast_shm_histogram *h, double q);

struct bucket_ratio {
	double ratio, low, high;
	bool bounded; /* enough values to bound both quantiles */
};

/*
 * The q-quantile of b divided by that of a, with an interval of at least 95 %: each quantile lies
 * between two order statistics with 97.5 % (binomial, by its normal approximation), whatever the
 * distribution. It holds for independent values; calls of one burst are not quite that.
 * Source: Conover, Practical Nonparametric Statistics, 3rd ed., 3.2; Bonferroni for the two.
 */
struct bucket_ratio bucket_compare(const struct symfast_shm_histogram *a,
				   const struct symfast_shm_histogram *b, double q);

#endif
