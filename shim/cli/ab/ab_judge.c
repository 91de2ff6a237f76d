// SPDX-License-Identifier: BSD-2-Clause
// ab_judge.c: from the runs of a document to medians, ratios with an interval, and a verdict on the
// outputs; and their table on a terminal.
#include "ab.h"

#include "../base/answer.h"
#include "../base/interval.h"
#include "../segment/savings.h"
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.95

static const struct {
	const char *name, *unit;
} metrics[] = {
#define X(name, unit, text) {#name, unit},
	AB_METRICS(X)
#undef X
};

static const char *const outputs[] = {"stdout", "stderr", "status"};

const char *
ab_arm_name(enum arm arm)
{
	return arm == ARM_STOCK ? "stock" : "symfast";
}

const char *
ab_metric_name(enum ab_metric m)
{
	return metrics[m].name;
}

const char *
ab_metric_unit(enum ab_metric m)
{
	return metrics[m].unit;
}

static const json_t *
ab_judge_runs_of(const json_t *document, enum arm arm)
{
	return json_object_get(json_object_get(document, "runs"), ab_arm_name(arm));
}

size_t
ab_values(const json_t *document, enum arm arm, enum ab_metric m, double **out)
{
	const json_t *runs = ab_judge_runs_of(document, arm);
	size_t count = json_array_size(runs);

	*out = cli_alloc(count, sizeof(**out));
	for (size_t i = 0; i < count; i++)
		(*out)[i] = json_number_value(
			json_object_get(json_array_get(runs, i), metrics[m].name));
	return count;
}

static bool
ab_judge_all_positive(const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(v[i] > 0))
			return false;
	return n > 0;
}

json_t *
ab_ratio(const double *a, size_t m, const double *b, size_t n, bool paired)
{
	struct interval e;

	if (!ab_judge_all_positive(a, m) || !ab_judge_all_positive(b, n) || (paired && m != n))
		return json_null();
	e = paired ? interval_paired(a, b, n, CONFIDENCE)
		   : interval_unpaired(a, m, b, n, CONFIDENCE);
	return json_pack("{s:f,s:f,s:f,s:f,s:s}", "ratio", e.ratio, "low", e.low, "high", e.high,
			 "confidence", e.confidence, "verdict",
			 e.confidence < 0.9 ? "too few runs to say"
			 : e.high < 1       ? "less"
			 : e.low > 1        ? "more"
					    : "no difference shown");
}

static json_t *
ab_judge_spread(double *v, size_t n)
{
	double median;

	if (n == 0)
		return json_null();
	median = interval_median(v, n); /* sorts */
	return json_pack("{s:f,s:f,s:f}", "median", median, "min", v[0], "max", v[n - 1]);
}

static json_t *
ab_judge_metric(const json_t *document, enum ab_metric m)
{
	double *stock, *symfast;
	size_t a = ab_values(document, ARM_STOCK, m, &stock);
	size_t b = ab_values(document, ARM_SYMFAST, m, &symfast);
	json_t *out = json_pack("{s:s,s:s}", "name", metrics[m].name, "unit", metrics[m].unit);

	json_object_set_new(out, "ratio", ab_ratio(stock, a, symfast, b, a == b));
	json_object_set_new(out, "stock", ab_judge_spread(stock, a));
	json_object_set_new(out, "symfast", ab_judge_spread(symfast, b));
	free(stock);
	free(symfast);
	return out;
}

/* Do all runs of an arm have the output of the very first run? */
static bool
ab_judge_same_as_first(const json_t *document, enum arm arm, const char *output)
{
	const json_t *run;
	size_t i;

	json_array_foreach(ab_judge_runs_of(document, arm), i,
			   run) if (!json_is_true(json_object_get(json_object_get(run, "same"),
								  output))) return false;
	return true;
}

static const char *
ab_judge_output(const json_t *document, const char *output)
{
	bool both = json_array_size(ab_judge_runs_of(document, ARM_STOCK)) != 0 &&
		    json_array_size(ab_judge_runs_of(document, ARM_SYMFAST)) != 0;

	if (!ab_judge_same_as_first(document, ARM_STOCK, output))
		return "differs without the shim, too";
	if (!both)
		return "nothing to compare with";
	return ab_judge_same_as_first(document, ARM_SYMFAST, output) ? "identical" : "different";
}

static bool
ab_judge_valid_runs(const json_t *document, enum arm arm)
{
	const json_t *runs = ab_judge_runs_of(document, arm), *run;
	size_t i;

	if (!json_is_array(runs))
		return false;
	json_array_foreach(
		runs, i,
		run) for (int m = 0; m < AB_METRIC_COUNT;
			  m++) if (!json_is_number(json_object_get(run,
								   metrics[m].name))) return false;
	return true;
}

bool
ab_judge(json_t *document)
{
	json_t *list, *output;

	if (!ab_judge_valid_runs(document, ARM_STOCK) ||
	    !ab_judge_valid_runs(document, ARM_SYMFAST))
		return false;
	list = json_array();
	for (int m = 0; m < AB_METRIC_COUNT; m++)
		json_array_append_new(list, ab_judge_metric(document, (enum ab_metric)m));
	json_object_set_new(document, "metrics", list);
	output = json_object();
	for (int i = 0; i < AB_OUTPUTS; i++)
		json_object_set_new(output, outputs[i],
				    json_string(ab_judge_output(document, outputs[i])));
	json_object_set_new(document, "output", output);
	json_object_set_new(document, "answers", ab_answers(document));
	return true;
}

static double
ab_judge_median_of(const json_t *metric, enum arm arm)
{
	return json_number_value(
		json_object_get(json_object_get(metric, ab_arm_name(arm)), "median"));
}

static void
ab_judge_print_ratio(const json_t *ratio, bool colours)
{
	double low = 0, high = 0, r = 0, confidence = 0;
	const char *verdict = "", *on = "";

	if (json_unpack((json_t *)(uintptr_t)ratio, "{s:F,s:F,s:F,s:F,s:s}", "ratio", &r, "low",
			&low, "high", &high, "confidence", &confidence, "verdict", &verdict) != 0) {
		printf("\n");
		return;
	}
	if (colours && high < 1 && confidence >= 0.9)
		on = "\033[32m";
	else if (colours && low > 1 && confidence >= 0.9)
		on = "\033[31m";
	printf("  %s%7.3f%s  %.3f to %.3f (%.1f %%)  %s\n", on, r, *on != '\0' ? "\033[0m" : "",
	       low, high, confidence * 100, verdict);
}

static void
ab_judge_print_metrics(const json_t *document)
{
	bool colours = cli_colours(stdout);
	const json_t *metric;
	size_t i;

	printf("%-20s %12s %12s  %7s  %s\n", "median of", "stock", "symfast", "ratio",
	       "interval (confidence)");
	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const char *name = json_string_value(json_object_get(metric, "name"));
		const char *unit = json_string_value(json_object_get(metric, "unit"));
		char label[64];

		snprintf(label, sizeof(label), "%s%s%s", name, *unit != '\0' ? ", " : "", unit);
		printf("%-20s %12.6g %12.6g", label, ab_judge_median_of(metric, ARM_STOCK),
		       ab_judge_median_of(metric, ARM_SYMFAST));
		ab_judge_print_ratio(json_object_get(metric, "ratio"), colours);
	}
}

static const char *
ab_judge_output_of(const json_t *document, int i)
{
	return json_string_value(json_object_get(json_object_get(document, "output"), outputs[i]));
}

int
ab_verdict(const json_t *document)
{
	for (int i = 0; i < AB_OUTPUTS; i++)
		if (strcmp(ab_judge_output_of(document, i), "different") == 0)
			return CLI_NO;
	return CLI_OK;
}

int
ab_print(const json_t *document)
{
	const json_t *calls = json_object_get(document, "syscalls");

	answer_print(json_object_get(document, "answers"));
	savings_print(
		json_object_get(document, "stat")); /* of the runs with the shim, in observe */
	ab_judge_print_metrics(document);
	if (json_is_object(calls))
		printf("%-20s %12lld %12lld  one traced run each\n", "system calls",
		       (long long)json_integer_value(json_object_get(calls, "stock")),
		       (long long)json_integer_value(json_object_get(calls, "symfast")));
	for (int i = 0; i < AB_OUTPUTS; i++)
		printf("%-20s %s\n", outputs[i], ab_judge_output_of(document, i));
	return ab_verdict(document);
}
