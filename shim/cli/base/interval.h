// SPDX-License-Identifier: BSD-2-Clause
// interval.h: medians, and the ratio of two series with an interval that assumes no
// distribution.
#ifndef SF_CLI_INTERVAL_H
#define SF_CLI_INTERVAL_H

#include "../../base/attr.h"

/* The median of n > 0 values; `v` is sorted by it. */
double interval_median(double *v, size_t n);
/* The q-quantile (0 to 1, linear between neighbours) of n > 0 sorted values. */
double interval_quantile(const double *sorted, size_t n, double q);

struct interval {
	double ratio, low, high; /* b / a */
	double confidence;       /* what the interval really has: at most what n allows */
};

/*
 * By which factor do the b differ from the a? All values are positive.
 *
 * Paired: a[i] and b[i] belong together. Hodges and Lehmann's estimate (the median of all averages
 * of two differences of logarithms) with the interval that inverts Wilcoxon's signed-rank test.
 * Unpaired: the median of all differences, with the interval that inverts the Mann-Whitney test.
 * Source: Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 3rd ed., 3.2, 3.3, 4.2, 4.3.
 * Exact for up to 200 pairs or 50 values together, by the normal approximation beyond.
 */
struct interval interval_paired(const double *a, const double *b, size_t n, double confidence);
struct interval interval_unpaired(const double *a, size_t m, const double *b, size_t n,
				  double confidence);

#endif
