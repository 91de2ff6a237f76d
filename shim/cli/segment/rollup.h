// SPDX-License-Identifier: BSD-2-Clause
// rollup.h: from single counters to what an operator asks: per function, how many were answered by
// the shim, asked of libc on the way, or passed through.
//
// A counter is FUNCTION.OUTCOME; its meaning follows from the outcome's word, so that a new function
// of the library appears here by itself. Everything else (map.*, object.*, ...) is an event.
#ifndef SF_CLI_ROLLUP_H
#define SF_CLI_ROLLUP_H

#include "segment_open.h"

enum outcome { OUTCOME_HIT, OUTCOME_MISS, OUTCOME_PASS, OUTCOME_BYPASS, OUTCOME_EVENT };

struct rollup_row {
	char function[24];
	uint64_t hits, misses, passes;
};

/* Was it ever called? */
static inline bool
rollup_called(const struct rollup_row *r)
{
	return r->hits != 0 || r->misses != 0 || r->passes != 0;
}

struct rollup {
	struct rollup_row *rows;
	size_t count;
};

/* What a counter's name stands for; function or reason goes to `word`, cut to its size. */
enum outcome rollup_outcome(const char *counter, char *word, size_t size);
/* The number of a function's row, made if there is none. */
size_t rollup_place(struct rollup *r, const char *function);
void rollup_add(struct rollup_row *row, enum outcome o, uint64_t value);
/* Sums; rollup_free afterwards. */
struct rollup rollup_of(const struct counter *counters, size_t count);
void rollup_free(struct rollup *r);

#endif
