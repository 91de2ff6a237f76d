// SPDX-License-Identifier: BSD-2-Clause
// metrics_sums.c: see metrics_sums.h.
#include "metrics_sums.h"

#include "../segment/bucket.h"
#include <stdlib.h>
#include <string.h>

const double metrics_edge[METRICS_EDGES] = {1e-8, 2e-8, 5e-8, 1e-7, 2e-7, 5e-7, 1e-6,
					    5e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1,  1.0};

void
metrics_sums_free(struct metrics_sums *s)
{
	free(s->counters);
	free(s->latencies);
	*s = (struct metrics_sums){0};
}

/* The counter of a name; NULL: there are too many. Most lists have the same names in the same places. */
static struct counter *
metrics_sums_counter(struct metrics_sums *s, const char *name, size_t guess)
{
	if (guess < s->counter_count && strcmp(s->counters[guess].name, name) == 0)
		return &s->counters[guess];
	for (size_t i = 0; i < s->counter_count; i++)
		if (strcmp(s->counters[i].name, name) == 0)
			return &s->counters[i];
	if (s->counter_count == METRICS_COUNTERS)
		return NULL;
	if (s->counters == NULL)
		s->counters = cli_alloc(METRICS_COUNTERS, sizeof(*s->counters));
	snprintf(s->counters[s->counter_count].name, sizeof(s->counters->name), "%s", name);
	return &s->counters[s->counter_count++];
}

static struct metrics_latency *
metrics_sums_latency(struct metrics_sums *s, const char *function)
{
	for (size_t i = 0; i < s->latency_count; i++)
		if (strcmp(s->latencies[i].function, function) == 0)
			return &s->latencies[i];
	if (s->latency_count == METRICS_LATENCIES)
		return NULL;
	if (s->latencies == NULL)
		s->latencies = cli_alloc(METRICS_LATENCIES, sizeof(*s->latencies));
	snprintf(s->latencies[s->latency_count].function, sizeof(s->latencies->function), "%s",
		 function);
	return &s->latencies[s->latency_count++];
}

static void
metrics_sums_add_arm(struct metrics_arm *to, const struct metrics_arm *arm)
{
	for (size_t i = 0; i <= METRICS_EDGES; i++)
		to->bucket[i] += arm->bucket[i];
	to->count += arm->count;
	to->seconds += arm->seconds;
}

void
metrics_sums_add(struct metrics_sums *to, const struct metrics_sums *from)
{
	for (size_t i = 0; i < from->counter_count; i++) {
		struct counter *c = metrics_sums_counter(to, from->counters[i].name, i);

		if (c != NULL)
			c->value += from->counters[i].value;
	}
	for (size_t i = 0; i < from->latency_count; i++) {
		struct metrics_latency *l = metrics_sums_latency(to, from->latencies[i].function);

		for (int arm = 0; l != NULL && arm < 2; arm++)
			metrics_sums_add_arm(&l->arm[arm], &from->latencies[i].arm[arm]);
	}
}

/* A duration counts in the first bucket that holds all of its own bucket (a sixteenth of a power of two wide). */
static size_t
metrics_sums_bucket(double seconds)
{
	size_t i = 0;

	while (i < METRICS_EDGES && seconds > metrics_edge[i])
		i++;
	return i;
}

/* What is counted is what lies in buckets: then the last one of them is the count. */
static void
metrics_sums_read_arm(struct metrics_arm *to, const struct symfast_shm_histogram *h, double ns)
{
	for (unsigned int b = 0; b < SYMFAST_SHM_BUCKETS; b++) {
		if (h->bucket[b] == 0)
			continue;
		to->bucket[metrics_sums_bucket(bucket_edge(b + 1) * ns / 1e9)] += h->bucket[b];
		to->count += h->bucket[b];
	}
	to->seconds += (double)h->ticks * ns / 1e9;
}

static void
metrics_sums_read_latencies(struct metrics_sums *to, const struct segment *s)
{
	double ns = segment_ns_per_tick(s);
	struct symfast_shm_histogram h;
	struct segment_function *functions;
	size_t count;

	if (!(ns > 0))
		return;
	functions = segment_functions(s, &count);
	for (size_t row = 0; row < count * 2; row++) {
		struct metrics_latency *l = NULL;

		if (segment_histogram(s, (uint32_t)row, &h))
			l = metrics_sums_latency(to, functions[row / 2].name);
		if (l != NULL)
			metrics_sums_read_arm(&l->arm[row % 2], &h, ns);
	}
	free(functions);
}

bool
metrics_sums_read(struct metrics_sums *to, const struct segment *s)
{
	size_t count = 0;
	struct counter *counters = segment_counters(s, &count);
	struct metrics_sums all = {.counters = counters, .counter_count = count};

	*to = (struct metrics_sums){0};
	if (counters == NULL)
		return false;
	metrics_sums_add(to, &all);
	free(counters);
	metrics_sums_read_latencies(to, s);
	return true;
}
