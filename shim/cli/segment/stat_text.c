// SPDX-License-Identifier: BSD-2-Clause
// stat_text.c: see stat_text.h.
#include "stat_text.h"

#include "../base/answer.h"
#include "../base/value.h"
#include "savings.h"
#include <string.h>

static void
stat_text_print_head(const json_t *d)
{
	const json_t *c = json_object_get(d, "control"), *canary = json_object_get(c, "canary");
	const json_t *breaker = json_object_get(c, "breaker"), *go = json_object_get(c, "go");
	const json_t *mismatch = json_object_get(c, "mismatch");

	if (document_number(d, "processes") > 1)
		printf("%lld processes added up; the last one:\n", document_number(d, "processes"));
	printf("process %lld (%s)  %s  symfast %s\n", document_number(d, "pid"),
	       document_text(d, "state"), document_text(d, "exe"), document_text(d, "library"));
	answer_print(json_object_get(d, "answers"));
	printf("mode %s, by %s", document_text(d, "mode"), document_text(d, "set_by"));
	if (*document_text(c, "why") != '\0')
		printf(": \"%s\"", document_text(c, "why"));
	printf("\nbreaker %s, limit %lld, tripped %lld times; mismatches %lld",
	       document_text(d, "breaker"), document_number(breaker, "limit"),
	       document_number(breaker, "trips"), document_number(d, "mismatches"));
	if (*document_text(mismatch, "function") != '\0')
		printf(" (the last in %s: map %s, libc %s)", document_text(mismatch, "function"),
		       document_text(mismatch, "map"), document_text(mismatch, "libc"));
	if (*document_text(c, "doubt") != '\0')
		printf("\nin doubt: %s", document_text(c, "doubt"));
	printf("\n");
	if (json_number_value(json_object_get(canary, "percent")) < 100)
		printf("canary %g %% by %s: place %.2f %%, %s\n",
		       json_number_value(json_object_get(canary, "percent")),
		       document_text(canary, "key"),
		       (double)document_number(canary, "bucket") / 100,
		       json_is_true(json_object_get(canary, "chosen")) ? "chosen" : "not chosen");
	if (*document_text(go, "state") != '\0' && strcmp(document_text(go, "state"), "none") != 0)
		printf("Go: %s %s\n", document_text(go, "state"), document_text(go, "refusal"));
}

static void
stat_text_print_savings(const json_t *d)
{
	const json_t *s = json_object_get(d, "savings");
	char libc[32], waited[32], loading[32];
	double asked, repeats, t, w, l;

	if (json_unpack((json_t *)(uintptr_t)s, "{s:F,s:F,s:F,s:F,s:F}", "asked", &asked, "repeats",
			&repeats, "libc", &t, "waited", &w, "loading", &l) != 0)
		return;
	printf("observed %.0f look-ups, %.0f asked before; in libc %s, and waited %s; loading and "
	       "unloading %s\n",
	       asked, repeats, value_text(libc, sizeof(libc), t, "ns"),
	       value_text(waited, sizeof(waited), w, "ns"),
	       value_text(loading, sizeof(loading), l, "ns"));
	savings_print(d);
}

static void
stat_text_print_functions(const json_t *d)
{
	const json_t *row;
	size_t i;

	printf("\n%-16s %14s %14s %14s %8s\n", "function", "answered", "learnt", "passed",
	       "answered");
	json_array_foreach(json_object_get(d, "functions"), i, row)
	{
		long long hits = document_number(row, "hits"),
			  misses = document_number(row, "misses");
		long long passes = document_number(row, "passes");
		double all = (double)hits + (double)misses + (double)passes;

		printf("%-16s %14lld %14lld %14lld %7.2f%%\n", document_text(row, "name"), hits,
		       misses, passes, all > 0 ? 100 * (double)hits / all : 0);
	}
}

static void
stat_text_print_latency(const char *function, const char *arm, const json_t *h, const char *unit)
{
	static const char *const columns[] = {"p50", "p90", "p99", "p999", "longest"};
	char text[32];

	if (!json_is_object(h))
		return;
	printf("%-16s %-5s %12lld", function, arm, document_number(h, "count"));
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		value_text(text, sizeof(text), json_number_value(json_object_get(h, columns[i])),
			   unit);
		/* The sign for micro is two bytes in one column. */
		printf(" %*s", strchr(text, '\xc2') != NULL ? 11 : 10, text);
	}
	printf("\n");
}

static void
stat_text_print_latencies(const json_t *d)
{
	const json_t *row, *ratio;
	size_t i, k;

	if (json_array_size(json_object_get(d, "latencies")) != 0)
		printf("\n%-16s %-5s %12s %10s %10s %10s %10s %10s\n", "latency", "of", "samples",
		       "P50", "P90", "P99", "P99.9", "longest");
	json_array_foreach(json_object_get(d, "latencies"), i, row)
	{
		const char *function = document_text(row, "function"),
			   *unit = document_text(d, "unit");

		stat_text_print_latency(function, "libc", json_object_get(row, "libc"), unit);
		stat_text_print_latency(function, "map", json_object_get(row, "map"), unit);
		json_array_foreach(json_object_get(row, "ratios"), k, ratio)
		{
			printf("%-16s map/libc at P%-5g %.4f", "",
			       100 * json_number_value(json_object_get(ratio, "quantile")),
			       json_number_value(json_object_get(ratio, "ratio")));
			if (json_is_number(json_object_get(ratio, "low")))
				printf(" (95 %%: %.4f to %.4f)",
				       json_number_value(json_object_get(ratio, "low")),
				       json_number_value(json_object_get(ratio, "high")));
			printf("  %s\n", document_text(ratio, "verdict"));
		}
		if (document_number(row, "unseen") != 0)
			printf("%-16s %lld more were timed, and their end not seen: errors, first "
			       "loads, or under way\n",
			       "", document_number(row, "unseen"));
	}
}

/* Was an object's memory at its closes as after its load? */
static void
stat_text_print_compared(const json_t *row)
{
	long long compared = document_number(row, "compared"),
		  unchanged = document_number(row, "unchanged");

	if (compared == 0)
		return;
	if (compared == unchanged)
		printf("%21s all %lld closes compared: unchanged\n", "", compared);
	else
		printf("%21s %lld of %lld closes compared unchanged, differs: %s\n", "", unchanged,
		       compared, document_text(row, "differs"));
}

static void
stat_text_print_rest(const json_t *d)
{
	const json_t *value, *row;
	const char *key;
	char text[32];
	size_t i;

	if (json_object_size(json_object_get(d, "bypasses")) != 0)
		printf("\npassed through because of\n");
	json_object_foreach((json_t *)(uintptr_t)json_object_get(d, "bypasses"), key, value)
		printf("  %-20s %14lld\n", key, (long long)json_integer_value(value));
	printf("\ncounters\n");
	json_object_foreach((json_t *)(uintptr_t)json_object_get(d, "counters"), key,
			    value) if (json_integer_value(value) != 0)
		printf("  %-20s %14lld\n", key, (long long)json_integer_value(value));
	if (json_array_size(json_object_get(d, "objects")) != 0)
		printf("\nloads          time  object\n");
	json_array_foreach(json_object_get(d, "objects"), i, row)
	{
		printf("%8lld %10s  %s\n", document_number(row, "loads"),
		       value_text(text, sizeof(text),
				  json_number_value(json_object_get(row, "time")),
				  document_text(d, "unit")),
		       document_text(row, "file"));
		stat_text_print_compared(row);
	}
}

void
stat_text_print(const json_t *document)
{
	stat_text_print_head(document);
	stat_text_print_savings(document);
	stat_text_print_functions(document);
	stat_text_print_latencies(document);
	stat_text_print_rest(document);
}
