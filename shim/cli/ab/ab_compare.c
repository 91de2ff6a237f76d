// SPDX-License-Identifier: BSD-2-Clause
// ab_compare.c: `symfast ab --compare A B`: two saved documents, of two machines or two days.
//
// What can be compared: each one's own ratio; whether the machines are alike (stock against stock);
// and, where A has only stock runs and B only symfast runs, those. Runs of two files are no pairs.
#include "ab.h"

#include <stdlib.h>
#include <string.h>

static json_t *
ab_compare_load(const char *path)
{
	json_t *document = document_load(path);
	const char *kind = json_string_value(json_object_get(document, "kind"));

	if (document == NULL)
		return NULL;
	if (strcmp(kind, "ab") == 0 && ab_judge(document))
		return document;
	cli_error("%s is not a file of symfast ab", path);
	json_decref(document);
	return NULL;
}

/* Arm `x` of A against arm `y` of B, or null if one has no such runs. */
static json_t *
ab_compare_across(const json_t *a, enum arm x, const json_t *b, enum arm y, enum ab_metric m)
{
	double *u, *v;
	size_t n = ab_values(a, x, m, &u), k = ab_values(b, y, m, &v);
	json_t *ratio = ab_ratio(u, n, v, k, false);

	free(u);
	free(v);
	return ratio;
}

static json_t *
ab_compare_metric(const json_t *a, const json_t *b, enum ab_metric m)
{
	json_t *out = json_pack("{s:s,s:s}", "name", ab_metric_name(m), "unit", ab_metric_unit(m));
	const json_t *docs[2] = {a, b};
	static const char *const names[2] = {"a", "b"};

	for (int i = 0; i < 2; i++) {
		const json_t *its = json_array_get(json_object_get(docs[i], "metrics"), (size_t)m);

		json_object_set(out, names[i], json_object_get(its, "ratio"));
	}
	json_object_set_new(out, "stock_b_to_a", ab_compare_across(a, ARM_STOCK, b, ARM_STOCK, m));
	json_object_set_new(out, "symfast_b_to_a",
			    ab_compare_across(a, ARM_SYMFAST, b, ARM_SYMFAST, m));
	json_object_set_new(out, "symfast_b_to_stock_a",
			    ab_compare_across(a, ARM_STOCK, b, ARM_SYMFAST, m));
	return out;
}

static void
ab_compare_print_cell(const json_t *metric, const char *name)
{
	const json_t *r = json_object_get(metric, name);
	char text[64] = "-";

	if (json_is_object(r))
		snprintf(text, sizeof(text), "%.3f (%.3f-%.3f)",
			 json_number_value(json_object_get(r, "ratio")),
			 json_number_value(json_object_get(r, "low")),
			 json_number_value(json_object_get(r, "high")));
	printf(" %22s", text);
}

static int
ab_compare_print(const json_t *document)
{
	static const char *const columns[] = {"a", "b", "stock_b_to_a", "symfast_b_to_a",
					      "symfast_b_to_stock_a"};
	const json_t *metric;
	size_t i;

	printf("%-20s %22s %22s %22s %22s %22s\n", "ratios (interval)", "A: symfast/stock",
	       "B: symfast/stock", "stock B/A", "symfast B/A", "B symfast/A stock");
	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		printf("%-20s", json_string_value(json_object_get(metric, "name")));
		for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++)
			ab_compare_print_cell(metric, columns[c]);
		printf("\n");
	}
	if (!json_is_true(json_object_get(document, "same_command")))
		printf("warning: A and B ran different commands\n");
	if (!json_is_true(json_object_get(document, "same_machine")))
		printf("A and B ran on different machines: look at \"stock B/A\" before the last "
		       "column\n");
	return CLI_OK;
}

int
ab_compare(const char *path_a, const char *path_b, bool as_json)
{
	json_t *a = ab_compare_load(path_a), *b = a != NULL ? ab_compare_load(path_b) : NULL,
	       *document, *list;

	if (b == NULL)
		return CLI_TARGET;
	document = document_new("ab-compare");
	list = json_array();
	for (int m = 0; m < AB_METRIC_COUNT; m++)
		json_array_append_new(list, ab_compare_metric(a, b, (enum ab_metric)m));
	json_object_set_new(document, "metrics", list);
	for (int i = 0; i < 2; i++) {
		static const char *const keys[2][2] = {{"command", "same_command"},
						       {"machine", "same_machine"}};

		json_object_set_new(document, keys[i][1],
				    json_boolean(json_equal(json_object_get(a, keys[i][0]),
							    json_object_get(b, keys[i][0]))));
	}
	if (as_json)
		return document_print(document);
	return ab_compare_print(document);
}
