// SPDX-License-Identifier: BSD-2-Clause
// bucket.c: see bucket.h.
#include "bucket.h"

#include <math.h>

#define Z_975 2.2414 /* two-sided */

double
bucket_edge(unsigned int b)
{
	return b < 16 ? b : ldexp(16 + b % 16, (int)(b / 16) - 1);
}

uint64_t
bucket_values(const struct symfast_shm_histogram *h)
{
	uint64_t n = 0;

	for (unsigned int b = 0; b < SYMFAST_SHM_BUCKETS; b++)
		n += h->bucket[b];
	return n;
}

/* The bucket of the value with this rank, 1 to bucket_values. */
static unsigned int
bucket_of_rank(const struct symfast_shm_histogram *h, double rank)
{
	uint64_t n = 0;

	for (unsigned int b = 0; b < SYMFAST_SHM_BUCKETS; b++) {
		n += h->bucket[b];
		if ((double)n >= rank)
			return b;
	}
	return SYMFAST_SHM_BUCKETS - 1;
}

double
bucket_quantile(const struct symfast_shm_histogram *h, double q)
{
	double n = (double)bucket_values(h);
	unsigned int b;

	if (n < 1)
		return 0;
	b = bucket_of_rank(h, fmax(1, ceil(q * n)));
	return (bucket_edge(b) + bucket_edge(b + 1)) / 2;
}

/* Between which ticks does the quantile lie? false if there are too few values. */
static bool
bucket_bounds(const struct symfast_shm_histogram *h, double q, double *low, double *high)
{
	double n = (double)bucket_values(h);
	double reach = Z_975 * sqrt(n * q * (1 - q));
	double from = floor(n * q - reach), to = ceil(n * q + reach) + 1;

	if (from < 1 || to > n)
		return false;
	*low = bucket_edge(bucket_of_rank(h, from));
	*high = bucket_edge(bucket_of_rank(h, to) + 1);
	return true;
}

struct bucket_ratio
bucket_compare(const struct symfast_shm_histogram *a, const struct symfast_shm_histogram *b,
	       double q)
{
	double a_low, a_high, b_low, b_high, at = bucket_quantile(a, q);
	struct bucket_ratio r = {0};

	if (at > 0)
		r.ratio = bucket_quantile(b, q) / at;
	r.bounded = bucket_bounds(a, q, &a_low, &a_high) && bucket_bounds(b, q, &b_low, &b_high) &&
		    a_low > 0;
	if (r.bounded) {
		r.low = b_low / a_high;
		r.high = b_high / a_low;
	}
	return r;
}
