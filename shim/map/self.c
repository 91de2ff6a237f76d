// SPDX-License-Identifier: BSD-2-Clause
// self.c: see self.h: what a thread begins with.
#include "self.h"

#include "cell.h"
#include "thread.h"

/* One empty set, of mask zero. */
SF_LARGE char sf_self_empty[SF_CELL_BYTES(1)] __attribute__((aligned(64)));
/* Where a thread without a block would count; the ones say "not the time for a sample". */
uint64_t sf_self_nowhere[SF_COUNTER_COUNT] = {[0 ... SF_COUNTER_COUNT - 1] = 1};

/* Of no size: no call comes from there. */
static const struct sf_object self_no_object;
const struct sf_gap sf_self_no_gap;

__thread struct sf_thread sf_thread __attribute__((tls_model("initial-exec"))) = {
	.cells = SF_NO_CELLS,
	.n = sf_self_nowhere,
	.hit_mask = SF_TICK_HITS - 1,
	.caller = &self_no_object,
	.behind = &self_no_object,
	.not_plain = &sf_self_no_gap,
	.not_behind = &sf_self_no_gap,
};
