// SPDX-License-Identifier: BSD-2-Clause
// page_stat.c: the page of one process: what it is, who answered, how long it took, what it loaded.
#include "page.h"

#include "../base/value.h"
#include "../segment/savings.h"
#include <stdlib.h>

static void
page_stat_head(FILE *out, const json_t *d)
{
	const json_t *c = json_object_get(d, "control"), *canary = json_object_get(c, "canary");
	const json_t *breaker = json_object_get(c, "breaker"), *go = json_object_get(c, "go");
	char savings[512];

	fputs("<h1>The shim in a process</h1>\n", out);
	page_answers(out, d);
	fputs("<div class=\"wide\"><table class=\"facts\">\n", out);
	if (*document_text(d, "time") != '\0')
		page_fact(out, "when", "%s, on %s", document_text(d, "time"),
			  document_text(d, "node"));
	if (document_number(d, "processes") > 1)
		page_fact(out, "processes", "%lld, added up; what follows is of the last one",
			  document_number(d, "processes"));
	page_fact(out, "process", "%lld, %s", document_number(d, "pid"), document_text(d, "state"));
	page_fact(out, "program", "%s", document_text(d, "exe"));
	page_fact(out, "library", "%s", document_text(d, "library"));
	page_fact(out, "mode", "%s, set by %s", document_text(d, "mode"),
		  document_text(d, "set_by"));
	if (*document_text(c, "why") != '\0')
		page_fact(out, "why", "%s", document_text(c, "why"));
	page_fact(out, "breaker", "%s, limit %lld, tripped %lld times", document_text(d, "breaker"),
		  document_number(breaker, "limit"), document_number(breaker, "trips"));
	page_fact(out, "mismatches", "%lld", document_number(d, "mismatches"));
	if (*document_text(c, "doubt") != '\0')
		page_fact(out, "in doubt", "%s", document_text(c, "doubt"));
	if (json_number_value(json_object_get(canary, "percent")) < 100)
		page_fact(out, "canary", "%g %% by %s, %s",
			  json_number_value(json_object_get(canary, "percent")),
			  document_text(canary, "key"),
			  json_is_true(json_object_get(canary, "chosen")) ? "chosen"
									  : "not chosen");
	if (*document_text(go, "state") != '\0')
		page_fact(out, "Go", "%s %s", document_text(go, "state"),
			  document_text(go, "refusal"));
	if (*savings_text(d, savings, sizeof(savings)) != '\0')
		page_fact(out, "estimate", "%s", savings);
	for (size_t i = 0; savings_more(d, i, savings, sizeof(savings)); i++)
		page_fact(out, "", "%s", savings);
	fputs("</table></div>\n", out);
}

static void
page_stat_functions(FILE *out, const json_t *d)
{
	const json_t *row;
	size_t i;

	fputs("<h2>Who answered</h2>\n<div class=\"wide\"><table>\n<tr><th>function<th>the shim"
	      "<th>learnt<th>passed to libc<th>share of the shim<th>\n",
	      out);
	json_array_foreach(json_object_get(d, "functions"), i, row)
	{
		long long hits = document_number(row, "hits"),
			  misses = document_number(row, "misses");
		long long passes = document_number(row, "passes");
		double all = (double)hits + (double)misses + (double)passes;
		double share = all > 0 ? 100 * (double)hits / all : 0;
		double learnt = all > 0 ? 100 * (double)misses / all : 0;

		fputs("<tr><td>", out);
		page_text(out, document_text(row, "name"));
		fprintf(out,
			"<td>%lld<td>%lld<td>%lld<td>%.2f&nbsp;%%<td><span class=\"bar\">"
			"<i style=\"width:%.1f%%\"></i><b style=\"width:%.1f%%\"></b></span>\n",
			hits, misses, passes, share, share, learnt);
	}
	fputs("</table></div>\n", out);
}

/* The cumulative share of calls that took at most x, one step per bucket. */
static struct page_draw_series
page_stat_curve_of(const json_t *h, const char *name, const char *class)
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
	return (struct page_draw_series){name, class, x, y, count};
}

static void
page_stat_curves(FILE *out, const json_t *d)
{
	const json_t *row;
	char title[128];
	size_t i;

	fputs("<div class=\"drawings\">\n", out);
	json_array_foreach(json_object_get(d, "latencies"), i, row)
	{
		struct page_draw_series s[2] = {
			page_stat_curve_of(json_object_get(row, "libc"), "libc", "stock"),
			page_stat_curve_of(json_object_get(row, "map"), "map", "symfast")};

		snprintf(title, sizeof(title), "%s: share of calls that took at most",
			 document_text(row, "function"));
		page_draw_curves(out, title, document_text(d, "unit"), s, 2);
		for (int k = 0; k < 2; k++) {
			free((void *)(uintptr_t)s[k].x);
			free((void *)(uintptr_t)s[k].y);
		}
	}
	fputs("</div>\n", out);
}

static void
page_stat_latency_row(FILE *out, const char *function, const char *arm, const json_t *h,
		      const char *unit)
{
	static const char *const columns[] = {"p50", "p90", "p99", "p999", "longest", "waited"};
	char text[32];

	if (!json_is_object(h))
		return;
	fputs("<tr><td>", out);
	page_text(out, function);
	fprintf(out, "<td>%s<td>%lld", arm, document_number(h, "count"));
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		fputs("<td>", out);
		page_text(out, value_text(text, sizeof(text),
					  json_number_value(json_object_get(h, columns[i])), unit));
	}
	fputs("\n", out);
}

/* What stands in no row of the table. */
static void
page_stat_unseen_row(FILE *out, const json_t *row)
{
	if (document_number(row, "unseen") == 0)
		return;
	fputs("<tr><td>", out);
	page_text(out, document_text(row, "function"));
	fprintf(out,
		"<td class=\"text\" colspan=\"8\">%lld more were timed, and their end not seen: "
		"errors, first loads, or under way\n",
		document_number(row, "unseen"));
}

static void
page_stat_ratio_rows(FILE *out, const json_t *row)
{
	const json_t *ratio;
	size_t i;

	json_array_foreach(json_object_get(row, "ratios"), i, ratio)
	{
		fputs("<tr><td>", out);
		page_text(out, document_text(row, "function"));
		fprintf(out, "<td>P%g<td>%.4f<td>",
			100 * json_number_value(json_object_get(ratio, "quantile")),
			json_number_value(json_object_get(ratio, "ratio")));
		if (json_is_number(json_object_get(ratio, "low")))
			fprintf(out, "%.4f to %.4f",
				json_number_value(json_object_get(ratio, "low")),
				json_number_value(json_object_get(ratio, "high")));
		fputs("<td class=\"text\">", out);
		page_text(out, document_text(ratio, "verdict"));
		fputs("\n", out);
	}
}

static void
page_stat_latencies(FILE *out, const json_t *d)
{
	const json_t *list = json_object_get(d, "latencies"), *row;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fputs("<h2>How long it took</h2>\n", out);
	page_stat_curves(out, d);
	fputs("<div class=\"wide\"><table>\n<tr><th>function<th>by<th>samples<th>P50<th>P90<th>P99"
	      "<th>P99.9<th>longest<th>waited\n",
	      out);
	json_array_foreach(list, i, row)
	{
		page_stat_latency_row(out, document_text(row, "function"), "libc",
				      json_object_get(row, "libc"), document_text(d, "unit"));
		page_stat_latency_row(out, document_text(row, "function"), "map",
				      json_object_get(row, "map"), document_text(d, "unit"));
		page_stat_unseen_row(out, row);
	}
	fputs("</table></div>\n<div class=\"wide\"><table>\n<tr><th>function<th>at<th>map to libc"
	      "<th>interval (95&nbsp;% or more)<th>verdict\n",
	      out);
	json_array_foreach(list, i, row) page_stat_ratio_rows(out, row);
	fputs("</table></div>\n<p class=\"soft\">Calls that the map answered are a sample; calls "
	      "that libc answered are those that were timed. Of plugin.Open both arms are samples, "
	      "and "
	      "the map's holds its misses, too. Intervals by order statistics, for "
	      "independent calls.</p>\n",
	      out);
}

static void
page_stat_number_table(FILE *out, const char *title, const json_t *numbers)
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
page_stat_objects(FILE *out, const json_t *d)
{
	const json_t *list = json_object_get(d, "objects"), *row;
	char text[32];
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fputs("<h2>Loaded again and again</h2>\n<div "
	      "class=\"wide\"><table>\n<tr><th>object<th>loads"
	      "<th>time<th>closes unchanged<th>differs\n",
	      out);
	json_array_foreach(list, i, row)
	{
		fputs("<tr><td>", out);
		page_text(out, document_text(row, "file"));
		fprintf(out, "<td>%lld<td>", document_number(row, "loads"));
		page_text(out, value_text(text, sizeof(text),
					  json_number_value(json_object_get(row, "time")),
					  document_text(d, "unit")));
		fprintf(out, "<td>%lld of %lld<td>", document_number(row, "unchanged"),
			document_number(row, "compared"));
		page_text(out, document_text(row, "differs"));
		fputs("\n", out);
	}
	fputs("</table></div>\n", out);
}

void
page_stat(FILE *out, const json_t *document)
{
	page_stat_head(out, document);
	page_stat_functions(out, document);
	page_stat_latencies(out, document);
	page_stat_number_table(out, "Passed through because of",
			       json_object_get(document, "bypasses"));
	page_stat_objects(out, document);
	page_stat_number_table(out, "All counters", json_object_get(document, "counters"));
}
