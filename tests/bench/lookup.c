// SPDX-License-Identifier: BSD-2-Clause
// Look-ups that succeed: by handle, default scope, next definition, version, from fresh memory.
#include <dlfcn.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include "names.h"
#include "work.h"

#define NAME_MAX_BYTES 4096u
#define FRESH_BYTES    (256u << 10)

static struct bench_set names;

struct state {
	struct bench_walk walk;
	unsigned fresh_at; /* next free byte in the ring of fresh names */
	char one[NAME_MAX_BYTES];
	char fresh[FRESH_BYTES + NAME_MAX_BYTES];
};

static void *
state_new(unsigned thread)
{
	struct state *s = malloc(sizeof(*s));

	if (!s)
		err(1, "state");
	memset(s, 0, sizeof(*s));
	s->walk.set = &names;
	s->walk.at = thread * 7919u % names.count;
	return s;
}

/* The control: everything but the look-up, so that a row shows what the loop itself costs. */
static __attribute__((noinline)) void *
answer(const struct bench_item *it)
{
	__asm__ volatile("" : : : "memory");
	return it->want;
}

BENCH_INLINE unsigned
empty_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);

	return answer(it) != it->want;
}

BENCH_INLINE unsigned
hit_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);

	return dlsym(it->handle, it->name) != it->want;
}

/* Successive names lie at successive places of a ring far larger than any hint table. */
BENCH_INLINE const char *
fresh_name(struct state *s, const char *name)
{
	size_t size = strlen(name) + 1;
	char *at = s->fresh + s->fresh_at;

	memcpy(at, name, size);
	s->fresh_at = (s->fresh_at + (unsigned)size) % FRESH_BYTES;
	return at;
}

BENCH_INLINE unsigned
fresh_call(void *arg)
{
	struct state *s = arg;
	const struct bench_item *it = bench_walk_next(&s->walk);

	return dlsym(it->handle, fresh_name(s, it->name)) != it->want;
}

/* What fresh_call costs without the look-up. */
BENCH_INLINE unsigned
copy_call(void *arg)
{
	struct state *s = arg;
	const struct bench_item *it = bench_walk_next(&s->walk);
	const char *name = fresh_name(s, it->name);

	__asm__ volatile("" : : "r"(name) : "memory");
	return answer(it) != it->want;
}

/* Every name passes through one buffer: the pointer says nothing about the name. */
BENCH_INLINE unsigned
same_call(void *arg)
{
	struct state *s = arg;
	const struct bench_item *it = bench_walk_next(&s->walk);

	memcpy(s->one, it->name, strlen(it->name) + 1);
	return dlsym(it->handle, s->one) != it->want;
}

BENCH_INLINE unsigned
default_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);

	return dlsym(RTLD_DEFAULT, it->name) != it->want;
}

BENCH_INLINE unsigned
next_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);

	return dlsym(RTLD_NEXT, it->name) != it->want;
}

BENCH_INLINE unsigned
version_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(&((struct state *)arg)->walk);

	return dlvsym(it->handle, it->name, it->version) != it->want;
}

BENCH_LOOPS(empty)
BENCH_LOOPS(hit)
BENCH_LOOPS(fresh)
BENCH_LOOPS(copy)
BENCH_LOOPS(same)
BENCH_LOOPS(default)
BENCH_LOOPS(next)
BENCH_LOOPS(version)

static const struct bench_kind kinds[] = {
	BENCH_KIND(empty), BENCH_KIND(hit),     BENCH_KIND(fresh), BENCH_KIND(copy),
	BENCH_KIND(same),  BENCH_KIND(default), BENCH_KIND(next),  BENCH_KIND(version)};

static void
demand_names(const char *kind)
{
	for (unsigned i = 0; i < names.count; i++) {
		if (!strcmp(kind, "version") && !names.items[i].version)
			errx(1, "%s has no version", names.items[i].name);
		if (strlen(names.items[i].name) >= NAME_MAX_BYTES)
			errx(1, "a name longer than %u bytes", NAME_MAX_BYTES);
	}
}

int
main(int argc, char **argv)
{
	struct bench_options o;

	bench_options_read(&o, argc, argv);
	bench_set_read(&names, &o);
	demand_names(o.kind);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, o.kind))
			continue;
		bench_crew_run(&o, &kinds[i].work);
		return 0;
	}
	errx(2, "no such kind: %s", o.kind);
}
