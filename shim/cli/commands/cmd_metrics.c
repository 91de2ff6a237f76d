// SPDX-License-Identifier: BSD-2-Clause
// cmd_metrics.c: `symfast metrics`: counters as text that Prometheus reads.
//
// Standard output speaks OpenMetrics 1.0: it ends with "# EOF", and a counter's family has the name
// without "_total". Files for node_exporter's textfile collector (--textfile) speak the older text
// format, which that collector parses: there the family has the full name. The samples are the same.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../segment/rollup.h"
#include "../segment/segment_each.h"
#include "../segment/stat_document.h"
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "symfast.prom"

struct process {
	struct segment segment; /* closed: header and control only */
	struct counter *counters;
	size_t count;
	struct rollup rollup;
};

struct metrics {
	unsigned long pid;
	const char *directory;
	bool all, json;
	struct process *list;
	size_t count;
};

static void
cmd_metrics_word(struct argp_state *state, const char *arg, void *into)
{
	((struct metrics *)into)->pid = cli_pid(state, arg);
}

static void
cmd_metrics_end(struct argp_state *state, const void *into)
{
	const struct metrics *m = into;

	if ((m->pid == 0) == !m->all)
		cli_usage(state, "a process id or --all is needed");
	if (m->json && m->directory != NULL)
		cli_usage(state, "--json and --textfile exclude each other");
}

static const struct argument cmd_metrics_options[] = {
	{"all", 'a', NULL, "all processes of this user; of all users, if run by root",
	 offsetof(struct metrics, all), NULL},
	{"textfile", 't', "DIR", "write DIR/" FILE_NAME " for node_exporter",
	 offsetof(struct metrics, directory), NULL},
	ARGUMENT_JSON(metrics),
	{0}};
static const struct arguments cmd_metrics_arguments = {
	.usage = "PID|--all",
	.text = "Write counters as OpenMetrics text.",
	.list = cmd_metrics_options,
	.words = 1,
	.word_at = ARGUMENT_NOWHERE,
	.word = cmd_metrics_word,
	.more = "one process at a time, or --all",
	.end = cmd_metrics_end,
};

/* Dead processes are left out: a scrape tells what is. */
static void
cmd_metrics_add(const struct segment *s, const char *path, void *data)
{
	struct metrics *m = data;
	struct process p = {.segment = *s};

	(void)path;
	if (s->liveness == SEGMENT_ENDED || s->liveness == SEGMENT_REPLACED)
		return;
	p.counters = segment_counters(s, &p.count);
	if (p.counters == NULL)
		return;
	p.rollup = rollup_of(p.counters, p.count);
	m->list = cli_grow(m->list, m->count + 1, sizeof(*m->list));
	m->list[m->count++] = p;
}

/* A label's value: what the format escapes, escaped. */
static void
cmd_metrics_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static void
cmd_metrics_sample(FILE *out, const struct process *p, const char *metric, const char *name,
		   const char *value, unsigned long long n)
{
	fprintf(out, "symfast_%s{pid=\"%u\",", metric, p->segment.head.pid);
	cmd_metrics_label(out, "exe", p->segment.head.exe);
	if (name != NULL) {
		fputc(',', out);
		cmd_metrics_label(out, name, value);
	}
	fprintf(out, "} %llu\n", n);
}

static void
cmd_metrics_family(FILE *out, const struct metrics *m, const char *name, const char *type,
		   const char *help)
{
	const char *total = strcmp(type, "counter") == 0 && m->directory != NULL ? "_total" : "";

	fprintf(out, "# HELP symfast_%s%s %s\n# TYPE symfast_%s%s %s\n", name, total, help, name,
		total, type);
}

enum column { HITS, MISSES, PASSES };

static void
cmd_metrics_write_functions(FILE *out, const struct metrics *m, enum column column,
			    const char *name, const char *help)
{
	char metric[32];

	cmd_metrics_family(out, m, name, "counter", help);
	snprintf(metric, sizeof(metric), "%s_total", name);
	for (size_t i = 0; i < m->count; i++)
		for (size_t k = 0; k < m->list[i].rollup.count; k++) {
			const struct rollup_row *r = &m->list[i].rollup.rows[k];

			cmd_metrics_sample(out, &m->list[i], metric, "fn", r->function,
					   column == HITS     ? r->hits
					   : column == MISSES ? r->misses
							      : r->passes);
		}
}

/* Counters of one kind, each by its name. */
static void
cmd_metrics_write_named(FILE *out, const struct metrics *m, enum outcome wanted, const char *name,
			const char *label_name, const char *help)
{
	char metric[32], word[24];

	cmd_metrics_family(out, m, name, "counter", help);
	snprintf(metric, sizeof(metric), "%s_total", name);
	for (size_t i = 0; i < m->count; i++)
		for (size_t k = 0; k < m->list[i].count; k++) {
			const struct counter *c = &m->list[i].counters[k];

			if (rollup_outcome(c->name, word, sizeof(word)) == wanted)
				cmd_metrics_sample(out, &m->list[i], metric, label_name,
						   wanted == OUTCOME_BYPASS ? word : c->name,
						   c->value);
		}
}

static void
cmd_metrics_write_state(FILE *out, const struct metrics *m)
{
	static const char *const modes[] = {"off", "observe", "verify", "on", "pass"};

	cmd_metrics_family(out, m, "mismatch", "counter",
			   "Answers of the map that were not libc's.");
	for (size_t i = 0; i < m->count; i++)
		cmd_metrics_sample(out, &m->list[i], "mismatch_total", NULL, NULL,
				   m->list[i].segment.control.mismatches);
	cmd_metrics_family(out, m, "breaker_trips", "counter", "Times the breaker opened.");
	for (size_t i = 0; i < m->count; i++)
		cmd_metrics_sample(out, &m->list[i], "breaker_trips_total", NULL, NULL,
				   m->list[i].segment.control.breaker_trips);
	cmd_metrics_family(out, m, "mode", "gauge", "1 for the mode that the process is in.");
	for (size_t i = 0; i < m->count; i++)
		for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++)
			cmd_metrics_sample(
				out, &m->list[i], "mode", "mode", modes[k],
				strcmp(modes[k], stat_document_mode(&m->list[i].segment)) == 0);
	cmd_metrics_family(out, m, "canary_chosen", "gauge",
			   "1 if SYMFAST_CANARY chose the process.");
	for (size_t i = 0; i < m->count; i++)
		cmd_metrics_sample(out, &m->list[i], "canary_chosen", NULL, NULL,
				   m->list[i].segment.control.canary_chosen != 0);
	cmd_metrics_family(out, m, "build_info", "gauge", "Version of the library.");
	for (size_t i = 0; i < m->count; i++)
		cmd_metrics_sample(out, &m->list[i], "build_info", "version",
				   m->list[i].segment.head.library, 1);
}

static void
cmd_metrics_write_all(FILE *out, const struct metrics *m)
{
	cmd_metrics_write_functions(out, m, HITS, "hits", "Calls that the shim answered.");
	cmd_metrics_write_functions(out, m, MISSES, "misses",
				    "Calls that the shim asked of libc, to learn.");
	cmd_metrics_write_functions(out, m, PASSES, "passes",
				    "Calls that were passed through to libc.");
	cmd_metrics_write_named(out, m, OUTCOME_BYPASS, "bypass", "reason",
				"Calls that were passed through, by reason.");
	cmd_metrics_write_named(out, m, OUTCOME_EVENT, "events", "event", "What else is counted.");
	cmd_metrics_write_state(out, m);
	if (m->directory == NULL)
		fputs("# EOF\n", out);
}

static int
cmd_metrics_write_textfile(const struct metrics *m)
{
	char *path = cli_format("%s/" FILE_NAME, m->directory);
	struct output_file f;
	bool ok = output_open(&f, path);

	if (ok) {
		cmd_metrics_write_all(f.stream, m);
		ok = !ferror(f.stream);
		ok = output_close(&f) && ok;
	}
	free(path);
	return ok ? CLI_OK : CLI_FAILED;
}

static int
cmd_metrics_write_json(const struct metrics *m)
{
	json_t *document = document_new("metrics"), *list = json_array();

	for (size_t i = 0; i < m->count; i++) {
		json_t *row = stat_document_head(&m->list[i].segment), *counters = json_object();

		for (size_t k = 0; k < m->list[i].count; k++)
			json_object_set_new(counters, m->list[i].counters[k].name,
					    json_integer((json_int_t)m->list[i].counters[k].value));
		json_object_set_new(row, "counters", counters);
		json_array_append_new(list, row);
	}
	json_object_set_new(document, "processes", list);
	return document_print(document);
}

static int
cmd_metrics_write_out(const struct metrics *m)
{
	if (m->json)
		return cmd_metrics_write_json(m);
	if (m->directory != NULL)
		return cmd_metrics_write_textfile(m);
	cmd_metrics_write_all(stdout, m);
	return output_result(fflush(stdout) == 0);
}

int
cmd_metrics(int argc, char **argv)
{
	struct metrics m = {0};
	struct segment s;
	int status, written;

	arguments_parse(&cmd_metrics_arguments, argc, argv, &m);
	if (m.all) {
		if (!segment_each(segment_directory(), cmd_metrics_add, &m, &status))
			return status;
	} else {
		status = segment_of(&s, m.pid);
		if (status != CLI_OK)
			return status;
		if (s.liveness == SEGMENT_ENDED) {
			cli_error("process %lu has ended; symfast stat shows what it left", m.pid);
			status = CLI_TARGET;
		} else {
			cmd_metrics_add(&s, NULL, &m);
		}
		segment_close(&s);
		if (status != CLI_OK)
			return status;
	}
	/* What could be read is written, even if some file could not. */
	written = cmd_metrics_write_out(&m);
	for (size_t i = 0; i < m.count; i++) {
		free(m.list[i].counters);
		rollup_free(&m.list[i].rollup);
	}
	free(m.list);
	return written != CLI_OK ? written : status;
}
