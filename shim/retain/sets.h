// SPDX-License-Identifier: BSD-2-Clause
// sets.h: what libc was seen to load or unload together, and in which order it ran constructors or destructors.
#ifndef SF_RETAIN_SETS_H
#define SF_RETAIN_SETS_H

#include "graph.h"

enum sf_retain_direction { SF_RETAIN_LOADED, SF_RETAIN_UNLOADED };

struct sf_retain_order {
	sf_retain_set set;
	uint64_t foreign; /* sf_retain_load_foreign, when it was seen */
	uint8_t count;    /* objects that have functions to run; the others come in no order */
	uint8_t place[SF_RETAIN_PLACES];
};

/* Remembers; forgets the one that was not used for longest. */
void sf_retain_sets_learn(enum sf_retain_direction direction, const struct sf_retain_order *order);
/* NULL: never seen. */
const struct sf_retain_order *sf_retain_sets_find(enum sf_retain_direction direction,
						  sf_retain_set set);
/* The place is another file's from now on. */
void sf_retain_sets_forget(int place);

#endif
