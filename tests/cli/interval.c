// SPDX-License-Identifier: BSD-2-Clause
// interval.c: medians and intervals against published and hand-counted values.
#include "cli/base/interval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;

static void
near(const char *what, double have, double want, double within)
{
	bool good = fabs(have - want) <= within;

	printf("%s %s: %.6g, expected %.6g\n", good ? "ok  " : "FAIL", what, have, want);
	failures += !good;
}

/* Quantiles of a sorted row. */
static void
quantiles(void)
{
	double v[] = {4, 1, 3, 2}, one[] = {7};

	near("median of four", interval_median(v, 4), 2.5, 0);
	near("and they are sorted", v[0] * 1000 + v[3], 1004, 0);
	near("quantile 0", interval_quantile(v, 4, 0), 1, 0);
	near("quantile 1", interval_quantile(v, 4, 1), 4, 0);
	near("quantile 0.9", interval_quantile(v, 4, 0.9), 3.7, 1e-12);
	near("median of one", interval_median(one, 1), 7, 0);
}

/*
 * Hollander and Wolfe's table A.4: of n pairs the interval from the k-th average, and what it
 * covers. n = 7: 3 of 128 signs-outcomes have T <= 2, so k = 3 has 1 - 6/128.
 */
static void
signed_rank_levels(void)
{
	static const struct {
		size_t n;
		double confidence;
	} rows[] = {{1, 0},
		    {3, 0.75},
		    {5, 1 - 2 / 32.0},
		    {6, 1 - 2 / 64.0},
		    {7, 1 - 6 / 128.0},
		    {10, 1 - 50 / 1024.0}};
	double a[10], b[10];

	for (size_t i = 0; i < 10; i++) {
		a[i] = 1;
		b[i] = exp((double)(i + 1)); /* differences 1..10 */
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct interval e = interval_paired(a, b, rows[i].n, 0.95);
		char what[64];

		snprintf(what, sizeof(what), "signed rank, %zu pairs: confidence", rows[i].n);
		near(what, e.confidence, rows[i].confidence, 1e-9);
	}
}

/* The averages of the differences 1..7: their median is 4; the 3rd from below is 1.5 + ... */
static void
paired(void)
{
	double a[7], b[7];
	struct interval e;

	for (int i = 0; i < 7; i++) {
		a[i] = 2;
		b[i] = 2 * exp((double)(i + 1));
	}
	e = interval_paired(a, b, 7, 0.95);
	near("paired ratio", log(e.ratio), 4, 1e-9);
	/* Sorted averages begin 1, 1.5, 2, 2, 2.5, ... */
	near("paired low", log(e.low), 2, 1e-9);
	near("paired high", log(e.high), 6, 1e-9);
}

/* 4 and 5 values: P(U <= 1) = 2/126, P(U <= 2) = 4/126: k = 2 at 95 %. */
static void
unpaired(void)
{
	double a[] = {exp(0.0), exp(1.0), exp(2.0), exp(3.0)};
	double b[] = {exp(10.0), exp(11.0), exp(12.0), exp(13.0), exp(14.0)};
	struct interval e = interval_unpaired(a, 4, b, 5, 0.95);

	near("unpaired ratio", log(e.ratio), 10.5, 1e-9);
	near("unpaired confidence", e.confidence, 1 - 4 / 126.0, 1e-9);
	near("unpaired low", log(e.low), 8, 1e-9);
	near("unpaired high", log(e.high), 13, 1e-9);
}

/* The exact and the approximate form meet at the border between them. */
static void
borders(void)
{
	double a[300], b[300];

	for (int i = 0; i < 300; i++) {
		a[i] = exp(sin(i));
		b[i] = exp(sin(i * 7 + 1) + 0.1);
	}
	near("200 and 201 pairs", log(interval_paired(a, b, 200, 0.95).low),
	     log(interval_paired(a, b, 201, 0.95).low), 0.01);
	near("25 and 26 values", log(interval_unpaired(a, 25, b, 25, 0.95).low),
	     log(interval_unpaired(a, 25, b, 26, 0.95).low), 0.1);
	near("confidence of 300 pairs", interval_paired(a, b, 300, 0.95).confidence, 0.95, 0.001);
}

/* Of 2000 comparisons of equal things, 4.2 % miss: 2 P(T <= 10) of eleven pairs. */
static void
coverage(void)
{
	double a[11], b[11], missed = 0;

	srand48(1);
	for (int round = 0; round < 2000; round++) {
		struct interval e;

		for (int i = 0; i < 11; i++) {
			a[i] = exp(drand48());
			b[i] = exp(drand48());
		}
		e = interval_paired(a, b, 11, 0.95);
		missed += e.low > 1 || e.high < 1;
	}
	near("misses of 2000", missed / 2000, 0.042, 0.015);
}

int
main(void)
{
	quantiles();
	signed_rank_levels();
	paired();
	unpaired();
	borders();
	coverage();
	return failures != 0;
}
