// SPDX-License-Identifier: BSD-2-Clause
// estimate_line.c: see estimate_line.h.
#include "estimate_line.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../base/ticks.h"
#include "../go/go.h"
#include "../observe/churn.h"
#include "../observe/counters.h"
#include "../observe/estimate.h"
#include "../observe/histogram.h"
#include "../observe/segment.h"
#include <time.h>

#define CALIBRATE 2000000u
#define NAMED     0.05 /* parts that are this share of the largest are named */

/* Ticks in a millisecond, by two milliseconds of looking at both clocks. */
static uint64_t
estimate_line_rate(void)
{
	uint64_t ns = sf_sys_clock(CLOCK_MONOTONIC), from = sf_ticks(), now;

	if (ns == 0) /* there is no asking */
		return 0;
	do {
		now = sf_sys_clock(CLOCK_MONOTONIC);
	} while (now - ns < CALIBRATE);
	return sf_ticks_since(from) * 1000 / ((now - ns) / 1000);
}

struct wanted {
	const char *name;
	uint64_t value;
};

static void
estimate_line_take(void *arg, const char *name, uint64_t value)
{
	struct wanted *w = arg;

	if (sf_bytes_same(name, w->name))
		w->value = value;
}

static uint64_t
estimate_line_counted(const void *of, const char *name)
{
	struct wanted w = {name, 0};

	(void)of;
	for (int i = 0; i < SF_COUNTER_COUNT; i++)
		if (sf_bytes_same(sf_counters_name((enum sf_counter)i), name))
			return sf_counters_sum((enum sf_counter)i);
	sf_go_counters(estimate_line_take, &w);
	return w.value;
}

static const struct symfast_shm_histogram *
estimate_line_row(const void *of, const char *function)
{
	(void)of;
	for (int i = 0; i < SF_TIMED_COUNT; i++) {
		const struct symfast_shm_histogram *h =
			sf_histogram_row((enum sf_timed)i, SF_ARM_LIBC);

		if (sf_bytes_same(sf_histogram_name((enum sf_timed)i), function))
			return sf_segment_touch(h) && sf_segment_touch((const char *)(h + 1) - 1) &&
					       h->count != 0
				       ? h
				       : NULL;
	}
	return NULL;
}

/* Hundredths, with two digits behind the point; the sign is told in words. */
static void
estimate_line_percent(struct sf_line *l, double percent)
{
	uint64_t hundredths = (uint64_t)((percent < 0 ? -percent : percent) * 100 + 0.5);

	sf_line_str(l, percent < 0 && hundredths != 0 ? "-" : "");
	sf_line_u64(l, hundredths / 100);
	sf_line_str(l, hundredths % 100 < 10 ? ".0" : ".");
	sf_line_u64(l, hundredths % 100);
}

/* "32.10 % (27.00 to 36.50)" */
static void
estimate_line_span(struct sf_line *l, const struct sf_estimate *e, const struct sf_estimate_span *s,
		   double sign)
{
	estimate_line_percent(l, sf_estimate_percent(e, sign * s->likely));
	sf_line_str(l, " % (");
	estimate_line_percent(l, sf_estimate_percent(e, sign * (sign < 0 ? s->most : s->least)));
	sf_line_str(l, " to ");
	estimate_line_percent(l, sf_estimate_percent(e, sign * (sign < 0 ? s->least : s->most)));
	sf_line_str(l, ")");
}

static double
estimate_line_size(double x)
{
	return x < 0 ? -x : x;
}

static void
estimate_line_parts(struct sf_line *l, const struct sf_estimate *e)
{
	const char *between = ": ";
	double most = 0;

	for (unsigned int i = 0; i < e->parts; i++)
		if (e->part[i].why == NULL && estimate_line_size(e->part[i].saved.likely) > most)
			most = estimate_line_size(e->part[i].saved.likely);
	for (unsigned int i = 0; i < e->parts; i++) {
		const struct sf_estimate_part *p = &e->part[i];

		if (p->why != NULL || estimate_line_size(p->saved.likely) < most * NAMED)
			continue;
		sf_line_str(l, between);
		sf_line_str(l, p->name);
		sf_line_str(l, " ");
		estimate_line_percent(l, sf_estimate_percent(e, p->saved.likely));
		between = ", ";
	}
}

static void
estimate_line_verdict(const struct sf_estimate *e)
{
	double sign = e->verdict == SF_ESTIMATE_COSTS ? -1 : 1;
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "estimate: ");
	if (e->verdict == SF_ESTIMATE_CANNOT) {
		sf_line_str(&l, "cannot say, because ");
		sf_line_str(&l, e->why);
	} else if (e->verdict == SF_ESTIMATE_NOTHING) {
		sf_line_str(&l, "would save nothing");
	} else {
		sf_line_str(&l, sign < 0 ? "would cost " : "would save ");
		estimate_line_span(&l, e, &e->saved, sign);
		sf_line_str(&l, " of ");
		sf_line_u64(&l, (uint64_t)(e->cpu_ns / 1000000));
		sf_line_str(&l, " ms CPU time");
		estimate_line_parts(&l, e);
	}
	sf_line_write(&l);
}

static void
estimate_line_doubts(const struct sf_estimate *e)
{
	struct sf_line l;

	for (unsigned int i = 0; i < e->parts; i++) {
		const struct sf_estimate_part *p = &e->part[i];

		if (p->why == NULL || e->verdict == SF_ESTIMATE_CANNOT)
			continue;
		sf_line_start(&l);
		sf_line_str(&l, "estimate: without ");
		sf_line_str(&l, p->name);
		sf_line_str(&l, ", because ");
		sf_line_str(&l, p->why);
		sf_line_write(&l);
	}
}

static void
estimate_line_retain(const struct sf_estimate *e)
{
	struct sf_line l;

	if (!(e->retained.likely > 0))
		return;
	sf_line_start(&l);
	sf_line_str(&l, "estimate: retaining what is loaded again and again would save another ");
	estimate_line_span(&l, e, &e->retained, 1);
	sf_line_write(&l);
}

static void
estimate_line_observed(const struct sf_estimate *e)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "observed ");
	sf_line_u64(&l, (uint64_t)e->asked);
	sf_line_str(&l, " look-ups, ");
	sf_line_u64(&l, (uint64_t)e->repeats);
	sf_line_str(&l, " asked before; in libc ");
	sf_line_u64(&l, (uint64_t)(e->libc_ns / 1000));
	sf_line_str(&l, " us, and waited ");
	sf_line_u64(&l, (uint64_t)(e->waited / 1000));
	sf_line_str(&l, " us; loading and unloading ");
	sf_line_u64(&l, (uint64_t)(e->loading_ns / 1000));
	sf_line_str(&l, " us");
	sf_line_write(&l);
}

void
sf_estimate_line_print(void)
{
	struct sf_estimate_source from = {
		.counted = estimate_line_counted,
		.row = estimate_line_row,
		.own_ticks = (double)sf_control.own_ticks,
		.go = sf_control.go_state,
		.observed = sf_control.word == SYMFAST_SHM_OBSERVE || sf_control.ab_share != 0,
		.changed = sf_control.reason != SYMFAST_SHM_BY_SETTING,
	};
	struct sf_estimate e;
	uint64_t loads = 0, ticks = 0, rate;

	from.cpu_ns = (double)sf_sys_clock(CLOCK_PROCESS_CPUTIME_ID);
	sf_estimate(&e, &from);
	if (e.verdict == SF_ESTIMATE_NONE)
		return;
	rate = estimate_line_rate();
	from.ns = rate != 0 ? 1e6 / (double)rate : 0;
	sf_churn_sum(SF_ESTIMATE_AGAIN, &loads, &ticks);
	from.churn_loads = (double)loads;
	from.churn_ticks = (double)ticks;
	sf_estimate(&e, &from);
	estimate_line_observed(&e);
	estimate_line_verdict(&e);
	estimate_line_doubts(&e);
	estimate_line_retain(&e);
	if (rate != 0)
		sf_churn_print(rate, (uint64_t)from.cpu_ns);
}
