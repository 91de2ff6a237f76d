// SPDX-License-Identifier: BSD-2-Clause
// stat_sum.c: see stat_sum.h.
#include "stat_sum.h"

#include "../base/proc.h"
#include <stdlib.h>
#include <string.h>

uint64_t
stat_sum_counted(const void *of, const char *name)
{
	const struct stat_sum *sum = of;

	for (size_t i = 0; i < sum->counter_count; i++)
		if (strcmp(sum->counters[i].name, name) == 0)
			return sum->counters[i].value;
	return 0;
}

static const struct symfast_shm_histogram *
stat_sum_estimate_row(const void *of, const char *function)
{
	const struct stat_sum *sum = of;

	for (size_t i = 0; i < sum->latency_count; i++)
		if (strcmp(sum->latencies[i].function, function) == 0)
			return sum->latencies[i].arm[0].count != 0 ? &sum->latencies[i].arm[0]
								   : NULL;
	return NULL;
}

void
stat_sum_estimate(const struct stat_sum *sum, struct sf_estimate *e)
{
	const struct symfast_shm_control *c = &sum->control;
	const struct sf_estimate_source from = {
		.of = sum,
		.counted = stat_sum_counted,
		.row = stat_sum_estimate_row,
		.ns = sum->ns,
		.cpu_ns = sum->cpu_ns,
		.churn_ticks = sum->churn_ticks,
		.churn_loads = sum->churn_loads,
		.own_ticks = sum->own_ticks,
		.go = c->go_state,
		.observed = c->phase == SYMFAST_SHM_PHASE_LIVE &&
			    (c->word == SYMFAST_SHM_OBSERVE || c->ab_share != 0),
		.changed = c->reason != SYMFAST_SHM_BY_SETTING,
	};

	sf_estimate(e, &from);
}

static bool
stat_sum_add_counters(struct stat_sum *sum, const struct segment *s)
{
	size_t count;
	struct counter *counters = segment_counters(s, &count);

	for (size_t i = 0; counters != NULL && i < count; i++) {
		size_t k = 0;

		while (k < sum->counter_count &&
		       strcmp(sum->counters[k].name, counters[i].name) != 0)
			k++;
		if (k == sum->counter_count) {
			sum->counters = cli_grow(sum->counters, k + 1, sizeof(*sum->counters));
			sum->counters[sum->counter_count++] = counters[i];
		} else {
			sum->counters[k].value += counters[i].value;
		}
	}
	free(counters);
	return counters != NULL;
}

static struct latency *
stat_sum_latency_of(struct stat_sum *sum, const char *function)
{
	struct latency *l;

	for (size_t i = 0; i < sum->latency_count; i++)
		if (strcmp(sum->latencies[i].function, function) == 0)
			return &sum->latencies[i];
	sum->latencies = cli_grow(sum->latencies, sum->latency_count + 1, sizeof(*sum->latencies));
	l = &sum->latencies[sum->latency_count++];
	*l = (struct latency){0};
	snprintf(l->function, sizeof(l->function), "%s", function);
	return l;
}

static void
stat_sum_add_latencies(struct stat_sum *sum, const struct segment *s)
{
	size_t count;
	struct segment_function *functions = segment_functions(s, &count);
	struct symfast_shm_histogram h, *to;

	for (size_t row = 0; row < count * 2; row++) {
		if (!segment_histogram(s, (uint32_t)row, &h))
			continue;
		to = &stat_sum_latency_of(sum, functions[row / 2].name)->arm[row % 2];
		to->count += h.count;
		to->ticks += h.ticks;
		to->waited += h.waited;
		to->clocked += h.clocked;
		to->clocked_ticks += h.clocked_ticks;
		to->clocked_ns += h.clocked_ns;
		to->longest = to->longest > h.longest ? to->longest : h.longest;
		for (size_t b = 0; b < SYMFAST_SHM_BUCKETS; b++)
			to->bucket[b] += h.bucket[b];
	}
	free(functions);
}

/* Loads of what was loaded again and again: what retaining would save. */
static void
stat_sum_add_churn(struct stat_sum *sum, const struct segment *s)
{
	struct symfast_shm_object o;

	for (uint32_t i = 0; i < s->head.objects.used; i++) {
		if (!segment_object(s, i, &o) || o.loads < SF_ESTIMATE_AGAIN)
			continue;
		sum->churn_loads += (double)o.loads;
		sum->churn_ticks += (double)o.ticks;
	}
}

bool
stat_sum_add(struct stat_sum *sum, const struct segment *s)
{
	double ns = segment_ns_per_tick(s);

	if (!stat_sum_add_counters(sum, s))
		return false;
	sum->ns = ns > 0 ? ns : sum->ns;
	sum->processes++;
	sum->cpu_ns +=
		s->liveness == SEGMENT_LIVE ? proc_cpu_ns(s->head.pid) : (double)s->control.cpu_ns;
	sum->own_ticks += (double)s->control.own_ticks;
	sum->control = s->control;
	stat_sum_add_latencies(sum, s);
	stat_sum_add_churn(sum, s);
	return true;
}

void
stat_sum_free(struct stat_sum *sum)
{
	free(sum->counters);
	free(sum->latencies);
}

bool
stat_sum_estimate_of(const struct segment *s, struct sf_estimate *e)
{
	struct stat_sum sum = {0};
	bool good;

	if (s->control.phase != SYMFAST_SHM_PHASE_LIVE ||
	    (s->control.word != SYMFAST_SHM_OBSERVE && s->control.ab_share == 0))
		return false; /* spares the reading; sf_estimate() says the same */
	good = stat_sum_add(&sum, s);
	if (good)
		stat_sum_estimate(&sum, e);
	stat_sum_free(&sum);
	return good && e->verdict != SF_ESTIMATE_NONE;
}
