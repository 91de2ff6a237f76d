// SPDX-License-Identifier: BSD-2-Clause
// Sets of names with the address each must resolve to, read from the objects' own symbol tables.
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include "options.h"

struct bench_item {
	void *handle;
	const char *name;
	const char *version; /* NULL where the object has no versions */
	void *want;          /* load address + st_value; never asked from dlsym */
};

struct bench_set {
	struct bench_item *items; /* in a shuffled, repeatable order */
	unsigned count;
};

/*
 * Builds the set that o->set and o->names ask for: "libc", "mixed" (half libm, half libc), or any
 * object that dlopen finds. Only defined, visible functions that are no IFUNC and whose name the
 * object defines once. Exits with a message when the object has too few of them.
 */
void bench_set_read(struct bench_set *set, const struct bench_options *o);

/* A position in a set, advanced by one for each call and wrapping at the end. */
struct bench_walk {
	const struct bench_set *set;
	unsigned at;
};

static inline const struct bench_item *
bench_walk_next(struct bench_walk *w)
{
	const struct bench_item *it = &w->set->items[w->at];

	if (++w->at == w->set->count)
		w->at = 0;
	return it;
}

#endif
