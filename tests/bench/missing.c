// SPDX-License-Identifier: BSD-2-Clause
// Look-ups that fail: the same missing names again, with dlerror, and names never asked before.
#include <dlfcn.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "names.h"
#include "work.h"

static struct bench_set names;
static void *libc_handle;

struct state {
	struct bench_walk walk;
	char unique[64]; /* prefix, thread, and a decimal counter that ends the string */
	unsigned last;   /* index of the counter's last digit */
};

static void *
state_new(unsigned thread)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		err(1, "state");
	s->walk.set = &names;
	s->walk.at = thread * 7919u % names.count;
	s->last = (unsigned)snprintf(s->unique, sizeof(s->unique), "missing_%u_000000000000",
				     thread) -
		  1;
	return s;
}

BENCH_INLINE unsigned
fail_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);

	return dlsym(it->handle, it->name) != NULL;
}

BENCH_INLINE unsigned
error_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);
	void *p = dlsym(it->handle, it->name);

	return p || !dlerror();
}

BENCH_INLINE void
count_up(struct state *s)
{
	char *digit = s->unique + s->last;

	while (*digit == '9')
		*digit-- = '0';
	++*digit;
}

BENCH_INLINE unsigned
unique_call(void *arg)
{
	struct state *s = arg;

	count_up(s);
	return dlsym(libc_handle, s->unique) != NULL;
}

BENCH_LOOPS(fail)
BENCH_LOOPS(error)
BENCH_LOOPS(unique)

/* Real names with an ending that no object has. */
static void
spoil_names(void)
{
	for (unsigned i = 0; i < names.count; i++) {
		char *spoilt;

		if (asprintf(&spoilt, "%s_missing", names.items[i].name) < 0)
			err(1, "names");
		names.items[i].name = spoilt;
	}
}

/* Each name once in full: the text must name the symbol, and a second dlerror must be NULL. */
static void
demand_texts(void)
{
	for (unsigned i = 0; i < names.count; i++) {
		const struct bench_item *it = &names.items[i];
		void *p = dlsym(it->handle, it->name);
		const char *text = dlerror(),
			   *at = text ? strstr(text, ": undefined symbol: ") : NULL;

		if (p || !at || strcmp(at + strlen(": undefined symbol: "), it->name) || dlerror())
			errx(1, "WRONG ANSWERS: %s gives %p, %s", it->name, p, text);
	}
}

/*
 * Written memory, exactly: the kernel's cheap counters may be off by 32 pages for each CPU, and
 * resident pages of files come and go with read-ahead. This file adds up the real pages.
 */
static double
written_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	unsigned long kib, sum = 0;
	char line[256];

	if (!f)
		err(1, "/proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %lu", &kib) == 1 ||
		    sscanf(line, "Shared_Dirty: %lu", &kib) == 1)
			sum += kib;
	fclose(f);
	return (double)sum;
}

static double written_before;

/*
 * Memory counts from the moment when the bench has its own pages and 10,000 names have gone by,
 * so that every pool which only has to fill once is full.
 */
static void *
unique_state_new(unsigned thread)
{
	struct state *s = state_new(thread);

	bench_demand_right(unique_batch(s, 10000));
	if (thread == 0)
		written_before = written_kib();
	return s;
}

int
main(int argc, char **argv)
{
	static const struct bench_work fail = {state_new, fail_batch, fail_timed, 0};
	static const struct bench_work error = {state_new, error_batch, error_timed, 0};
	static const struct bench_work unique = {unique_state_new, unique_batch, unique_timed, 0};
	struct bench_options o;

	bench_options_read(&o, argc, argv);
	bench_set_read(&names, &o);
	spoil_names();
	demand_texts();
	libc_handle = dlopen("libc.so.6", RTLD_NOW);
	if (!strcmp(o.kind, "fail"))
		bench_crew_run(&o, &fail);
	else if (!strcmp(o.kind, "error"))
		bench_crew_run(&o, &error);
	else if (!strcmp(o.kind, "unique"))
		bench_crew_run(&o, &unique);
	else
		errx(2, "no such kind: %s", o.kind);
	if (!strcmp(o.kind, "unique") && !o.calls)
		bench_print("growth", "KiB", written_kib() - written_before);
	return 0;
}
