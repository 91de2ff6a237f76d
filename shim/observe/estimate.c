// SPDX-License-Identifier: BSD-2-Clause
// estimate.c: see estimate.h. Runs in the library and in the program.
#include "estimate.h"

#include <stddef.h>

/* In nanoseconds, measured on a busy machine of two CPUs; each with what it may be elsewhere. */
#define ANSWER_SYMBOL  ((struct sf_estimate_span){4, 7, 20})
#define ANSWER_ADDRESS ((struct sf_estimate_span){8, 15, 40})
#define ANSWER_FRAME   ((struct sf_estimate_span){25, 60, 150})
#define ANSWER_OPEN    ((struct sf_estimate_span){15, 40, 120})
#define ANSWER_CLOSE   ((struct sf_estimate_span){8, 25, 80})
#define ANSWER_GO      ((struct sf_estimate_span){8, 20, 60})
#define PASSED         ((struct sf_estimate_span){2, 10, 30}) /* more than libc alone */
#define LEARNT         ((struct sf_estimate_span){200, 450, 1500})
#define LOADED         ((struct sf_estimate_span){-300, 150, 1200}) /* a load with its unload */
#define REOPENED                                                                                   \
	((struct sf_estimate_span){3000, 6000, 12000}) /* of a retained object, and closed */
/* What plugin.Open of Go takes beside its realpath: the way to C and back, 4928 bytes, a mutex. */
#define GO_REST       ((struct sf_estimate_span){1200, 2500, 5000})
#define OBSERVED_OPEN 400.0  /* and of dlopen and dlclose */
#define OBSERVED      65.0   /* what observing one call takes */
#define CLOCKED       1100.0 /* and reading the CPU clock around it */
#define COLD_CALLS                                                                                 \
	14 /* of dladdr to an object, before its index answers; building it takes as long again */
#define SELDOM     16   /* short calls of which one in so many had its clock read */
#define LONG_NS    3000 /* a call whose CPU time is worth reading directly */
#define UNUSUAL    8    /* times the median: a short call that has waited ... */
#define WAITING    2000 /* ... for which it needed so much CPU time, in ns */
#define SAMPLES    30   /* too few below */
#define MODEL_LOW  0.8  /* what timing adds and hides */
#define MODEL_HIGH 1.2
#define WORTH      0.0005 /* of the CPU time; less is nothing */
#define SHARE_FEW  0.01   /* a function that took less of it matters to nobody */

struct cost {
	struct sf_estimate_span each; /* CPU time of a call */
	double count, waited;         /* of all */
};

static double
estimate_root(double x)
{
	double r = x > 1 ? x : 1;

	if (!(x > 0))
		return 0;
	for (int i = 0; i < 64; i++)
		r = (r + x / r) / 2;
	return r;
}

static double
estimate_within(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

static double
estimate_count(const struct sf_estimate_source *from, const char *counter)
{
	return (double)from->counted(from->of, counter);
}

/* The least duration, in ticks, of a bucket (symfast_shm.h). */
static double
estimate_edge(unsigned int b)
{
	return b < 16 ? b : (double)((uint64_t)(16 + b % 16) << (b / 16 - 1));
}

static double
estimate_median(const struct symfast_shm_histogram *h)
{
	uint64_t all = 0, n = 0;
	unsigned int b;

	for (b = 0; b < SYMFAST_SHM_BUCKETS; b++)
		all += h->bucket[b];
	for (b = 0; b < SYMFAST_SHM_BUCKETS - 1; b++)
		if ((n += h->bucket[b]) * 2 >= all)
			break;
	return (estimate_edge(b) + estimate_edge(b + 1)) / 2;
}

/*
 * The mean of what calls took, none of them more than `most` ticks: a short call that took many times the usual
 * has waited, or lost the processor, and the CPU time in it is not more than what waiting itself takes.
 */
static double
estimate_mean(const struct symfast_shm_histogram *h, double most)
{
	double sum = 0, n = 0;

	for (unsigned int b = 0; b < SYMFAST_SHM_BUCKETS - 1; b++) {
		double mid = (estimate_edge(b) + estimate_edge(b + 1)) / 2;

		sum += (double)h->bucket[b] * (mid < most ? mid : most);
		n += (double)h->bucket[b];
	}
	return n > 0 ? sum / n : 0;
}

static struct cost
estimate_cost(const struct symfast_shm_histogram *h, double ns)
{
	struct cost c = {{0, 0, 0}, 0, 0};
	double usual, noise, wall;

	if (h == NULL || h->count == 0 || !(ns > 0))
		return c;
	c.count = (double)h->count;
	wall = (double)h->ticks * ns / c.count;
	usual = estimate_median(h);
	if (h->clocked != 0 && usual * ns > LONG_NS) {
		double each = (double)h->clocked_ns / (double)h->clocked;

		c.each = (struct sf_estimate_span){each, each, each};
	} else {
		c.each.least = usual * ns;
		c.each.likely = estimate_mean(h, usual * UNUSUAL + WAITING / ns) * ns;
		c.each.most = estimate_mean(h, usual * UNUSUAL + WAITING * 4 / ns) * ns;
	}
	c.waited = wall > c.each.likely ? (wall - c.each.likely) * c.count : 0;
	noise = 2 / estimate_root(c.count);
	c.each.least = estimate_within(c.each.least, 0, c.each.likely) * MODEL_LOW *
		       estimate_within(1 - noise, 0, 1);
	c.each.most *= MODEL_HIGH * (1 + noise);
	return c;
}

/* ---- parts ---- */

/* So many calls that take `c` would take `a` instead. */
static void
estimate_answered(struct sf_estimate_part *p, double n, const struct sf_estimate_span *c,
		  struct sf_estimate_span a)
{
	p->answered += n;
	p->saved.least += n * (c->least - a.most);
	p->saved.likely += n * (c->likely - a.likely);
	p->saved.most += n * (c->most - a.least);
}

/* So many would take that much longer. */
static void
estimate_costs(struct sf_estimate_part *p, double n, struct sf_estimate_span more)
{
	p->saved.least -= n * more.most;
	p->saved.likely -= n * more.likely;
	p->saved.most -= n * more.least;
}

static struct sf_estimate_part *
estimate_part(struct sf_estimate *e, const char *name, double calls, const struct cost *c)
{
	struct sf_estimate_part *p = &e->part[e->parts++];

	*p = (struct sf_estimate_part){
		.name = name, .calls = calls, .mean_ns = c->each.likely, .waited = c->waited};
	if (c->count < SAMPLES)
		p->why = c->count > 0 ? "too few calls were timed" : "no call was timed";
	return p;
}

static void
estimate_add_symbols(struct sf_estimate *e, const struct sf_estimate_source *from, const char *name,
		     const char *passes, const char *repeats)
{
	bool next = name[0] == 'n'; /* takes as long as another one of dlsym: it is not timed */
	struct cost c = estimate_cost(from->row(from->of, next ? "dlsym" : name), from->ns);
	double calls = estimate_count(from, passes);
	double answered = estimate_within(estimate_count(from, repeats), 0, calls);
	struct sf_estimate_part *p;

	if (calls == 0)
		return;
	p = estimate_part(e,
			  next             ? "dlsym(RTLD_NEXT)"
			  : name[2] == 'f' ? "dlsym(RTLD_DEFAULT)"
					   : name,
			  calls, &c);
	estimate_answered(p, answered, &c.each, ANSWER_SYMBOL);
	estimate_costs(p, calls - answered, PASSED);
	if (name[2] == 's') /* dlsym: those of all three, as a rule its own */
		estimate_costs(p, estimate_count(from, "observe.learn"), LEARNT);
	e->libc_ns += c.each.likely * calls;
}

static void
estimate_add_dladdr(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	struct cost c = estimate_cost(from->row(from->of, "dladdr"), from->ns);
	double calls = estimate_count(from, "dladdr.pass");
	double known = estimate_count(from, "observe.dladdr");
	double cold = estimate_count(from, "observe.object") * COLD_CALLS;
	struct sf_estimate_part *p;

	if (calls == 0)
		return;
	p = estimate_part(e, "dladdr", calls, &c);
	known = estimate_within(known, 0, calls);
	cold = estimate_within(cold, 0, known);
	estimate_answered(p, known - cold, &c.each, ANSWER_ADDRESS);
	estimate_costs(p, calls - known, PASSED);
	estimate_costs(p, cold, (struct sf_estimate_span){0, c.each.likely / 2, c.each.most});
}

static void
estimate_add_backtrace(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	struct cost c = estimate_cost(from->row(from->of, "backtrace_symbols"), from->ns);
	double calls = estimate_count(from, "backtrace.pass");
	double timed = estimate_count(from, "observe.backtrace");
	double frames = estimate_count(from, "observe.frames"), cold;
	struct sf_estimate_part *p;

	if (calls == 0)
		return;
	p = estimate_part(e, "backtrace_symbols", calls, &c);
	if (timed == 0)
		return;
	cold = frames > 0 ? estimate_count(from, "observe.object") * COLD_CALLS * timed / frames
			  : timed;
	estimate_answered(p, timed - estimate_within(cold, 0, timed), &c.each,
			  (struct sf_estimate_span){0, 0, 0});
	estimate_costs(p, frames, ANSWER_FRAME);
}

/* dlopen of what is open, with the dlclose that gives it back. */
static void
estimate_add_reopening(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	struct cost open = estimate_cost(from->row(from->of, "dlopen"), from->ns);
	struct cost close = estimate_cost(from->row(from->of, "dlclose"), from->ns);
	double answered = estimate_within(estimate_count(from, "observe.dlopen"), 0, open.count);
	double closed = estimate_within(answered, 0, close.count);
	struct sf_estimate_part *p;

	if (open.count + close.count == 0)
		return;
	open.waited += close.waited;
	p = estimate_part(e, "dlopen and dlclose", open.count + close.count, &open);
	estimate_answered(p, answered, &open.each, ANSWER_OPEN);
	estimate_answered(p, closed, &close.each, ANSWER_CLOSE);
	estimate_costs(p, open.count + close.count - answered - closed, PASSED);
}

/* Loads cost a little with the map, and nearly nothing where they are retained. */
static void
estimate_add_loading(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	const struct symfast_shm_histogram *load = from->row(from->of, "load");
	const struct symfast_shm_histogram *unload = from->row(from->of, "unload");
	struct cost open = estimate_cost(load, from->ns), close = estimate_cost(unload, from->ns);
	double pairs = close.count, ticks = 0, share;
	struct sf_estimate_span each, all;
	struct sf_estimate_part *p;

	if (open.count == 0)
		return;
	e->loading_ns = open.each.likely * open.count + close.each.likely * close.count;
	open.waited += close.waited;
	p = estimate_part(e, "loading", open.count + close.count, &open);
	p->why = NULL;
	estimate_costs(p, pairs, LOADED);
	ticks = (double)load->ticks + (unload != NULL ? (double)unload->ticks : 0);
	if (from->churn_loads < SF_ESTIMATE_AGAIN || !(ticks > 0))
		return;
	share = estimate_within(from->churn_ticks / ticks, 0, 1);
	each = REOPENED;
	all = (struct sf_estimate_span){
		(open.each.least * open.count + close.each.least * close.count) * share,
		e->loading_ns * share,
		(open.each.most * open.count + close.each.most * close.count) * share};
	share = from->churn_loads > pairs ? pairs : from->churn_loads;
	e->retained.least = all.least - share * each.most;
	e->retained.likely = all.likely - share * each.likely;
	e->retained.most = all.most - share * each.least;
}

static void
estimate_add_walks(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	double calls = estimate_count(from, "observe.phdr");
	struct cost c = estimate_cost(from->row(from->of, "dl_iterate_phdr"), from->ns);
	struct sf_estimate_part *p;

	if (calls == 0)
		return;
	p = estimate_part(e, "dl_iterate_phdr", calls, &c);
	estimate_answered(p, calls, &c.each, ANSWER_FRAME);
}

/* A/B has timed plugin.Open itself, where it is served. */
static void
estimate_add_go_stock(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	struct cost c = estimate_cost(from->row(from->of, "plugin.Open"), from->ns);
	double calls = estimate_count(from, "go.bypass.stock");

	if (calls > 0 && c.count > 0)
		estimate_answered(estimate_part(e, "plugin.Open", calls, &c), calls, &c.each,
				  ANSWER_GO);
}

/* In a host that is left as it is, only the realpath that plugin.Open makes first can be seen. */
static void
estimate_add_go(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	struct cost c = estimate_cost(from->row(from->of, "realpath"), from->ns);
	double answered = estimate_within(estimate_count(from, "observe.realpath"), 0, c.count);
	bool seen = from->go[0] == 's';
	struct sf_estimate_part *p;

	if (from->go[0] == 'd')
		estimate_add_go_stock(e, from);
	if (!(seen && c.count > 0) && from->go[0] != 'u')
		return;
	p = estimate_part(e, "plugin.Open", c.count, &c);
	if (!seen) {
		p->why = "calls of plugin.Open cannot be seen in this Go host";
		return;
	}
	c.each.least += GO_REST.least;
	c.each.likely += GO_REST.likely;
	c.each.most += GO_REST.most;
	p->mean_ns = c.each.likely;
	estimate_answered(p, answered, &c.each, ANSWER_GO);
}

/* ---- all of it ---- */

static double
estimate_observing_row(const struct sf_estimate_source *from, const char *row, double each)
{
	const struct symfast_shm_histogram *h = from->row(from->of, row);

	if (h == NULL)
		return 0;
	return each * (double)h->count + (estimate_median(h) * from->ns > LONG_NS
						  ? CLOCKED * (double)h->count
						  : CLOCKED / SELDOM * (double)h->clocked);
}

/* What observing took: no part of what the process would take without. */
static double
estimate_observing(const struct sf_estimate_source *from)
{
	static const char calls[][20] = {
		"dlsym", "dlvsym", "default", "dladdr", "backtrace_symbols", "realpath"};
	static const char opens[][8] = {"dlopen", "dlclose", "load", "unload"};
	double ns = from->own_ticks * from->ns;

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ns += estimate_observing_row(from, calls[i], OBSERVED);
	for (unsigned int i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		ns += estimate_observing_row(from, opens[i], OBSERVED_OPEN);
	return ns;
}

/* Nothing saves more CPU time than there is. */
static void
estimate_bound(struct sf_estimate_span *s, double cpu)
{
	if (!(cpu > 0))
		return;
	s->least = estimate_within(s->least, -cpu, cpu);
	s->likely = estimate_within(s->likely, -cpu, cpu);
	s->most = estimate_within(s->most, -cpu, cpu);
}

static void
estimate_sum(struct sf_estimate *e)
{
	for (unsigned int i = 0; i < e->parts; i++) {
		struct sf_estimate_part *p = &e->part[i];

		estimate_bound(&p->saved, e->cpu_ns);
		if (p->why != NULL && p->calls > 0 && p->calls * p->mean_ns < e->cpu_ns * SHARE_FEW)
			p->why = NULL; /* whatever it is */
		if (p->why != NULL)
			continue;
		e->saved.least += p->saved.least;
		e->saved.likely += p->saved.likely;
		e->saved.most += p->saved.most;
		e->waited += p->waited;
	}
	estimate_bound(&e->saved, e->cpu_ns);
	estimate_bound(&e->retained, e->cpu_ns);
	if (e->retained.likely < e->cpu_ns * SHARE_FEW)
		e->retained = (struct sf_estimate_span){0, 0, 0};
}

/* The first part of which nothing can be said. */
static const char *
estimate_doubt(const struct sf_estimate *e)
{
	for (unsigned int i = 0; i < e->parts; i++) {
		const struct sf_estimate_part *p = &e->part[i];

		if (p->why != NULL)
			return p->why;
	}
	return NULL;
}

static void
estimate_judge(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	double worth = e->cpu_ns * WORTH;

	if (e->parts == 0)
		e->verdict = SF_ESTIMATE_NONE;
	else if ((e->why = from->changed         ? "the mode was changed meanwhile"
			   : !(from->ns > 0)     ? "durations have no unit here"
			   : !(from->cpu_ns > 0) ? "the CPU time of the process is not known"
						 : NULL) != NULL)
		e->verdict = SF_ESTIMATE_CANNOT;
	else if (e->saved.likely > worth)
		e->verdict = SF_ESTIMATE_SAVES;
	else if ((e->why = estimate_doubt(e)) != NULL)
		e->verdict = SF_ESTIMATE_CANNOT;
	else
		e->verdict = e->saved.likely < -worth ? SF_ESTIMATE_COSTS : SF_ESTIMATE_NOTHING;
}

void
sf_estimate(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	*e = (struct sf_estimate){.parts = 0};
	e->cpu_ns = from->cpu_ns - estimate_observing(from);
	e->cpu_ns = e->cpu_ns > from->cpu_ns / 2 ? e->cpu_ns : from->cpu_ns / 2;
	e->asked = estimate_count(from, "bypass.observe") + estimate_count(from, "bypass.stock");
	e->repeats = estimate_within(estimate_count(from, "observe.repeat"), 0, e->asked);
	if (!from->observed)
		return;
	estimate_add_symbols(e, from, "dlsym", "dlsym.pass", "observe.dlsym");
	estimate_add_symbols(e, from, "default", "default.pass", "observe.default");
	estimate_add_symbols(e, from, "next", "next.pass", "observe.next");
	estimate_add_symbols(e, from, "dlvsym", "dlvsym.pass", "observe.dlvsym");
	estimate_add_dladdr(e, from);
	estimate_add_backtrace(e, from);
	estimate_add_reopening(e, from);
	estimate_add_loading(e, from);
	estimate_add_walks(e, from);
	estimate_add_go(e, from);
	estimate_sum(e);
	estimate_judge(e, from);
}

double
sf_estimate_percent(const struct sf_estimate *e, double ns)
{
	return e->cpu_ns > 0 ? 100 * ns / e->cpu_ns : 0;
}
