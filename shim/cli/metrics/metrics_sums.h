// SPDX-License-Identifier: BSD-2-Clause
// metrics_sums.h: counters by name and durations by function, of one segment or of many.
#ifndef SF_CLI_METRICS_SUMS_H
#define SF_CLI_METRICS_SUMS_H

#include "metrics.h"

/* Those of a segment; false after one line. */
bool metrics_sums_read(struct metrics_sums *to, const struct segment *s);
void metrics_sums_add(struct metrics_sums *to, const struct metrics_sums *from);
void metrics_sums_free(struct metrics_sums *s);

#endif
