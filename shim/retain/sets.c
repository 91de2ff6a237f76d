// SPDX-License-Identifier: BSD-2-Clause
// sets.c: see sets.h.
#include "sets.h"

#define SETS_MOST 48

struct sets_kept {
	struct sf_retain_order order;
	uint64_t used;
};

SF_LARGE static struct sets_kept sets_kept[2][SETS_MOST];
static uint64_t sets_turn;

const struct sf_retain_order *
sf_retain_sets_find(enum sf_retain_direction direction, sf_retain_set set)
{
	for (int i = 0; i < SETS_MOST; i++) {
		struct sets_kept *k = &sets_kept[direction][i];

		if (set != 0 && k->order.set == set) {
			k->used = ++sets_turn;
			return &k->order;
		}
	}
	return NULL;
}

void
sf_retain_sets_learn(enum sf_retain_direction direction, const struct sf_retain_order *order)
{
	struct sets_kept *all = sets_kept[direction], *to = &all[0];

	for (int i = 0; i < SETS_MOST; i++) {
		if (all[i].order.set == order->set) {
			to = &all[i];
			break;
		}
		if (all[i].used < to->used)
			to = &all[i];
	}
	to->order = *order;
	to->used = ++sets_turn;
}

void
sf_retain_sets_forget(int place)
{
	for (int i = 0; i < 2 * SETS_MOST; i++) {
		struct sets_kept *k = &sets_kept[i / SETS_MOST][i % SETS_MOST];

		if (k->order.set & SF_RETAIN_BIT(place))
			*k = (struct sets_kept){0};
	}
}
