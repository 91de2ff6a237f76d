// SPDX-License-Identifier: BSD-2-Clause
// ab_answers.c: what stands above the tables of `symfast ab`: did it help, and is it safe?
#include "ab.h"

#include "../base/answer.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const json_t *
ab_answers_ratio(const json_t *document, enum ab_metric m)
{
	return json_object_get(json_array_get(json_object_get(document, "metrics"), (size_t)m),
			       "ratio");
}

/* "3.1 times less wall time (2.9 to 3.3)", or that it is no different; *sign: -1 less, 1 more, 0 neither. */
static char *
ab_answers_metric(const json_t *ratio, const char *what, int *sign)
{
	double r = 0, low = 0, high = 0;
	const char *verdict = "";

	*sign = 0;
	if (json_unpack((json_t *)(uintptr_t)ratio, "{s:F,s:F,s:F,s:s}", "ratio", &r, "low", &low,
			"high", &high, "verdict", &verdict) != 0)
		return cli_format("%s could not be compared", what);
	*sign = strcmp(verdict, "less") == 0 ? -1 : strcmp(verdict, "more") == 0 ? 1 : 0;
	if (*sign < 0)
		return cli_format("%.2f times less %s (%.2f to %.2f)", 1 / r, what, 1 / high,
				  1 / low);
	if (*sign > 0)
		return cli_format("%.2f times more %s (%.2f to %.2f)", r, what, low, high);
	return cli_format("%s %.2f to %.2f times stock's", what, low, high);
}

static json_t *
ab_answers_help(const json_t *document)
{
	const json_t *wall = ab_answers_ratio(document, AB_wall),
		     *user = ab_answers_ratio(document, AB_user);
	const char *verdict = json_string_value(json_object_get(wall, "verdict"));
	int by_wall, by_user, sign;
	char *texts[2], *both;

	if (json_is_false(json_object_get(document, "loaded")))
		return answer_new("bad", cli_format("Not tried: the shim was not loaded into the "
						    "command. symfast doctor says why."));
	if (verdict == NULL)
		return answer_new("unsure",
				  cli_format("Cannot say: there are no runs of both arms."));
	if (strcmp(verdict, "too few runs to say") == 0)
		return answer_new("unsure", cli_format("Cannot say: too few runs."));
	texts[0] = ab_answers_metric(wall, "wall time", &by_wall);
	texts[1] = ab_answers_metric(user, "CPU time in the program", &by_user);
	sign = by_wall != 0 ? by_wall : by_user;
	both = cli_format("%s: %s; %s.",
			  sign < 0   ? "Yes"
			  : sign > 0 ? "No, it cost"
				     : "No difference shown",
			  texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
	return answer_new(sign < 0 ? "good" : sign > 0 ? "bad" : "unsure", both);
}

/* Did every run of both arms fail in the same way? Then what was compared is a failure. */
static int
ab_answers_failed(const json_t *document)
{
	const json_t *arms = json_object_get(document, "runs"), *runs, *run;
	json_int_t status = 0;
	const char *arm;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)arms, arm, runs)
		json_array_foreach(runs, i, run) if ((status = json_integer_value(json_object_get(
							      run, "wait_status"))) == 0) return 0;
	return (int)status;
}

static char *
ab_answers_status(int status)
{
	return WIFSIGNALED(status) ? cli_format("by signal %d", WTERMSIG(status))
				   : cli_format("with exit status %d", WEXITSTATUS(status));
}

static char *
ab_answers_difference(const json_t *document, const char *output)
{
	const json_t *d = json_object_get(document, "difference"), *at = json_object_get(d, "at");
	const char *its = json_string_value(json_object_get(d, "output"));

	if (its == NULL || strcmp(its, output) != 0)
		return cli_format("No: %s differs with the shim.", output);
	return cli_format(
		"No: %s differs with the shim, first in line %lld, column %lld: stock \"%s\", "
		"symfast \"%s\".",
		output, (long long)json_integer_value(json_object_get(at, "line")),
		(long long)json_integer_value(json_object_get(at, "column")),
		json_string_value(json_object_get(at, "first")),
		json_string_value(json_object_get(at, "other")));
}

/* The breaker of a run in verify, or of a command that compares. */
static bool
ab_answers_tripped(const json_t *document)
{
	return json_integer_value(json_object_get(
		       json_object_get(json_object_get(document, "stat"), "breaker"), "trips")) !=
	       0;
}

static json_t *
ab_answers_safe(const json_t *document)
{
	static const char *const outputs[] = {"stdout", "stderr", "status"};
	const json_t *verdicts = json_object_get(document, "output");
	int failed = ab_answers_failed(document);
	char *open = NULL, *how, *text;

	if (ab_answers_tripped(document))
		return answer_new("bad",
				  cli_format("No: an answer of the shim was not libc's, and its "
					     "breaker opened."));
	for (int i = 0; i < 3; i++) {
		const char *verdict = json_string_value(json_object_get(verdicts, outputs[i]));

		if (strcmp(verdict, "different") == 0)
			return answer_new("bad", ab_answers_difference(document, outputs[i]));
		if (strcmp(verdict, "identical") != 0 && open == NULL)
			open = cli_format("Cannot say of %s: %s.", outputs[i], verdict);
	}
	if (json_is_false(json_object_get(document, "loaded")))
		open = open != NULL ? open : cli_format("Cannot say: the shim was not loaded.");
	if (open != NULL)
		return answer_new("unsure", open);
	if (failed == 0)
		return answer_new("good",
				  cli_format("Yes: output, error output and exit status are "
					     "identical in all runs."));
	how = ab_answers_status(failed);
	text = cli_format(
		"Cannot say: the command ended %s in all runs, with the shim and without.", how);
	free(how);
	return answer_new("unsure", text);
}

json_t *
ab_answers(const json_t *document)
{
	return json_pack("{s:o,s:o}", "helped", ab_answers_help(document), "safe",
			 ab_answers_safe(document));
}
