// SPDX-License-Identifier: BSD-2-Clause
// stat.c: `symfast stat`: everything that the segment of one process holds.
#include "stat.h"

#include "page.h"
#include "savings.h"
#include "snapshot.h"
#include <string.h>

struct stat_input {
	const char *what;
	bool json;
};

static const struct argp_option options[] = {{"json", 'j', NULL, 0, "print JSON", 0}, {0}};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct stat_input *in = state->input;

	switch (key) {
	case 'j':
		in->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (in->what != NULL)
			cli_usage(state, "one process or file at a time");
		in->what = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		cli_usage(state, "a process id or a file is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *
text_in(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static long long
number_in(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void
print_head(const json_t *d)
{
	const json_t *c = json_object_get(d, "control"), *canary = json_object_get(c, "canary");
	const json_t *breaker = json_object_get(c, "breaker"), *go = json_object_get(c, "go");
	const json_t *mismatch = json_object_get(c, "mismatch");

	if (number_in(d, "processes") > 1)
		printf("%lld processes added up; the last one:\n", number_in(d, "processes"));
	printf("process %lld (%s)  %s  symfast %s\n", number_in(d, "pid"), text_in(d, "state"),
	       text_in(d, "exe"), text_in(d, "library"));
	printf("mode %s, by %s", text_in(d, "mode"), text_in(d, "set_by"));
	if (*text_in(c, "why") != '\0')
		printf(": \"%s\"", text_in(c, "why"));
	printf("\nbreaker %s, limit %lld, tripped %lld times; mismatches %lld",
	       text_in(d, "breaker"), number_in(breaker, "limit"), number_in(breaker, "trips"),
	       number_in(d, "mismatches"));
	if (*text_in(mismatch, "function") != '\0')
		printf(" (the last in %s: map %s, libc %s)", text_in(mismatch, "function"),
		       text_in(mismatch, "map"), text_in(mismatch, "libc"));
	if (*text_in(c, "doubt") != '\0')
		printf("\nin doubt: %s", text_in(c, "doubt"));
	printf("\n");
	if (json_number_value(json_object_get(canary, "percent")) < 100)
		printf("canary %g %% by %s: place %.2f %%, %s\n",
		       json_number_value(json_object_get(canary, "percent")),
		       text_in(canary, "key"), (double)number_in(canary, "bucket") / 100,
		       json_is_true(json_object_get(canary, "chosen")) ? "chosen" : "not chosen");
	if (*text_in(go, "state") != '\0' && strcmp(text_in(go, "state"), "none") != 0)
		printf("Go: %s %s\n", text_in(go, "state"), text_in(go, "refusal"));
}

static void
print_savings(const json_t *d)
{
	const json_t *s = json_object_get(d, "savings");
	char text[128], libc[32], waited[32], loading[32];
	double asked, repeats, t, w, l;

	if (json_unpack((json_t *)(uintptr_t)s, "{s:F,s:F,s:F,s:F,s:F}", "asked", &asked, "repeats",
			&repeats, "libc", &t, "waited", &w, "loading", &l) != 0)
		return;
	printf("observed %.0f look-ups, %.0f asked before; in libc %s, of that waiting %s; loading "
	       "and unloading %s\nestimate: %s\n",
	       asked, repeats, draw_value(libc, sizeof(libc), t, "ns"),
	       draw_value(waited, sizeof(waited), w, "ns"),
	       draw_value(loading, sizeof(loading), l, "ns"), savings_text(d, text, sizeof(text)));
}

static void
print_functions(const json_t *d)
{
	const json_t *row;
	size_t i;

	printf("\n%-16s %14s %14s %14s %8s\n", "function", "answered", "learnt", "passed",
	       "answered");
	json_array_foreach(json_object_get(d, "functions"), i, row)
	{
		long long hits = number_in(row, "hits"), misses = number_in(row, "misses");
		long long passes = number_in(row, "passes");
		double all = (double)hits + (double)misses + (double)passes;

		printf("%-16s %14lld %14lld %14lld %7.2f%%\n", text_in(row, "name"), hits, misses,
		       passes, all > 0 ? 100 * (double)hits / all : 0);
	}
}

static void
print_latency(const char *function, const char *arm, const json_t *h, const char *unit)
{
	static const char *const columns[] = {"p50", "p90", "p99", "p999", "longest"};
	char text[32];

	if (!json_is_object(h))
		return;
	printf("%-16s %-5s %12lld", function, arm, number_in(h, "count"));
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		draw_value(text, sizeof(text), json_number_value(json_object_get(h, columns[i])),
			   unit);
		/* The sign for micro is two bytes in one column. */
		printf(" %*s", strchr(text, '\xc2') != NULL ? 11 : 10, text);
	}
	printf("\n");
}

static void
print_latencies(const json_t *d)
{
	const json_t *row, *ratio;
	size_t i, k;

	if (json_array_size(json_object_get(d, "latencies")) != 0)
		printf("\n%-16s %-5s %12s %10s %10s %10s %10s %10s\n", "latency", "of", "samples",
		       "P50", "P90", "P99", "P99.9", "longest");
	json_array_foreach(json_object_get(d, "latencies"), i, row)
	{
		const char *function = text_in(row, "function"), *unit = text_in(d, "unit");

		print_latency(function, "libc", json_object_get(row, "libc"), unit);
		print_latency(function, "map", json_object_get(row, "map"), unit);
		json_array_foreach(json_object_get(row, "ratios"), k, ratio)
		{
			printf("%-16s map/libc at P%-5g %.4f", "",
			       100 * json_number_value(json_object_get(ratio, "quantile")),
			       json_number_value(json_object_get(ratio, "ratio")));
			if (json_is_number(json_object_get(ratio, "low")))
				printf(" (95 %%: %.4f to %.4f)",
				       json_number_value(json_object_get(ratio, "low")),
				       json_number_value(json_object_get(ratio, "high")));
			printf("  %s\n", text_in(ratio, "verdict"));
		}
		if (number_in(row, "unseen") != 0)
			printf("%-16s %lld more were timed, and their end not seen: errors, first "
			       "loads, or under way\n",
			       "", number_in(row, "unseen"));
	}
}

static void
print_rest(const json_t *d)
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
	json_array_foreach(json_object_get(d, "objects"), i, row) printf(
		"%8lld %10s  %s\n", number_in(row, "loads"),
		draw_value(text, sizeof(text), json_number_value(json_object_get(row, "time")),
			   text_in(d, "unit")),
		text_in(row, "file"));
}

void
stat_print(const json_t *document)
{
	print_head(document);
	print_savings(document);
	print_functions(document);
	print_latencies(document);
	print_rest(document);
}

int
cli_stat(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "PID|FILE", "Show the counters of one process.", NULL, NULL, NULL};
	struct stat_input in = {0};
	json_t *document;
	int status;

	cli_parse(&argp, argc, argv, 0, &in);
	document = snapshot_from(in.what, &status);
	if (document == NULL)
		return status;
	if (!snapshot_valid(document)) {
		cli_error("%s is not a file of symfast stat", in.what);
		json_decref(document);
		return CLI_TARGET;
	}
	if (in.json)
		return cli_print(document);
	stat_print(document);
	json_decref(document);
	return CLI_OK;
}
