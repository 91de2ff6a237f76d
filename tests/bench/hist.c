// SPDX-License-Identifier: BSD-2-Clause
// Merging histograms and reading quantiles from them.
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include "hist.h"

struct bench_hist *
bench_hist_new(void)
{
	struct bench_hist *h = malloc(sizeof(*h));

	if (!h)
		err(1, "histogram");
	memset(h, 0, sizeof(*h)); /* pages must not be faulted in while the bench measures */
	return h;
}

void
bench_hist_merge(struct bench_hist *to, const struct bench_hist *from)
{
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
	for (unsigned i = 0; i < BENCH_HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

/* The middle of a bucket: the inverse of bench_hist_index(). */
static double
middle(unsigned i)
{
	unsigned shift;

	if (i < 2u << BENCH_HIST_SUB)
		return i;
	shift = (i >> BENCH_HIST_SUB) - 1;
	return ((double)(i - (shift << BENCH_HIST_SUB)) + 0.5) * (double)(UINT64_C(1) << shift);
}

double
bench_hist_at(const struct bench_hist *h, double q)
{
	double wanted = q * (double)h->count, seen = 0;

	for (unsigned i = 0; i < BENCH_HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (h->bucket[i] && seen >= wanted)
			return middle(i);
	}
	return 0;
}
