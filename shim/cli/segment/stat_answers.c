// SPDX-License-Identifier: BSD-2-Clause
// stat_answers.c: see stat_answers.h.
#include "stat_answers.h"

#include "../base/answer.h"
#include "../base/value.h"
#include "savings.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HELPS 0.5 /* of the calls answered: fewer is little help */

static bool
stat_answers_is(const json_t *d, const char *key, const char *word)
{
	return strcmp(document_text(d, key), word) == 0;
}

/* In observe: what the map would save. */
static json_t *
stat_answers_would(const json_t *d)
{
	const json_t *savings = json_object_get(d, "savings");
	char text[512];

	if (!json_is_object(savings))
		return answer_new("unsure", cli_format("Cannot say: nothing was observed yet."));
	savings_text(d, text, sizeof(text));
	if (stat_answers_is(savings, "verdict", "saves"))
		return answer_new("good", cli_format("It is not serving yet: on %s.", text));
	if (stat_answers_is(savings, "verdict", "costs"))
		return answer_new("bad",
				  cli_format("It is not serving, and should not: on %s.", text));
	if (stat_answers_is(savings, "verdict", "nothing"))
		return answer_new(
			"unsure",
			cli_format("It is not serving: on would save nothing worth mentioning."));
	return answer_new("unsure", cli_format("It is not serving; %s.", text));
}

/* The function with most samples in both arms; NULL: there is none. */
static const json_t *
stat_answers_timed(const json_t *d)
{
	const json_t *row, *best = NULL;
	long long most = 0;
	size_t i;

	json_array_foreach(json_object_get(d, "latencies"), i, row)
	{
		long long map = document_number(json_object_get(row, "map"), "count"),
			  libc = document_number(json_object_get(row, "libc"), "count");

		if (map != 0 && libc != 0 && map + libc > most) {
			most = map + libc;
			best = row;
		}
	}
	return best;
}

/* ", and dlsym takes 41 ns instead of 10.5 us (P50)": only where both were timed in this process. */
static char *
stat_answers_medians(const json_t *d)
{
	const json_t *row = stat_answers_timed(d);
	char map[32], libc[32];

	if (row == NULL || !stat_answers_is(d, "unit", "ns"))
		return cli_format("%s", "");
	return cli_format(", and %s takes %s instead of %s (medians)",
			  document_text(row, "function"),
			  value_text(map, sizeof(map),
				     document_real(json_object_get(row, "map"), "p50"), "ns"),
			  value_text(libc, sizeof(libc),
				     document_real(json_object_get(row, "libc"), "p50"), "ns"));
}

static json_t *
stat_answers_serves(const json_t *d)
{
	const json_t *row;
	double hits = 0, all = 0;
	char *medians, *text;
	size_t i;

	json_array_foreach(json_object_get(d, "functions"), i, row)
	{
		hits += (double)document_number(row, "hits");
		all += (double)document_number(row, "hits") +
		       (double)document_number(row, "misses") +
		       (double)document_number(row, "passes");
	}
	if (all == 0)
		return answer_new("unsure",
				  cli_format("Cannot say: the process has asked nothing yet."));
	if (hits == 0)
		return answer_new("unsure",
				  cli_format("No: none of its %.0f calls was answered from the "
					     "cache; the reasons are below.",
					     all));
	medians = stat_answers_medians(d);
	text = cli_format("%s: %.2f %% of its %.0f calls were answered from the cache%s.",
			  hits >= HELPS * all ? "Yes" : "A little", 100 * hits / all, all, medians);
	free(medians);
	return answer_new(hits >= HELPS * all ? "good" : "unsure", text);
}

static json_t *
stat_answers_help(const json_t *d)
{
	if (stat_answers_is(d, "breaker", "open"))
		return answer_new("bad",
				  cli_format("No longer: its breaker is open, everything is passed "
					     "through."));
	if (stat_answers_is(d, "mode", "observe"))
		return stat_answers_would(d);
	if (stat_answers_is(d, "mode", "verify"))
		return answer_new(
			"unsure",
			cli_format("It is not meant to: in verify every answer is libc's, "
				   "and compared."));
	if (stat_answers_is(d, "mode", "on"))
		return stat_answers_serves(d);
	return answer_new("unsure",
			  cli_format("No: it is %s, by %s, and passes everything through.",
				     document_text(d, "mode"), document_text(d, "set_by")));
}

static long long
stat_answers_counter(const json_t *d, const char *name)
{
	return document_number(json_object_get(d, "counters"), name);
}

/* " since 2026-11-30 15:04:05", by the clock of a breaker or mismatch; "": not known. */
static char *
stat_answers_since(long long ns)
{
	time_t t = (time_t)(ns / 1000000000);
	char text[48];
	struct tm utc;

	if (ns == 0 || gmtime_r(&t, &utc) == NULL)
		return cli_format("%s", "");
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
	return cli_format(" since %s", text);
}

static json_t *
stat_answers_differs(const json_t *d)
{
	const json_t *control = json_object_get(d, "control"),
		     *last = json_object_get(control, "mismatch");
	bool open = stat_answers_is(d, "breaker", "open");
	char *since = stat_answers_since(
		document_number(open ? json_object_get(control, "breaker") : last, "time_ns"));
	char *text = cli_format(
		"No: %lld %s not libc's, the last one in %s (symfast: %s, libc: %s)%s%s.",
		document_number(d, "mismatches"),
		document_number(d, "mismatches") == 1 ? "answer was" : "answers were",
		*document_text(last, "function") != '\0' ? document_text(last, "function")
							 : "a function that is not known",
		document_text(last, "map"), document_text(last, "libc"),
		open ? "; breaker open" : "", open ? since : "");

	free(since);
	return answer_new("bad", text);
}

static json_t *
stat_answers_safe(const json_t *d)
{
	long long same = stat_answers_counter(d, "verify.same");

	if (document_number(d, "mismatches") != 0 || stat_answers_is(d, "breaker", "open"))
		return stat_answers_differs(d);
	if (same != 0)
		return answer_new("good",
				  cli_format("Yes, so far: %lld answers were compared with libc's, "
					     "none was different.",
					     same));
	if (stat_answers_is(d, "mode", "observe") || stat_answers_is(d, "mode", "off") ||
	    stat_answers_is(d, "mode", "pass"))
		return answer_new("good", cli_format("Yes: libc gives every answer."));
	return answer_new("unsure", cli_format("Nothing has differed, but nothing was compared: "
					       "SYMFAST=verify:1/64 compares one answer in 64."));
}

json_t *
stat_answers(const json_t *document)
{
	return json_pack("{s:o,s:o}", "helped", stat_answers_help(document), "safe",
			 stat_answers_safe(document));
}
