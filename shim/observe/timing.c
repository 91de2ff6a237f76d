// SPDX-License-Identifier: BSD-2-Clause
// timing.c: see timing.h. System calls only, no errno.
#include "timing.h"

#include "../base/sys.h"
#include "../base/ticks.h"
#include "segment.h"
#include <time.h>

#define LOOKS     16   /* at an empty duration */
#define LONG      8    /* times what a reading of the CPU clock takes: a call that is worth one */
#define FEW       8    /* more calls than that to one that loads: the clock is read seldom */
#define SELDOM    16   /* at one in so many */
#define NOTE      4096 /* at one in so many the CPU time of the process is noted */
#define NOTE_LONG 32   /* and of those that take longer than the clock */

/* Of an empty duration, of a reading of the CPU clock, and between two; 0: not known. Any thread writes the same, about. */
static uint64_t empty_ticks, clock_ticks, clock_ns;

static uint64_t
timing_least(uint64_t (*now)(void), void (*what)(void))
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < LOOKS; i++) {
		uint64_t from = now(), past;

		what();
		past = now();
		past = past > from ? past - from : 0;
		least = past < least ? past : least;
	}
	return least != 0 ? least : 1;
}

static uint64_t
timing_ticks(void)
{
	return sf_ticks();
}

static uint64_t
timing_cpu(void)
{
	return sf_sys_clock(CLOCK_THREAD_CPUTIME_ID);
}

static void
timing_nothing(void)
{
}

static void
timing_read_cpu(void)
{
	timing_cpu();
}

static uint64_t
timing_empty(void)
{
	if (sf_unlikely(sf_load_64(&empty_ticks) == 0))
		sf_store_64(&empty_ticks, timing_least(timing_ticks, timing_nothing));
	return sf_load_64(&empty_ticks);
}

static uint64_t
timing_clock(void)
{
	if (sf_unlikely(sf_load_64(&clock_ticks) == 0)) {
		sf_store_64(&clock_ns, timing_least(timing_cpu, timing_nothing));
		sf_store_64(&clock_ticks, timing_least(timing_ticks, timing_read_cpu));
	}
	return sf_load_64(&clock_ticks);
}

/* A number that no pattern of calls goes along with: the counter's lower bits, mixed. */
static uint32_t
timing_draw(uint64_t ticks)
{
	return (uint32_t)((ticks * 0x9e3779b97f4a7c15ull) >> 32);
}

static uint64_t
timing_count(enum sf_timed function)
{
	const struct symfast_shm_histogram *h = sf_histogram_row(function, SF_ARM_LIBC);

	return sf_segment_touched(h) ? sf_load_64(&h->count) : 0;
}

/* A call that may load is worth it if as a rule they do; one in so many has its clock read all the same. */
static uint32_t
timing_share_loading(enum sf_timed load, enum sf_timed other, uint32_t draw)
{
	if (timing_count(load) * FEW >= timing_count(other))
		return 1;
	return draw < UINT32_MAX / SELDOM ? SELDOM : 0;
}

/* For how many calls shall this one stand? */
static uint32_t
timing_share(enum sf_timed function, uint32_t draw)
{
	if (function == SF_TIMED_DLOPEN)
		return timing_share_loading(SF_TIMED_LOAD, function, draw);
	if (function == SF_TIMED_DLCLOSE)
		return timing_share_loading(SF_TIMED_UNLOAD, function, draw);
	return sf_histogram_usual(function, SF_ARM_LIBC) > timing_clock() * LONG;
}

/* A reader of the segment may come when the process is gone. */
static void
timing_note_process(enum sf_timed function, uint32_t draw)
{
	uint32_t one_in =
		sf_histogram_usual(function, SF_ARM_LIBC) > timing_clock() ? NOTE_LONG : NOTE;

	if (sf_control.cpu_ns == 0 || draw > UINT32_MAX - UINT32_MAX / one_in)
		sf_store_64(&sf_control.cpu_ns, sf_sys_clock(CLOCK_PROCESS_CPUTIME_ID));
}

struct sf_timing
sf_timing_begin(enum sf_timed function)
{
	struct sf_timing t = {sf_ticks(), 0, 0};
	uint32_t draw = timing_draw(t.from);

	timing_note_process(function, draw);
	t.stands = timing_share(function, draw);
	if (t.stands != 0)
		t.cpu_ns = timing_cpu();
	t.from = sf_ticks();
	return t;
}

uint64_t
sf_timing_since(uint64_t from)
{
	uint64_t ticks = sf_ticks_since(from), empty = timing_empty();

	return ticks > empty ? ticks - empty : 0;
}

uint64_t
sf_timing_end(const struct sf_timing *t, enum sf_timed function)
{
	uint64_t ticks = sf_timing_since(t->from), cpu = 0, empty = sf_load_64(&clock_ns);
	struct symfast_shm_histogram *h = sf_histogram_row(function, SF_ARM_LIBC);

	if (t->stands != 0)
		cpu = timing_cpu() - t->cpu_ns;
	if (!sf_histogram_add(function, SF_ARM_LIBC, ticks) || t->stands == 0 || t->cpu_ns == 0 ||
	    !sf_segment_touch(&h->clocked_ns))
		return ticks;
	sf_add_64(&h->clocked, t->stands);
	sf_add_64(&h->clocked_ticks, t->stands * ticks);
	sf_add_64(&h->clocked_ns, t->stands * (cpu > empty ? cpu - empty : 0));
	return ticks;
}

void
sf_timing_own(uint64_t from)
{
	static uint64_t usual; /* as a histogram's */
	uint64_t ticks = sf_ticks_since(from), m = sf_load_64(&usual), most = m * 4;

	if (m == 0)
		m = most = ticks;
	ticks = ticks < most ? ticks : most;
	sf_store_64(&usual, m + ticks / 16 - m / 16);
	sf_add_64(&sf_control.own_ticks, ticks);
}
