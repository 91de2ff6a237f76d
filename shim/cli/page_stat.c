// SPDX-License-Identifier: BSD-2-Clause
// page_stat.c: the page of one process: what it is, who answered, how long it took, what it loaded.
#include "page.h"

#include "savings.h"
#include <stdlib.h>
#include <string.h>

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
head(FILE *out, const json_t *d)
{
	const json_t *c = json_object_get(d, "control"), *canary = json_object_get(c, "canary");
	const json_t *breaker = json_object_get(c, "breaker"), *go = json_object_get(c, "go");
	char savings[128];

	fputs("<h1>The shim in a process</h1>\n<div class=\"wide\"><table class=\"facts\">\n", out);
	if (number_in(d, "processes") > 1)
		page_fact(out, "processes", "%lld, added up; what follows is of the last one",
			  number_in(d, "processes"));
	page_fact(out, "process", "%lld, %s", number_in(d, "pid"), text_in(d, "state"));
	page_fact(out, "program", "%s", text_in(d, "exe"));
	page_fact(out, "library", "%s", text_in(d, "library"));
	page_fact(out, "mode", "%s, set by %s", text_in(d, "mode"), text_in(d, "set_by"));
	if (*text_in(c, "why") != '\0')
		page_fact(out, "why", "%s", text_in(c, "why"));
	page_fact(out, "breaker", "%s, limit %lld, tripped %lld times", text_in(d, "breaker"),
		  number_in(breaker, "limit"), number_in(breaker, "trips"));
	page_fact(out, "mismatches", "%lld", number_in(d, "mismatches"));
	if (*text_in(c, "doubt") != '\0')
		page_fact(out, "in doubt", "%s", text_in(c, "doubt"));
	page_fact(out, "canary", "%g %% by %s, %s",
		  json_number_value(json_object_get(canary, "percent")), text_in(canary, "key"),
		  json_is_true(json_object_get(canary, "chosen")) ? "chosen" : "not chosen");
	if (*text_in(go, "state") != '\0')
		page_fact(out, "Go", "%s %s", text_in(go, "state"), text_in(go, "refusal"));
	if (*savings_text(d, savings, sizeof(savings)) != '\0')
		page_fact(out, "estimate", "%s", savings);
	fputs("</table></div>\n", out);
}

static void
functions(FILE *out, const json_t *d)
{
	const json_t *row;
	size_t i;

	fputs("<h2>Who answered</h2>\n<div class=\"wide\"><table>\n<tr><th>function<th>the shim"
	      "<th>learnt<th>passed to libc<th>share of the shim<th>\n",
	      out);
	json_array_foreach(json_object_get(d, "functions"), i, row)
	{
		long long hits = number_in(row, "hits"), misses = number_in(row, "misses");
		long long passes = number_in(row, "passes");
		double all = (double)hits + (double)misses + (double)passes;
		double share = all > 0 ? 100 * (double)hits / all : 0;
		double learnt = all > 0 ? 100 * (double)misses / all : 0;

		fputs("<tr><td>", out);
		page_text(out, text_in(row, "name"));
		fprintf(out,
			"<td>%lld<td>%lld<td>%lld<td>%.2f&nbsp;%%<td><span class=\"bar\">"
			"<i style=\"width:%.1f%%\"></i><b style=\"width:%.1f%%\"></b></span>\n",
			hits, misses, passes, share, share, learnt);
	}
	fputs("</table></div>\n", out);
}

/* The cumulative share of calls that took at most x, one step per bucket. */
static struct draw_series
curve_of(const json_t *h, const char *name, const char *class)
{
	const json_t *buckets = json_object_get(h, "buckets"), *pair;
	size_t count = json_array_size(buckets), i;
	double *x = cli_alloc(count, sizeof(*x)), *y = cli_alloc(count, sizeof(*y)), sum = 0;

	json_array_foreach(buckets, i, pair)
	{
		x[i] = json_number_value(json_array_get(pair, 0));
		x[i] = x[i] > 0 ? x[i] : 1;
		y[i] = sum += json_number_value(json_array_get(pair, 1));
	}
	for (i = 0; i < count; i++)
		y[i] = sum > 0 ? y[i] / sum : 0;
	return (struct draw_series){name, class, x, y, count};
}

static void
curves(FILE *out, const json_t *d)
{
	const json_t *row;
	char title[128];
	size_t i;

	fputs("<div class=\"drawings\">\n", out);
	json_array_foreach(json_object_get(d, "latencies"), i, row)
	{
		struct draw_series s[2] = {curve_of(json_object_get(row, "libc"), "libc", "stock"),
					   curve_of(json_object_get(row, "map"), "map", "symfast")};

		snprintf(title, sizeof(title), "%s: share of calls that took at most",
			 text_in(row, "function"));
		draw_curves(out, title, text_in(d, "unit"), s, 2);
		for (int k = 0; k < 2; k++) {
			free((void *)(uintptr_t)s[k].x);
			free((void *)(uintptr_t)s[k].y);
		}
	}
	fputs("</div>\n", out);
}

static void
latency_row(FILE *out, const char *function, const char *arm, const json_t *h, const char *unit)
{
	static const char *const columns[] = {"p50", "p90", "p99", "p999", "longest", "waited"};
	char text[32];

	if (!json_is_object(h))
		return;
	fputs("<tr><td>", out);
	page_text(out, function);
	fprintf(out, "<td>%s<td>%lld", arm, number_in(h, "count"));
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		fputs("<td>", out);
		page_text(out, draw_value(text, sizeof(text),
					  json_number_value(json_object_get(h, columns[i])), unit));
	}
	fputs("\n", out);
}

/* What stands in no row of the table. */
static void
unseen_row(FILE *out, const json_t *row)
{
	if (number_in(row, "unseen") == 0)
		return;
	fputs("<tr><td>", out);
	page_text(out, text_in(row, "function"));
	fprintf(out,
		"<td class=\"text\" colspan=\"8\">%lld more were timed, and their end not seen: "
		"errors, first loads, or under way\n",
		number_in(row, "unseen"));
}

static void
ratio_rows(FILE *out, const json_t *row)
{
	const json_t *ratio;
	size_t i;

	json_array_foreach(json_object_get(row, "ratios"), i, ratio)
	{
		fputs("<tr><td>", out);
		page_text(out, text_in(row, "function"));
		fprintf(out, "<td>P%g<td>%.4f<td>",
			100 * json_number_value(json_object_get(ratio, "quantile")),
			json_number_value(json_object_get(ratio, "ratio")));
		if (json_is_number(json_object_get(ratio, "low")))
			fprintf(out, "%.4f to %.4f",
				json_number_value(json_object_get(ratio, "low")),
				json_number_value(json_object_get(ratio, "high")));
		fputs("<td class=\"text\">", out);
		page_text(out, text_in(ratio, "verdict"));
		fputs("\n", out);
	}
}

static void
latencies(FILE *out, const json_t *d)
{
	const json_t *list = json_object_get(d, "latencies"), *row;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fputs("<h2>How long it took</h2>\n", out);
	curves(out, d);
	fputs("<div class=\"wide\"><table>\n<tr><th>function<th>by<th>samples<th>P50<th>P90<th>P99"
	      "<th>P99.9<th>longest<th>waited\n",
	      out);
	json_array_foreach(list, i, row)
	{
		latency_row(out, text_in(row, "function"), "libc", json_object_get(row, "libc"),
			    text_in(d, "unit"));
		latency_row(out, text_in(row, "function"), "map", json_object_get(row, "map"),
			    text_in(d, "unit"));
		unseen_row(out, row);
	}
	fputs("</table></div>\n<div class=\"wide\"><table>\n<tr><th>function<th>at<th>map to libc"
	      "<th>interval (95&nbsp;% or more)<th>verdict\n",
	      out);
	json_array_foreach(list, i, row) ratio_rows(out, row);
	fputs("</table></div>\n<p class=\"soft\">Calls that the map answered are a sample; calls "
	      "that libc answered are those that were timed. Of plugin.Open both arms are samples, "
	      "and "
	      "the map's holds its misses, too. Intervals by order statistics, for "
	      "independent calls.</p>\n",
	      out);
}

static void
number_table(FILE *out, const char *title, const json_t *numbers)
{
	const json_t *value;
	const char *key;

	fprintf(out, "<h2>%s</h2>\n<div class=\"wide\"><table>\n", title);
	json_object_foreach((json_t *)(uintptr_t)numbers, key, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		fputs("<tr><td>", out);
		page_text(out, key);
		fprintf(out, "<td>%lld\n", (long long)json_integer_value(value));
	}
	fputs("</table></div>\n", out);
}

static void
objects(FILE *out, const json_t *d)
{
	const json_t *list = json_object_get(d, "objects"), *row;
	char text[32];
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fputs("<h2>Loaded again and again</h2>\n<div "
	      "class=\"wide\"><table>\n<tr><th>object<th>loads"
	      "<th>time\n",
	      out);
	json_array_foreach(list, i, row)
	{
		fputs("<tr><td>", out);
		page_text(out, text_in(row, "file"));
		fprintf(out, "<td>%lld<td>", number_in(row, "loads"));
		page_text(out, draw_value(text, sizeof(text),
					  json_number_value(json_object_get(row, "time")),
					  text_in(d, "unit")));
		fputs("\n", out);
	}
	fputs("</table></div>\n", out);
}

void
page_stat(FILE *out, const json_t *document)
{
	head(out, document);
	functions(out, document);
	latencies(out, document);
	number_table(out, "Passed through because of", json_object_get(document, "bypasses"));
	objects(out, document);
	number_table(out, "All counters", json_object_get(document, "counters"));
}
