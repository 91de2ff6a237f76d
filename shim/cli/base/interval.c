// SPDX-License-Identifier: BSD-2-Clause
// interval.c: see interval.h.
#include "interval.h"

#include "cli.h"
#include <math.h>
#include <stdlib.h>

#define PAIRS_EXACT  200
#define VALUES_EXACT 50

static int
interval_by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
interval_quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

double
interval_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), interval_by_value);
	return interval_quantile(v, n, 0.5);
}

/* The standard normal distribution. */
static double
interval_normal(double z)
{
	return erfc(-z / sqrt(2)) / 2;
}

/*
 * P(T <= 0..max), T the sum of the ranks 1..n that a fair coin picks: each rank doubles the ways.
 */
static double *
interval_signed_rank(size_t n, size_t max)
{
	double *p = cli_alloc(max + 1, sizeof(*p)), sum = 0;

	p[0] = 1;
	for (size_t rank = 1; rank <= n; rank++) {
		for (size_t t = max + 1; t-- > 0;)
			p[t] = (p[t] + (t >= rank ? p[t - rank] : 0)) / 2;
	}
	for (size_t t = 0; t <= max; t++)
		p[t] = sum += p[t];
	return p;
}

/*
 * P(U <= 0..max) for m and n values: the Gaussian binomial coefficient, factor by factor:
 * (1 - q^(n+i)) / (1 - q^i), which stays below 2^53 and therefore exact.
 */
static double *
interval_mann_whitney(size_t m, size_t n, size_t max)
{
	double *p = cli_alloc(max + 1, sizeof(*p)), ways = 1, sum = 0;

	p[0] = 1;
	for (size_t i = 1; i <= m; i++) {
		for (size_t u = max + 1; u-- > n + i;)
			p[u] -= p[u - n - i];
		for (size_t u = i; u <= max; u++)
			p[u] += p[u - i];
		ways = ways * (double)(n + i) / (double)i;
	}
	for (size_t u = 0; u <= max; u++)
		p[u] = (sum += p[u]) / ways;
	return p;
}

/* P(statistic <= 0..max) by its mean and variance, with half a step of continuity. */
static double *
interval_approximate(double mean, double variance, size_t max)
{
	double *p = cli_alloc(max + 1, sizeof(*p));

	for (size_t t = 0; t <= max; t++)
		p[t] = interval_normal(((double)t + 0.5 - mean) / sqrt(variance));
	return p;
}

/*
 * The interval between the k-th of the differences from below and from above misses with
 * 2 P(statistic <= k - 1): the widest k that keeps to the confidence asked for, or 1.
 */
static struct interval
interval(double *differences, size_t count, const double *below, size_t max, double confidence)
{
	size_t k = 1;
	struct interval e;

	while (k < max && 2 * below[k] <= 1 - confidence)
		k++;
	e.ratio = exp(interval_median(differences, count));
	e.low = exp(differences[k - 1]);
	e.high = exp(differences[count - k]);
	e.confidence = fmax(0, 1 - 2 * below[k - 1]);
	return e;
}

struct interval
interval_paired(const double *a, const double *b, size_t n, double confidence)
{
	size_t count = n * (n + 1) / 2, at = 0;
	double *averages = cli_alloc(count, sizeof(*averages)), *below;
	double mean = (double)count / 2;
	struct interval e;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++)
			averages[at++] = (log(b[i] / a[i]) + log(b[j] / a[j])) / 2;
	below = n <= PAIRS_EXACT
			? interval_signed_rank(n, count / 2)
			: interval_approximate(mean, mean * (double)(2 * n + 1) / 6, count / 2);
	e = interval(averages, count, below, count / 2, confidence);
	free(below);
	free(averages);
	return e;
}

struct interval
interval_unpaired(const double *a, size_t m, const double *b, size_t n, double confidence)
{
	size_t count = m * n, at = 0;
	double *differences = cli_alloc(count, sizeof(*differences)), *below;
	struct interval e;

	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			differences[at++] = log(b[j] / a[i]);
	below = m + n <= VALUES_EXACT
			? interval_mann_whitney(m, n, count / 2)
			: interval_approximate((double)count / 2,
					       (double)count * (double)(m + n + 1) / 12, count / 2);
	e = interval(differences, count, below, count / 2, confidence);
	free(below);
	free(differences);
	return e;
}
