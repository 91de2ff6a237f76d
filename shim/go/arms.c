// SPDX-License-Identifier: BSD-2-Clause
// The end of a call that went Go's own way: runs on a goroutine's stack, where plugin.open has the
// plugin in hand and only its epilogue is left. See arms.h, and leaf.h for what it may not do.
#include "arms.h"

SF_LARGE struct sf_go_arms sf_go_arms;

void
sf_go_end(uint64_t g)
{
	struct sf_go_arms *a = &sf_go_arms;
	uint64_t what;

	if (!unmark(a, g, &what) || !(what & MARK_TIMED))
		return;
	record(a, what & MARK_FAST ? SF_ARM_MAP : SF_ARM_LIBC, sf_ticks_since(what & ~MARK_BITS));
	__atomic_fetch_add(&sf_go_table.fills[SF_GO_AB_ENDED], 1, __ATOMIC_RELAXED);
}
