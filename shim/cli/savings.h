// SPDX-License-Identifier: BSD-2-Clause
// savings.h: what the map would have saved, from what observe mode (or the stock arm) has counted.
#ifndef SF_CLI_SAVINGS_H
#define SF_CLI_SAVINGS_H

#include "cli.h"

/*
 * Adds "savings" to a "stat" document whose counters and latencies are in it; nothing if nothing was
 * observed, or durations have no unit. cpu_ns: what the process has used so far, 0: not known.
 * The same sum as the library's own at exit (shim/entry/estimate.c).
 */
void savings_add(json_t *document, double cpu_ns);
/* "would save 1.2 ms, 3.4 % of 35 ms CPU time", or "would save nothing"; "" if there is none. */
char *savings_text(const json_t *document, char *to, size_t size);

#endif
