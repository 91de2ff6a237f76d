// SPDX-License-Identifier: BSD-2-Clause
// cmd_ab.c: `symfast ab`: runs a command again and again, now stock, now with the shim, and compares.
#include "commands.h"

#include "../ab/ab.h"
#include "../base/arguments.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../base/preload.h"
#include "../page/page.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS_MAX 1000

struct ab {
	struct ab_plan plan;
	const char *html, *json;
	const char *compare[2];
	bool comparing;
};

static void
cmd_ab_check_runs(struct argp_state *state, const char *arg, void *into)
{
	if (!cli_number(arg, 1, RUNS_MAX, &((struct ab *)into)->plan.runs))
		cli_usage(state, "runs are 1 to %d: %s", RUNS_MAX, arg);
}

static void
cmd_ab_check_warmup(struct argp_state *state, const char *arg, void *into)
{
	if (!cli_number(arg, 0, RUNS_MAX, &((struct ab *)into)->plan.warmup))
		cli_usage(state, "warm-up runs are 0 to %d: %s", RUNS_MAX, arg);
}

static void
cmd_ab_check_arm(struct argp_state *state, const char *arg, void *into)
{
	(void)into;
	if (strcmp(arg, "stock") != 0 && strcmp(arg, "symfast") != 0)
		cli_usage(state, "an arm is stock or symfast: %s", arg);
}

static void
cmd_ab_rest(struct argp_state *state, void *into)
{
	struct ab *ab = into;

	if (!ab->comparing) {
		ab->plan.command = state->argv + state->next;
		return;
	}
	if (state->argc - state->next != 2)
		cli_usage(state, "--compare needs two files");
	ab->compare[0] = state->argv[state->next];
	ab->compare[1] = state->argv[state->next + 1];
}

static void
cmd_ab_end(struct argp_state *state, const void *into)
{
	const struct ab *ab = into;

	if (ab->comparing && (ab->compare[0] == NULL || ab->compare[1] == NULL))
		cli_usage(state, "--compare needs two files");
	if (!ab->comparing && ab->plan.command == NULL)
		cli_usage(state, "a command is needed");
}

static const struct argument cmd_ab_options[] = {
	{"runs", 'n', "RUNS", "pairs of runs (11)", ARGUMENT_NOWHERE, cmd_ab_check_runs},
	{"warmup", 'w', "RUNS", "pairs before them that do not count (1)", ARGUMENT_NOWHERE,
	 cmd_ab_check_warmup},
	{"mode", 'm', "MODE", "SYMFAST of the second arm (on)", offsetof(struct ab, plan.mode),
	 preload_check_mode},
	{"lib", 'l', "PATH", "preload this library, not the one that belongs to symfast",
	 offsetof(struct ab, plan.library), NULL},
	{"only", 'o', "ARM", "run only stock, or only symfast, to be compared later",
	 offsetof(struct ab, plan.only), cmd_ab_check_arm},
	{"stdin", 'i', "FILE", "what the command reads (nothing)", offsetof(struct ab, plan.input),
	 NULL},
	{"syscalls", 's', NULL, "count system calls, in one traced run of each arm more",
	 offsetof(struct ab, plan.syscalls), NULL},
	ARGUMENT_HTML(ab, "write a page"),
	{"json", 'j', "FILE", "write the runs and results as JSON; - is standard output",
	 offsetof(struct ab, json), NULL},
	{"compare", 'c', NULL, "compare two files written with --json: symfast ab --compare A B",
	 offsetof(struct ab, comparing), NULL},
	{0}};
static const struct arguments cmd_ab_arguments = {
	.usage = "-- COMMAND [ARG...]\n--compare A.json B.json",
	.text = "Compare a command with and without the shim.",
	.list = cmd_ab_options,
	.rest = cmd_ab_rest,
	.end = cmd_ab_end,
};

static int
cmd_ab_write_out(const struct ab *ab, json_t *document)
{
	int status = CLI_OK;

	if (ab->html != NULL)
		status = page_save(document, ab->html);
	if (status == CLI_OK && ab->json != NULL)
		status = document_save(json_incref(document), ab->json);
	if (status != CLI_OK)
		return status;
	/* A document is nothing but the document. */
	if ((ab->json == NULL || !output_is_standard(ab->json)) &&
	    (ab->html == NULL || !output_is_standard(ab->html)))
		return ab_print(document);
	return ab_verdict(document);
}

int
cmd_ab(int argc, char **argv)
{
	struct ab ab = {.plan = {.runs = 11, .warmup = 1, .mode = "on"}};
	json_t *document;
	char *library;
	int status;

	arguments_parse(&cmd_ab_arguments, argc, argv, &ab);
	if (ab.comparing)
		return ab_compare(ab.compare[0], ab.compare[1], ab.json != NULL);
	if (ab.plan.input != NULL && access(ab.plan.input, R_OK) != 0)
		return cli_error_errno(CLI_TARGET, "%s", ab.plan.input);
	library = preload_library(ab.plan.library);
	if (library == NULL)
		return CLI_TARGET;
	ab.plan.library = library;
	ab_wait_begin();
	status = ab_series(&ab.plan, &document);
	if (document != NULL)
		status = cmd_ab_write_out(&ab, document);
	json_decref(document);
	fflush(stdout);
	ab_wait_end();
	free(library);
	return status;
}
