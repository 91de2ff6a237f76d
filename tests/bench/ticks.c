// SPDX-License-Identifier: BSD-2-Clause
// Calibration of the CPU's counter: its rate, its step, and what reading it twice costs.
#include "ticks.h"

#define RATE_NS 20000000u
#define PAIRS   20000u

static double
rate(void)
{
	uint64_t clock0 = bench_clock_ns(), ticks0 = bench_ticks_read(), clock1;

	do
		clock1 = bench_clock_ns();
	while (clock1 - clock0 < RATE_NS);
	return (double)(bench_ticks_read() - ticks0) / (double)(clock1 - clock0);
}

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/*
 * A virtual machine may show a counter that only moves in steps of 10 ns or so: the step is the
 * greatest common divisor of many differences, and the cost is a mean, because no single pair
 * can show a fraction of a step. Pairs that an interrupt hit are left out of the mean.
 */
void
bench_ticks_calibrate(struct bench_ticks *t)
{
	uint64_t least = UINT64_MAX, sum = 0, kept = 0;
	static uint64_t pair[PAIRS];

	t->per_ns = rate();
	t->step = 0;
	for (unsigned i = 0; i < PAIRS; i++) {
		uint64_t begin = bench_ticks_read();

		pair[i] = bench_ticks_read() - begin;
		t->step = gcd(t->step, pair[i]);
		if (pair[i] && pair[i] < least)
			least = pair[i];
	}
	for (unsigned i = 0; i < PAIRS; i++) {
		if (pair[i] <= 2 * least) {
			sum += pair[i];
			kept++;
		}
	}
	t->cost = (double)sum / (double)kept;
}
