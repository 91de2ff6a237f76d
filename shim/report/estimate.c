// SPDX-License-Identifier: BSD-2-Clause
// estimate.c: see estimate.h.
#include "estimate.h"

#include "../base/log.h"
#include "../base/sys.h"
#include "../base/ticks.h"
#include "../observe/churn.h"
#include "../observe/counters.h"
#include "../observe/histogram.h"
#include "../observe/segment.h"
#include <time.h>

#define HIT_NS    10 /* of a hit, generously */
#define CALIBRATE 2000000u

/* Ticks in a millisecond, by two milliseconds of looking at both clocks. */
static uint64_t
estimate_ticks_per_ms(void)
{
	uint64_t ns = sf_sys_clock(CLOCK_MONOTONIC), from = sf_ticks(), now;

	if (ns == 0) /* there is no asking */
		return 0;
	do {
		now = sf_sys_clock(CLOCK_MONOTONIC);
	} while (now - ns < CALIBRATE);
	return sf_ticks_since(from) * 1000 / ((now - ns) / 1000);
}

static void
estimate_add_row(enum sf_timed function, uint64_t *calls, uint64_t *ticks, uint64_t *waited)
{
	const struct symfast_shm_histogram *h = sf_histogram_row(function, SF_ARM_LIBC);

	if (!sf_segment_touch(h))
		return;
	*calls += sf_load_64(&h->count);
	*ticks += sf_load_64(&h->ticks);
	*waited += sf_load_64(&h->waited);
}

void
sf_estimate(struct sf_estimate *e)
{
	uint64_t ticks = 0, waited = 0, loads = 0, load_ticks = 0, unused = 0, rate;

	*e = (struct sf_estimate){.cpu_ns = sf_sys_clock(CLOCK_PROCESS_CPUTIME_ID)};
	estimate_add_row(SF_TIMED_DLSYM, &e->calls, &ticks, &waited);
	estimate_add_row(SF_TIMED_DLVSYM, &e->calls, &ticks, &waited);
	estimate_add_row(SF_TIMED_DLOPEN, &loads, &load_ticks, &unused);
	estimate_add_row(SF_TIMED_DLCLOSE, &loads, &load_ticks, &unused);
	e->asked = sf_counters_sum(SF_BYPASS_OBSERVE) + sf_counters_sum(SF_BYPASS_STOCK);
	e->repeats = sf_counters_sum(SF_OBSERVE_REPEAT);
	if (e->calls + loads == 0)
		return;
	rate = estimate_ticks_per_ms();
	if (rate == 0)
		return;
	e->ticks_per_ms = rate;
	e->ns = ticks / 1000 * 1000000 / (rate / 1000 + 1);
	e->waited_ns = waited / 1000 * 1000000 / (rate / 1000 + 1);
	e->load_ns = load_ticks / 1000 * 1000000 / (rate / 1000 + 1);
	if (e->asked != 0)
		e->saved_ns = e->ns / e->asked * e->repeats;
	e->saved_ns = e->saved_ns > e->repeats * HIT_NS ? e->saved_ns - e->repeats * HIT_NS : 0;
}

static void
estimate_say_percent(struct sf_line *l, uint64_t part, uint64_t whole)
{
	uint64_t hundredths = whole >= 10000 ? part / (whole / 10000) : 0;

	sf_line_u64(l, hundredths / 100);
	sf_line_str(l, hundredths % 100 < 10 ? ".0" : ".");
	sf_line_u64(l, hundredths % 100);
	sf_line_str(l, " %");
}

void
sf_estimate_print(void)
{
	struct sf_estimate e;
	struct sf_line l;

	sf_estimate(&e);
	if (e.calls == 0 && e.load_ns == 0)
		return;
	/* In verify calls are timed, too, but not observed: nothing can be said of what they would cost. */
	if (e.asked == 0 && sf_counters_sum(SF_BYPASS_VERIFY) != 0)
		return;
	sf_line_start(&l);
	sf_line_str(&l, "observed ");
	sf_line_u64(&l, e.asked);
	sf_line_str(&l, " look-ups, ");
	sf_line_u64(&l, e.repeats);
	sf_line_str(&l, " asked before; in libc ");
	sf_line_u64(&l, e.ns / 1000);
	sf_line_str(&l, " us, of that waiting ");
	sf_line_u64(&l, e.waited_ns / 1000);
	sf_line_str(&l, " us; loading and unloading ");
	sf_line_u64(&l, e.load_ns / 1000);
	sf_line_str(&l, " us");
	sf_line_write(&l);
	sf_line_start(&l);
	sf_line_str(&l, "estimate: would save ");
	if (e.saved_ns == 0 || (e.cpu_ns != 0 && e.saved_ns < e.cpu_ns / 20000)) {
		sf_line_str(&l, "nothing");
	} else {
		estimate_say_percent(&l, e.saved_ns, e.cpu_ns);
		sf_line_str(&l, " of ");
		sf_line_u64(&l, e.cpu_ns / 1000000);
		sf_line_str(&l, " ms CPU time");
	}
	sf_line_write(&l);
	/* What is retained already is loaded no more. */
	if (e.ticks_per_ms != 0)
		sf_churn_print(e.ticks_per_ms, e.cpu_ns);
}
