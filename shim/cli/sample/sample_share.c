// SPDX-License-Identifier: BSD-2-Clause
// sample_share.c: see sample_share.h.
#include "sample_share.h"

#include <math.h>

#define Z95 1.959964

/*
 * Source: E. B. Wilson, Probable inference, JASA 22 (1927): it stays within 0 and 1, and is right for few samples.
 * L. Kish, Survey Sampling, 11.7: n = (sum of weights)^2 / sum of their squares.
 */
struct sample_share
sample_share_of_cpu(const struct sample_tally *t, double ns)
{
	double z2 = Z95 * Z95, n, p, middle, half;

	if (t->cpu_ns_squared <= 0)
		return (struct sample_share){0, 0, 1};
	n = t->cpu_ns * t->cpu_ns / t->cpu_ns_squared;
	p = fmin(ns / t->cpu_ns, 1);
	middle = (p + z2 / (2 * n)) / (1 + z2 / n);
	half = Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
	return (struct sample_share){p, ns > 0 ? fmax(middle - half, 0) : 0,
				     p < 1 ? fmin(middle + half, 1) : 1};
}

/* Running threads are not always stopped: what is known of them stands for all of them. */
double
sample_share_of_time(const struct sample_tally *t, const uint64_t samples[SAMPLE_TALLY_STATES])
{
	uint64_t running = t->known[SAMPLE_TALLY_CPU] + t->known[SAMPLE_TALLY_READY];
	uint64_t sleeping = t->known[SAMPLE_TALLY_LOCK] + t->known[SAMPLE_TALLY_SLEEP];
	double all = (double)(t->running + t->sleeping), part = 0;

	if (running != 0)
		part += (double)(samples[SAMPLE_TALLY_CPU] + samples[SAMPLE_TALLY_READY]) /
			(double)running * (double)t->running;
	if (sleeping != 0)
		part += (double)(samples[SAMPLE_TALLY_LOCK] + samples[SAMPLE_TALLY_SLEEP]) /
			(double)sleeping * (double)t->sleeping;
	return all > 0 ? part / all : 0;
}

double
sample_share_of_waits(const struct sample_tally *t, uint64_t lock)
{
	const uint64_t samples[SAMPLE_TALLY_STATES] = {[SAMPLE_TALLY_LOCK] = lock};

	return sample_share_of_time(t, samples);
}

double
sample_share_threads(const struct sample_process *p)
{
	return p->lists != 0 ? (double)p->listed / (double)p->lists : 0;
}
