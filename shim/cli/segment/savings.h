// SPDX-License-Identifier: BSD-2-Clause
// savings.h: what the map would have saved, from what observe mode (or the stock arm) has counted.
#ifndef SF_CLI_SAVINGS_H
#define SF_CLI_SAVINGS_H

#include "../base/document.h"

/*
 * Adds "savings" to a "stat" document whose counters and latencies are in it; nothing if nothing was
 * observed, or durations have no unit. cpu_ns: what the process has used so far, 0: not known.
 * Unlike the library's own sum at exit (shim/entry/estimate.c), time that was probably spent waiting
 * (for the loader's lock, or for a CPU) is no CPU time, and told apart.
 */
void savings_add(json_t *document, double cpu_ns);
/* "would save 1.2 ms, 3.4 % of 35 ms CPU time; of waiting up to 4 ms"; "" if nothing was observed. */
char *savings_text(const json_t *document, char *to, size_t size);

#endif
