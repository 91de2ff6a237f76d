// SPDX-License-Identifier: BSD-2-Clause
// rollup.c: see rollup.h.
#include "rollup.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	enum outcome outcome;
} outcomes[] = {
	{"hit", OUTCOME_HIT},      {"shared", OUTCOME_HIT}, {"negative", OUTCOME_HIT},
	{"own", OUTCOME_HIT},      {"walk", OUTCOME_HIT},   {"checked", OUTCOME_HIT},
	{"learn", OUTCOME_MISS},   {"real", OUTCOME_MISS},  {"miss", OUTCOME_MISS},
	{"refresh", OUTCOME_MISS}, {"stale", OUTCOME_MISS}, {"pass", OUTCOME_PASS},
};

/* These come first in names of counters that belong to no one function. */
static const char *const events[] = {"map",     "object", "scope",   "raw",    "thread",
				     "observe", "verify", "breaker", "sample", "watch"};

enum outcome
rollup_outcome(const char *counter, char *word, size_t size)
{
	const char *dot = strchr(counter, '.');
	size_t len = dot != NULL ? (size_t)(dot - counter) : strlen(counter);

	snprintf(word, size, "%.*s", (int)len, counter);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (dot == NULL || strcmp(word, events[i]) == 0)
			return OUTCOME_EVENT;
	if (strcmp(word, "bypass") == 0 || strncmp(counter, "go.bypass.", 10) == 0) {
		snprintf(word, size, "%s", *word == 'b' ? dot + 1 : counter);
		return OUTCOME_BYPASS;
	}
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strcmp(dot + 1, outcomes[i].word) == 0)
			return outcomes[i].outcome;
	return OUTCOME_EVENT;
}

static struct rollup_row *
rollup_row_of(struct rollup *r, const char *function)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->rows[i].function, function) == 0)
			return &r->rows[i];
	r->rows = cli_grow(r->rows, r->count + 1, sizeof(*r->rows));
	r->rows[r->count] = (struct rollup_row){0};
	snprintf(r->rows[r->count].function, sizeof(r->rows->function), "%s", function);
	return &r->rows[r->count++];
}

size_t
rollup_place(struct rollup *r, const char *function)
{
	return (size_t)(rollup_row_of(r, function) - r->rows);
}

void
rollup_add(struct rollup_row *row, enum outcome o, uint64_t value)
{
	*(o == OUTCOME_HIT ? &row->hits : o == OUTCOME_MISS ? &row->misses : &row->passes) += value;
}

struct rollup
rollup_of(const struct counter *counters, size_t count)
{
	struct rollup r = {0};
	char word[24];

	for (size_t i = 0; i < count; i++) {
		enum outcome o = rollup_outcome(counters[i].name, word, sizeof(word));

		if (o <= OUTCOME_PASS)
			rollup_add(rollup_row_of(&r, word), o, counters[i].value);
	}
	return r;
}

void
rollup_free(struct rollup *r)
{
	free(r->rows);
	*r = (struct rollup){0};
}
