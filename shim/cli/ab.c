// SPDX-License-Identifier: BSD-2-Clause
// ab.c: `symfast ab`: runs a command again and again, now stock, now with the shim, and compares.
//
// Pairs follow each other at once, and their order changes from pair to pair (stock first, symfast
// first, ...), so that a machine that drifts favours neither.
#include "ab.h"

#include "list.h"
#include "page.h"
#include "preload.h"
#include "snapshot.h"
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000

extern char **environ;

struct ab {
	unsigned long runs, warmup;
	const char *mode, *library, *html, *json, *only, *input;
	const char *compare[2];
	bool syscalls, comparing;
	char **command, *directory;
};

static const struct argp_option options[] = {
	{"runs", 'n', "RUNS", 0, "pairs of runs (11)", 0},
	{"warmup", 'w', "RUNS", 0, "pairs before them that do not count (1)", 0},
	{"mode", 'm', "MODE", 0, "SYMFAST of the second arm (on)", 0},
	{"lib", 'l', "PATH", 0, "preload this library, not the one that belongs to symfast", 0},
	{"only", 'o', "ARM", 0, "run only stock, or only symfast, to be compared later", 0},
	{"stdin", 'i', "FILE", 0, "what the command reads (nothing)", 0},
	{"syscalls", 's', NULL, 0, "count system calls, in one traced run of each arm more", 0},
	{"html", 'h', "FILE", 0, "write a page", 0},
	{"json", 'j', "FILE", 0, "write the runs and results as JSON; - is standard output", 0},
	{"compare", 'c', NULL, 0, "compare two files written with --json: symfast ab --compare A B",
	 0},
	{0}};

static void
parse_end(const struct ab *ab, struct argp_state *state)
{
	if (ab->comparing && (ab->compare[0] == NULL || ab->compare[1] == NULL))
		cli_usage(state, "--compare needs two files");
	if (!ab->comparing && ab->command == NULL)
		cli_usage(state, "a command is needed");
}

static error_t
parse_files(struct ab *ab, struct argp_state *state)
{
	if (ab->comparing) {
		if (state->argc - state->next != 2)
			cli_usage(state, "--compare needs two files");
		ab->compare[0] = state->argv[state->next];
		ab->compare[1] = state->argv[state->next + 1];
	} else {
		ab->command = state->argv + state->next;
	}
	return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct ab *ab = state->input;

	switch (key) {
	case 'n':
		if (!cli_number(arg, 1, RUNS_MAX, &ab->runs))
			cli_usage(state, "runs are 1 to %d: %s", RUNS_MAX, arg);
		return 0;
	case 'w':
		if (!cli_number(arg, 0, RUNS_MAX, &ab->warmup))
			cli_usage(state, "warm-up runs are 0 to %d: %s", RUNS_MAX, arg);
		return 0;
	case 'm':
		if (!preload_mode_known(arg))
			cli_usage(state, "no such mode: %s", arg);
		ab->mode = arg;
		return 0;
	case 'o':
		if (strcmp(arg, "stock") != 0 && strcmp(arg, "symfast") != 0)
			cli_usage(state, "an arm is stock or symfast: %s", arg);
		ab->only = arg;
		return 0;
	case 'l':
		ab->library = arg;
		return 0;
	case 'i':
		ab->input = arg;
		return 0;
	case 's':
		ab->syscalls = true;
		return 0;
	case 'h':
		if (arg[0] == '-' && arg[1] != '\0')
			cli_usage(state, "-h is --html, and needs a file: %s", arg);
		ab->html = arg;
		return 0;
	case 'j':
		ab->json = arg;
		return 0;
	case 'c':
		ab->comparing = true;
		return 0;
	case ARGP_KEY_ARGS:
		return parse_files(ab, state);
	case ARGP_KEY_END:
		parse_end(ab, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool
wants(const struct ab *ab, enum arm arm)
{
	return ab->only == NULL || strcmp(ab->only, ab_arm_name(arm)) == 0;
}

static json_t *
run_json(const struct ab_run *run)
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
progress(const struct ab *ab, unsigned long pair)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (pair <= ab->runs + ab->warmup)
		fprintf(stderr, "\rpair %lu of %lu", pair, ab->runs + ab->warmup);
	else
		fprintf(stderr, "\r\033[K");
}

/*
 * Where the shim of each run leaves its segment: a directory of our own, so that the runs' processes,
 * and those that they start, are not taken for others'. NULL: there is none, and no such numbers.
 */
static char *
make_directory(void)
{
	char *path = cli_format("%s/symfast-ab.XXXXXX", segment_directory());

	if (mkdtemp(path) != NULL)
		return path;
	cli_error_errno(0, "%s: the shim's own numbers will be missing", segment_directory());
	free(path);
	return NULL;
}

struct harvest {
	struct snapshot *sum;
	bool counts;
};

static void
take(const struct segment *s, const char *path, void *data)
{
	struct harvest *h = data;

	if (h->counts)
		snapshot_add(h->sum, s);
	unlink(path);
}

/* All pairs; the warm-up's results are dropped, but not the outputs' comparison. */
static int
run_all(const struct ab *ab, const struct ab_command *c, json_t *runs, struct snapshot *sum)
{
	struct ab_reference ref = {0};
	struct harvest harvest = {sum, false};

	for (unsigned long pair = 0; pair < ab->runs + ab->warmup; pair++) {
		progress(ab, pair + 1);
		for (unsigned int half = 0; half < ARMS; half++) {
			enum arm arm = (enum arm)((pair + half) % ARMS);
			struct ab_run run;
			int error;

			if (!wants(ab, arm))
				continue;
			error = ab_run_once(c, arm, &ref, &run);
			if (error != CLI_OK)
				return error;
			harvest.counts = pair >= ab->warmup;
			if (ab->directory != NULL && arm == ARM_SYMFAST)
				list_each(ab->directory, take, &harvest, &error);
			if (pair >= ab->warmup)
				json_array_append_new(json_object_get(runs, ab_arm_name(arm)),
						      run_json(&run));
		}
	}
	progress(ab, ab->runs + ab->warmup + 1);
	return CLI_OK;
}

static json_t *
machine(void)
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
start_document(const struct ab *ab, const char *library)
{
	json_t *document = cli_document("ab"), *command = json_array();
	char text[4096], when[32];
	time_t now = time(NULL);

	for (char **word = ab->command; *word != NULL; word++)
		json_array_append_new(command, json_string(cli_clean(text, sizeof(text), *word)));
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	json_object_set_new(document, "command", command);
	json_object_set_new(document, "time", json_string(when));
	json_object_set_new(document, "machine", machine());
	json_object_set_new(document, "library",
			    json_string(cli_clean(text, sizeof(text), library)));
	json_object_set_new(document, "mode", json_string(ab->mode));
	json_object_set_new(document, "runs", json_pack("{s:[],s:[]}", "stock", "symfast"));
	return document;
}

static int
trace(const struct ab *ab, const struct ab_command *c, json_t *document)
{
	json_t *calls = json_object();

	for (enum arm arm = ARM_STOCK; ab->syscalls && arm < ARMS; arm++) {
		long n = wants(ab, arm) ? ab_trace(c, arm) : 0;

		if (n < 0) {
			json_decref(calls);
			if (ab_wait_ended())
				return CLI_FAILED;
			return cli_error_errno(CLI_FAILED, "system calls cannot be traced here");
		}
		if (wants(ab, arm))
			json_object_set_new(calls, ab_arm_name(arm), json_integer(n));
	}
	if (ab->syscalls)
		json_object_set(document, "syscalls", calls);
	json_decref(calls);
	return CLI_OK;
}

static int
write_out(const struct ab *ab, json_t *document)
{
	int status = CLI_OK;

	if (ab->html != NULL)
		status = page_save(document, ab->html);
	if (status == CLI_OK && ab->json != NULL)
		status = cli_save(json_incref(document), ab->json);
	if (status != CLI_OK)
		return status;
	/* A document is nothing but the document. */
	if ((ab->json == NULL || !cli_is_output(ab->json)) &&
	    (ab->html == NULL || !cli_is_output(ab->html)))
		return ab_print(document);
	return ab_verdict(document);
}

/* The environment of the second arm. */
static void
prepare(struct ab *ab, const char *library, struct environment *with)
{
	char *value;

	environment_init(with, environ);
	value = preload_value(library, environment_get(with, "LD_PRELOAD"));
	environment_set(with, "LD_PRELOAD", value);
	environment_set(with, "SYMFAST", ab->mode);
	ab->directory = make_directory();
	if (ab->directory != NULL) {
		environment_set(with, "SYMFAST_SHM", "keep");
		environment_set(with, "SYMFAST_SHM_DIR", ab->directory);
	}
	free(value);
}

/* What daemons of the command still write goes with it. */
static void
remove_directory(const struct ab *ab, struct snapshot *sum)
{
	struct harvest harvest = {sum, false};
	int status;

	if (ab->directory == NULL)
		return;
	list_each(ab->directory, take, &harvest, &status);
	if (rmdir(ab->directory) != 0)
		cli_error_errno(0, "%s", ab->directory);
}

static int
compare_runs(struct ab *ab, const char *library)
{
	json_t *document = start_document(ab, library), *stat;
	struct snapshot *sum = snapshot_new();
	struct environment with;
	struct ab_command c;
	int status;

	ab_wait_begin();
	prepare(ab, library, &with);
	c = (struct ab_command){ab->command, {environ, with.list}, ab->input};
	status = run_all(ab, &c, json_object_get(document, "runs"), sum);
	if (status == CLI_OK)
		status = trace(ab, &c, document);
	remove_directory(ab, sum);
	ab_wait_end();
	stat = snapshot_document(sum);
	if (snapshot_valid(stat))
		json_object_set(document, "stat", stat);
	if (status == CLI_OK && ab_judge(document))
		status = write_out(ab, document);
	json_decref(stat);
	json_decref(document);
	environment_free(&with);
	free(ab->directory);
	return status;
}

int
cli_ab(int argc, char **argv)
{
	static const struct argp argp = {options,
					 parse,
					 "-- COMMAND [ARG...]\n--compare A.json B.json",
					 "Compare a command with and without the shim.",
					 NULL,
					 NULL,
					 NULL};
	struct ab ab = {.runs = 11, .warmup = 1, .mode = "on"};
	char *library;
	int status;

	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &ab);
	if (ab.comparing)
		return ab_compare(ab.compare[0], ab.compare[1], ab.json != NULL);
	if (ab.input != NULL && access(ab.input, R_OK) != 0)
		return cli_error_errno(CLI_TARGET, "%s", ab.input);
	library = preload_library(ab.library);
	if (library == NULL)
		return CLI_TARGET;
	status = compare_runs(&ab, library);
	free(library);
	return status;
}
