// SPDX-License-Identifier: BSD-2-Clause
// ab_series.c: all runs of `symfast ab`, and the document of them.
//
// Pairs follow each other at once, and their order changes from pair to pair (stock first, symfast
// first, ...), so that a machine that drifts favours neither.
#include "ab.h"

#include "../base/environment.h"
#include "../base/preload.h"
#include "../segment/segment_each.h"
#include "../segment/stat_document.h"
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static bool
ab_series_wants(const struct ab_plan *p, enum arm arm)
{
	return p->only == NULL || strcmp(p->only, ab_arm_name(arm)) == 0;
}

static json_t *
ab_series_run_json(const struct ab_run *run)
{
	json_t *out = json_pack("{s:i,s:I,s:I,s:{s:b,s:b,s:b}}", "wait_status", run->status,
				"stdout_bytes", (json_int_t)run->bytes[0], "stderr_bytes",
				(json_int_t)run->bytes[1], "same", "stdout", run->same[AB_STDOUT],
				"stderr", run->same[AB_STDERR], "status", run->same[AB_STATUS]);

	for (int m = 0; m < AB_METRIC_COUNT; m++)
		json_object_set_new(out, ab_metric_name((enum ab_metric)m),
				    json_real(run->value[m]));
	return out;
}

static void
ab_series_progress(const struct ab_plan *p, unsigned long pair)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (pair <= p->runs + p->warmup)
		fprintf(stderr, "\rpair %lu of %lu", pair, p->runs + p->warmup);
	else
		fprintf(stderr, "\r\033[K");
}

/*
 * Where the shim of each run leaves its segment: a directory of our own, so that the runs' processes,
 * and those that they start, are not taken for others'. NULL: there is none, and no such numbers.
 */
static char *
ab_series_make_directory(void)
{
	char *path = cli_format("%s/symfast-ab.XXXXXX", segment_directory());

	if (mkdtemp(path) != NULL)
		return path;
	cli_error_errno(0, "%s: the shim's own numbers will be missing", segment_directory());
	free(path);
	return NULL;
}

/* What the shim of each run leaves, and where. */
struct harvest {
	char *directory; /* NULL: there is none */
	struct stat_sum *sum;
	bool counts;
	size_t seen; /* processes under the shim */
};

static void
ab_series_take(const struct segment *s, const char *path, void *data)
{
	struct harvest *h = data;

	h->seen++;
	if (h->counts)
		stat_document_add(h->sum, s);
	unlink(path);
}

/* All pairs; the warm-up's results are dropped, but not the outputs' comparison. */
static int
ab_series_run_all(const struct ab_plan *p, const struct ab_command *c, json_t *runs,
		  struct harvest *harvest, struct ab_reference *ref)
{
	for (unsigned long pair = 0; pair < p->runs + p->warmup; pair++) {
		ab_series_progress(p, pair + 1);
		for (unsigned int half = 0; half < ARMS; half++) {
			enum arm arm = (enum arm)((pair + half) % ARMS);
			struct ab_run run;
			int error;

			if (!ab_series_wants(p, arm))
				continue;
			error = ab_run_once(c, arm, ref, &run);
			if (error != CLI_OK)
				return error;
			harvest->counts = pair >= p->warmup;
			if (harvest->directory != NULL && arm == ARM_SYMFAST)
				segment_each(harvest->directory, ab_series_take, harvest, &error);
			if (pair >= p->warmup)
				json_array_append_new(json_object_get(runs, ab_arm_name(arm)),
						      ab_series_run_json(&run));
		}
	}
	ab_series_progress(p, p->runs + p->warmup + 1);
	return CLI_OK;
}

static json_t *
ab_series_machine(void)
{
	struct utsname u;
	char node[256];

	if (uname(&u) != 0)
		return json_null();
	cli_clean(node, sizeof(node), u.nodename);
	return json_pack("{s:s,s:s,s:s,s:i}", "node", node, "kernel", u.release, "cpu", u.machine,
			 "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN));
}

static json_t *
ab_series_start_document(const struct ab_plan *p)
{
	json_t *document = document_new("ab"), *command = json_array();
	char text[4096];

	for (char **word = p->command; *word != NULL; word++)
		json_array_append_new(command, json_string(cli_clean(text, sizeof(text), *word)));
	json_object_set_new(document, "command", command);
	document_put_time(document);
	json_object_set_new(document, "machine", ab_series_machine());
	json_object_set_new(document, "library",
			    json_string(cli_clean(text, sizeof(text), p->library)));
	json_object_set_new(document, "mode", json_string(p->mode));
	json_object_set_new(document, "runs", json_pack("{s:[],s:[]}", "stock", "symfast"));
	return document;
}

static int
ab_series_trace(const struct ab_plan *p, const struct ab_command *c, json_t *document)
{
	json_t *calls = json_object();

	for (enum arm arm = ARM_STOCK; p->syscalls && arm < ARMS; arm++) {
		long n = ab_series_wants(p, arm) ? ab_trace(c, arm) : 0;

		if (n < 0) {
			json_decref(calls);
			if (ab_wait_ended())
				return CLI_FAILED;
			return cli_error_errno(CLI_FAILED, "system calls cannot be traced here");
		}
		if (ab_series_wants(p, arm))
			json_object_set_new(calls, ab_arm_name(arm), json_integer(n));
	}
	if (p->syscalls)
		json_object_set(document, "syscalls", calls);
	json_decref(calls);
	return CLI_OK;
}

/* The environment of the second arm. */
static void
ab_series_prepare(const struct ab_plan *p, const char *directory, struct environment *with)
{
	char *value;

	environment_init(with, environ);
	value = preload_value(p->library, environment_get(with, "LD_PRELOAD"));
	environment_set(with, "LD_PRELOAD", value);
	environment_set(with, "SYMFAST", p->mode);
	if (directory != NULL) {
		environment_set(with, "SYMFAST_SHM", "keep");
		environment_set(with, "SYMFAST_SHM_DIR", directory);
	}
	free(value);
}

/* What daemons of the command still write goes with it. */
static void
ab_series_remove_directory(struct harvest *h)
{
	int status;

	if (h->directory == NULL)
		return;
	h->counts = false;
	segment_each(h->directory, ab_series_take, h, &status);
	if (rmdir(h->directory) != 0)
		cli_error_errno(0, "%s", h->directory);
	free(h->directory);
}

static int
ab_series_run_in_directory(const struct ab_plan *p, json_t *document, struct stat_sum *sum)
{
	struct harvest harvest = {ab_series_make_directory(), sum, false, 0};
	struct ab_reference ref = {0};
	struct environment with;
	struct ab_command c;
	int status;

	ab_series_prepare(p, harvest.directory, &with);
	c = (struct ab_command){p->command, {environ, with.list}, p->input};
	status = ab_series_run_all(p, &c, json_object_get(document, "runs"), &harvest, &ref);
	if (status == CLI_OK)
		status = ab_series_trace(p, &c, document);
	if (harvest.directory != NULL)
		json_object_set_new(document, "loaded", json_boolean(harvest.seen != 0));
	if (ref.difference != NULL)
		json_object_set_new(document, "difference", ref.difference);
	ab_series_remove_directory(&harvest);
	environment_free(&with);
	return status;
}

/* After a signal: what counts is whole pairs. CLI_FAILED if there is none. */
static int
ab_series_finished(json_t *document)
{
	json_t *runs = json_object_get(document, "runs"), *arm[ARMS];

	for (int i = 0; i < ARMS; i++)
		arm[i] = json_object_get(runs, ab_arm_name((enum arm)i));
	for (int i = 0; i < ARMS; i++)
		while (json_array_size(arm[1 - i]) != 0 &&
		       json_array_size(arm[i]) > json_array_size(arm[1 - i]))
			json_array_remove(arm[i], json_array_size(arm[i]) - 1);
	json_object_set_new(document, "interrupted", json_true());
	return json_array_size(arm[0]) != 0 || json_array_size(arm[1]) != 0 ? CLI_OK : CLI_FAILED;
}

int
ab_series(const struct ab_plan *p, json_t **document)
{
	struct stat_sum *sum = stat_document_new();
	json_t *stat;
	int status;

	*document = ab_series_start_document(p);
	status = ab_series_run_in_directory(p, *document, sum);
	if (ab_wait_ended())
		status = ab_series_finished(*document);
	stat = stat_document_of(sum);
	json_object_del(stat, "answers"); /* the whole document has its own */
	if (stat_document_valid(stat))
		json_object_set(*document, "stat", stat);
	json_decref(stat);
	if (status == CLI_OK && ab_judge(*document))
		return CLI_OK;
	json_decref(*document);
	*document = NULL;
	return status;
}
