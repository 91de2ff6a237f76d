// SPDX-License-Identifier: BSD-2-Clause
// Test: every quantile that the bench prints is within a bucket's width of the sorted truth.
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include "hist.h"

#define SAMPLES 50001u

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values of all magnitudes, each about as likely: what latencies look like at their worst. */
static uint64_t
sample(unsigned i)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 1 | UINT64_C(1) << 62) >> (i % 63);
}

static void
demand_near(double got, uint64_t truth, const char *what)
{
	double off = got - (double)truth;

	if (off < 0)
		off = -off;
	if (off > (double)truth / 128 + 0.5)
		errx(1, "%s: %f, but the truth is %" PRIu64, what, got, truth);
}

int
main(void)
{
	static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
	struct bench_hist *whole = bench_hist_new(), *part = bench_hist_new();
	uint64_t *all = calloc(SAMPLES, sizeof(*all));

	if (!all)
		err(1, "samples");
	if (bench_hist_at(whole, 0.5) != 0)
		errx(1, "an empty histogram has a median");
	for (unsigned i = 0; i < SAMPLES; i++) {
		all[i] = sample(i);
		bench_hist_add(i % 3 ? whole : part, all[i]);
	}
	bench_hist_merge(whole, part);
	qsort(all, SAMPLES, sizeof(*all), by_value);
	for (unsigned i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		double rank = shares[i] * SAMPLES;
		unsigned at = (unsigned)rank;

		if (at == rank)
			at--;
		demand_near(bench_hist_at(whole, shares[i]), all[at], "quantile");
	}
	if (whole->count != SAMPLES || whole->max != all[SAMPLES - 1])
		errx(1, "count or maximum lost in the merge");
	return 0;
}
