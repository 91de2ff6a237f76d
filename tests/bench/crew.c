// SPDX-License-Identifier: BSD-2-Clause
// Threads released together from a spinning barrier, three phases of measuring, one report.
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "crew.h"

enum phase { BATCHES, SINGLES, GROUPS, PHASES };

/* One for the run; the atomics are the barrier, the histograms are merged under the lock. */
struct crew {
	const struct bench_options *o;
	const struct bench_work *work;
	struct bench_ticks ticks;
	_Atomic unsigned arrived; /* pairs with itself: the last to arrive opens the gate */
	_Atomic unsigned opened;  /* how often the gate opened; release pairs with acquire */
	_Atomic uint64_t began;   /* when it opened last; written before the release */
	pthread_mutex_t lock;
	struct bench_hist *hist[PHASES];
	uint64_t wrong;
	uint64_t calls;
	uint64_t preempted;
	uint64_t length; /* the longest thread's first phase, ns */
};

struct member {
	struct crew *crew;
	pthread_t id;
	void *state;
	unsigned number;
	struct bench_hist *hist[PHASES];
	uint64_t wrong;
};

/* Spins, and lets others run only when there are more threads than CPUs. Returns the start. */
static uint64_t
barrier(struct crew *c)
{
	unsigned turn = atomic_load(&c->opened);

	if (atomic_fetch_add(&c->arrived, 1) + 1 == c->o->threads) {
		atomic_store(&c->arrived, 0);
		atomic_store(&c->began, bench_clock_ns());
		atomic_store(&c->opened, turn + 1);
	}
	for (unsigned spins = 1; atomic_load(&c->opened) == turn; spins++) {
		bench_relax();
		if (spins % 1024 == 0)
			sched_yield();
	}
	return atomic_load(&c->began);
}

/* Switches that the kernel forced on this thread: other work was on the machine. */
static uint64_t
preemptions(void)
{
	struct rusage used;

	if (getrusage(RUSAGE_THREAD, &used))
		err(1, "getrusage");
	return (uint64_t)used.ru_nivcsw;
}

static void
account(struct crew *c, uint64_t calls, uint64_t preempted, uint64_t length)
{
	pthread_mutex_lock(&c->lock);
	c->calls += calls;
	c->preempted += preempted;
	if (length > c->length)
		c->length = length;
	pthread_mutex_unlock(&c->lock);
}

static void
phase_batches(struct member *m)
{
	struct crew *c = m->crew;
	uint64_t began = barrier(c), now, calls = 0;
	uint64_t forced = preemptions(), then = bench_clock_ns();

	do {
		m->wrong += c->work->batch(m->state, BENCH_BATCH);
		now = bench_clock_ns();
		bench_hist_add(m->hist[BATCHES], now - then);
		calls += BENCH_BATCH;
		then = now;
	} while (now - began < c->o->ms * UINT64_C(1000000));
	account(c, calls, preemptions() - forced, now - began);
}

static void
phase_timed(struct member *m, enum phase phase, unsigned each)
{
	const struct bench_work *w = m->crew->work;
	unsigned groups = w->chunk ? w->chunk : BENCH_BATCH / each;
	uint64_t began = barrier(m->crew);

	do
		m->wrong += w->timed(m->state, m->hist[phase], groups, each);
	while (bench_clock_ns() - began < m->crew->o->ms * UINT64_C(1000000));
}

static void
pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %u", cpu);
}

static void *
member_run(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;

	if (c->o->pin)
		pin(m->number);
	m->state = c->work->state_new(m->number);
	if (c->work->batch)
		phase_batches(m);
	phase_timed(m, SINGLES, 1);
	if (c->work->batch)
		phase_timed(m, GROUPS, BENCH_GROUP);
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < PHASES; i++)
		bench_hist_merge(c->hist[i], m->hist[i]);
	c->wrong += m->wrong;
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void
members_run(struct crew *c)
{
	struct member *all = calloc(c->o->threads, sizeof(*all));
	pthread_attr_t attr;

	if (!all)
		err(1, "threads");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (unsigned i = 0; i < c->o->threads; i++) {
		all[i].crew = c;
		all[i].number = i;
		for (unsigned j = 0; j < PHASES; j++)
			all[i].hist[j] = bench_hist_new();
	}
	if (c->o->threads == 1) {
		member_run(&all[0]);
		return;
	}
	for (unsigned i = 0; i < c->o->threads; i++)
		if (pthread_create(&all[i].id, &attr, member_run, &all[i]))
			errx(1, "thread %u cannot be made", i);
	for (unsigned i = 0; i < c->o->threads; i++)
		pthread_join(all[i].id, NULL);
}

double
bench_crew_ns(const struct bench_hist *h, const struct bench_ticks *t, double q, unsigned each)
{
	double ticks = bench_hist_at(h, q) - t->cost;

	return ticks > 0 ? ticks / t->per_ns / each : 0;
}

static void
report(const struct crew *c)
{
	const struct bench_hist *one = c->hist[SINGLES], *group = c->hist[GROUPS];

	if (c->work->batch) {
		bench_print("call", "ns", bench_hist_at(c->hist[BATCHES], 0.5) / BENCH_BATCH);
		bench_print("rate", "M/s", (double)c->calls * 1e3 / (double)c->length);
		bench_print("preempted", "times", (double)c->preempted);
	}
	bench_print("p50", "ns", bench_crew_ns(one, &c->ticks, 0.5, 1));
	bench_print("p99", "ns", bench_crew_ns(one, &c->ticks, 0.99, 1));
	bench_print("p99.9", "ns", bench_crew_ns(one, &c->ticks, 0.999, 1));
	bench_print("max", "ns", (double)one->max / c->ticks.per_ns);
	bench_print("samples", "calls", (double)one->count);
	bench_print("step", "ns", (double)c->ticks.step / c->ticks.per_ns);
	if (c->work->batch) {
		bench_print("g50", "ns", bench_crew_ns(group, &c->ticks, 0.5, BENCH_GROUP));
		bench_print("g99", "ns", bench_crew_ns(group, &c->ticks, 0.99, BENCH_GROUP));
		bench_print("g99.9", "ns", bench_crew_ns(group, &c->ticks, 0.999, BENCH_GROUP));
	}
}

/* For instruction counts: the calls and nothing else that depends on time. */
static void
count_only(const struct bench_options *o, const struct bench_work *work)
{
	void *state = work->state_new(0);
	uint64_t wrong = 0;

	for (uint64_t left = o->calls; left;) {
		unsigned n = left < BENCH_BATCH ? (unsigned)left : BENCH_BATCH;

		wrong += work->batch(state, n);
		left -= n;
	}
	bench_demand_right(wrong);
}

void
bench_crew_run(const struct bench_options *o, const struct bench_work *work)
{
	struct crew c = {.o = o, .work = work, .lock = PTHREAD_MUTEX_INITIALIZER};

	if (o->calls) {
		count_only(o, work);
		return;
	}
	for (unsigned i = 0; i < PHASES; i++)
		c.hist[i] = bench_hist_new();
	bench_ticks_calibrate(&c.ticks);
	members_run(&c);
	bench_demand_right(c.wrong);
	report(&c);
}
