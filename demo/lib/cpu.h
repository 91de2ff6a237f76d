// SPDX-License-Identifier: BSD-2-Clause
// cpu.h: this process's CPU time, which bears a machine on which others work, too.
#ifndef DEMO_CPU_H
#define DEMO_CPU_H

#include <stdio.h>
#include <time.h>

static inline double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/*
 * So many rounds before, then `n` that count: their CPU time is the metric `what`. Returns the sum of what all rounds
 * have returned.
 */
static inline long long
cpu_measure(int before, int n, long long (*round)(void), const char *what)
{
	long long sum = 0;
	double begin;

	for (int i = 0; i < before; i++)
		sum += round();
	begin = cpu_us();
	for (int i = 0; i < n; i++)
		sum += round();
	dprintf(3, "metric %.3f us %s, CPU time\n", (cpu_us() - begin) / n, what);
	return sum;
}

#endif
