// SPDX-License-Identifier: BSD-2-Clause
// The switch of the Go room.
//
// Each time it is turned on a new era begins. A timed entry counts only in the era of its fill, so
// that nothing which happened while Go answered alone is overlooked: the first answers of a new era
// are proved by a stat or come from Go.
#include "go.h"
#include "leaf.h"

void
sf_go_serve(bool on)
{
	struct sf_go_table *t = &sf_go_table;
	uint32_t now = __atomic_load_n(&t->era, __ATOMIC_RELAXED), next = 0;

	if (on == (now != 0) || !t->slots)
		return;
	while (on && !next)
		next = __atomic_add_fetch(&t->eras, 1, __ATOMIC_RELAXED);
	// The caller that loses against another one leaves that one's value in place. Pairs with the
	// loads in the leaf and the fill.
	__atomic_compare_exchange_n(&t->era, &now, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
