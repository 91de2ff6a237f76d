// SPDX-License-Identifier: BSD-2-Clause
// page_ab.c: the page of `symfast ab`: what was run, medians and ratios, every run as a dot.
#include "page.h"

#include "../ab/ab.h"
#include "../base/value.h"
#include <stdlib.h>
#include <string.h>

static void
page_ab_head(FILE *out, const json_t *document)
{
	const json_t *machine = json_object_get(document, "machine"), *word;
	size_t i;

	fputs("<h1>With and without the shim</h1>\n<p><code>", out);
	json_array_foreach(json_object_get(document, "command"), i, word)
	{
		fputs(i != 0 ? " " : "", out);
		page_text(out, json_is_string(word) ? json_string_value(word) : "?");
	}
	fputs("</code></p>\n", out);
	page_answers(out, document);
	fputs("<div class=\"wide\"><table class=\"facts\">\n", out);
	page_fact(out, "when", "%s", document_text(document, "time"));
	page_fact(out, "machine", "%s, %s, %lld CPUs, kernel %s", document_text(machine, "node"),
		  document_text(machine, "cpu"),
		  (long long)json_integer_value(json_object_get(machine, "cpus")),
		  document_text(machine, "kernel"));
	page_fact(out, "library", "%s", document_text(document, "library"));
	page_fact(out, "mode", "%s", document_text(document, "mode"));
	page_fact(out, "runs", "%zu stock, %zu with the shim",
		  json_array_size(json_object_get(json_object_get(document, "runs"), "stock")),
		  json_array_size(json_object_get(json_object_get(document, "runs"), "symfast")));
	if (json_is_true(json_object_get(document, "interrupted")))
		page_fact(out, "ended", "by a signal, after these");
	for (int o = 0; o < AB_OUTPUTS; o++) {
		static const char *const names[] = {"stdout", "stderr", "status"};

		page_fact(out, names[o], "%s",
			  document_text(json_object_get(document, "output"), names[o]));
	}
	fputs("</table></div>\n", out);
}

static void
page_ab_cell(FILE *out, const json_t *metric, const char *arm, const char *unit)
{
	const json_t *median = json_object_get(json_object_get(metric, arm), "median");
	char text[64];

	fputs("<td>", out);
	if (json_is_number(median))
		page_text(out, value_text(text, sizeof(text), json_number_value(median), unit));
}

static void
page_ab_ratio_cells(FILE *out, const json_t *ratio)
{
	double r, low, high, confidence;
	const char *verdict;

	if (json_unpack((json_t *)(uintptr_t)ratio, "{s:F,s:F,s:F,s:F,s:s}", "ratio", &r, "low",
			&low, "high", &high, "confidence", &confidence, "verdict", &verdict) != 0) {
		fputs("<td><td><td>\n", out);
		return;
	}
	fprintf(out, "<td class=\"%s\">%.3f<td>%.3f to %.3f (%.1f&nbsp;%%)<td class=\"text\">",
		strcmp(verdict, "less") == 0   ? "good"
		: strcmp(verdict, "more") == 0 ? "bad"
					       : "",
		r, low, high, confidence * 100);
	page_text(out, verdict);
	fputs("\n", out);
}

static void
page_ab_table(FILE *out, const json_t *document)
{
	const json_t *metric;
	size_t i;

	fputs("<h2>Medians</h2>\n<div "
	      "class=\"wide\"><table>\n<tr><th>of<th>stock<th>symfast<th>ratio"
	      "<th>interval (confidence)<th>verdict\n",
	      out);
	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const char *unit = document_text(metric, "unit");

		fputs("<tr><td>", out);
		page_text(out, document_text(metric, "name"));
		page_ab_cell(out, metric, "stock", unit);
		page_ab_cell(out, metric, "symfast", unit);
		page_ab_ratio_cells(out, json_object_get(metric, "ratio"));
	}
	fputs("</table></div>\n<p class=\"soft\">Ratio: symfast to stock, Hodges and Lehmann's "
	      "estimate over pairs of runs; interval by Wilcoxon's signed-rank test, which assumes "
	      "no distribution.</p>\n",
	      out);
}

static void
page_ab_intervals(FILE *out, const json_t *document)
{
	struct page_draw_interval rows[AB_METRIC_COUNT];
	const json_t *metric;
	size_t i, count = 0;

	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const json_t *ratio = json_object_get(metric, "ratio");

		if (count < AB_METRIC_COUNT && json_is_object(ratio))
			rows[count++] = (struct page_draw_interval){
				document_text(metric, "name"),
				json_number_value(json_object_get(ratio, "low")),
				json_number_value(json_object_get(ratio, "ratio")),
				json_number_value(json_object_get(ratio, "high"))};
	}
	page_draw_intervals(out, "symfast to stock; left of the line is less", rows, count);
}

static void
page_ab_strip(FILE *out, const json_t *document, enum ab_metric m)
{
	double *v[ARMS];
	struct page_draw_series series[ARMS];
	char title[64];

	for (enum arm arm = ARM_STOCK; arm < ARMS; arm++) {
		size_t n = ab_values(document, arm, m, &v[arm]);

		series[arm] = (struct page_draw_series){ab_arm_name(arm), ab_arm_name(arm), v[arm],
							NULL, n};
	}
	snprintf(title, sizeof(title), "%s, each run", ab_metric_name(m));
	page_draw_strip(out, title, ab_metric_unit(m), series, ARMS);
	free(v[ARM_STOCK]);
	free(v[ARM_SYMFAST]);
}

void
page_ab(FILE *out, const json_t *document)
{
	page_ab_head(out, document);
	page_ab_table(out, document);
	fputs("<h2>Runs</h2>\n<div class=\"drawings\">\n", out);
	page_ab_intervals(out, document);
	for (enum ab_metric m = AB_wall; m <= AB_max_rss; m++)
		page_ab_strip(out, document, m);
	fputs("</div>\n", out);
	if (json_is_object(json_object_get(document, "stat")))
		page_stat(out, json_object_get(document, "stat"));
}
