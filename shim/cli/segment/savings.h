// SPDX-License-Identifier: BSD-2-Clause
// savings.h: what the map would have saved, from what observe mode (or the stock arm) has counted.
#ifndef SF_CLI_SAVINGS_H
#define SF_CLI_SAVINGS_H

#include "../../observe/estimate.h"
#include "../base/document.h"

/* "savings" of a "stat" document, from the estimate of what was observed. */
json_t *savings_json(const struct sf_estimate *e);
/*
 * "would save 32 % (27 to 36) of 35 ms CPU time: dladdr 30.2 %, dlsym 1.9 %", "would save nothing", "cannot say, because
 * ..."; "" if nothing was observed.
 */
char *savings_text(const json_t *document, char *to, size_t size);
/* All of that as lines that begin with "estimate: "; nothing if nothing was observed. */
void savings_print(const json_t *document);
/* What retaining would save, and each part that is left out; one sentence for each `i`; false: there are no more. */
bool savings_more(const json_t *document, size_t i, char *to, size_t size);

#endif
