// SPDX-License-Identifier: BSD-2-Clause
// cmd_metrics.c: `symfast metrics`: counters and states as text that Prometheus reads, once or at an address.
//
// Standard output speaks OpenMetrics. A file for node_exporter's textfile collector (--textfile) speaks the
// older text format, which that collector parses. At an address (--listen) the client chooses.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../metrics/metrics.h"
#include "../segment/segment_each.h"
#include "../segment/stat_document.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "symfast.prom"
#define TOLD      64 /* lines about files that cannot be used; what is beyond them is counted alone */

struct metrics_input {
	unsigned long pid;
	const char *directory, *address, *by;
	bool all, json;
	struct metrics *metrics;
	json_t *rows; /* of --json */
	char *told[TOLD], *why;
	size_t told_count;
};

static void
cmd_metrics_word(struct argp_state *state, const char *arg, void *into)
{
	((struct metrics_input *)into)->pid = cli_pid(state, arg);
}

static void
cmd_metrics_check_by(struct argp_state *state, const char *arg, void *into)
{
	(void)into;
	if (strcmp(arg, "process") != 0 && strcmp(arg, "exe") != 0)
		cli_usage(state, "neither process nor exe: %s", arg);
}

static void
cmd_metrics_check_address(struct argp_state *state, const char *arg, void *into)
{
	(void)into;
	if (!metrics_address_is(arg))
		cli_usage(state,
			  "not an address and port, as 127.0.0.1:9405, [::1]:9405 or :9405: %s",
			  arg);
}

static void
cmd_metrics_end(struct argp_state *state, const void *into)
{
	const struct metrics_input *m = into;

	if ((m->pid == 0) == !m->all)
		cli_usage(state, "a process id or --all is needed");
	if (m->json + (m->directory != NULL) + (m->address != NULL) > 1)
		cli_usage(state, "--json, --textfile and --listen exclude each other");
	if (m->address != NULL && !m->all)
		cli_usage(state, "--listen needs --all");
	if (m->json && m->by != NULL)
		cli_usage(state, "--json tells of each process; it takes no --by");
}

static const struct argument cmd_metrics_options[] = {
	{"all", 'a', NULL, "all processes of this user; of all users, if run by root",
	 offsetof(struct metrics_input, all), NULL},
	{"by", 'b', "process|exe", "one set of samples for each process (default) or program",
	 offsetof(struct metrics_input, by), cmd_metrics_check_by},
	{"listen", 'l', "ADDRESS:PORT", "answer scrapes there, until a signal ends it",
	 offsetof(struct metrics_input, address), cmd_metrics_check_address},
	{"textfile", 't', "DIR", "write DIR/" FILE_NAME " for node_exporter",
	 offsetof(struct metrics_input, directory), NULL},
	ARGUMENT_JSON(metrics_input),
	{0}};
static const struct arguments cmd_metrics_arguments = {
	.usage = "PID|--all",
	.text = "Write counters as OpenMetrics text, or answer scrapes with them.",
	.list = cmd_metrics_options,
	.words = 1,
	.word_at = ARGUMENT_NOWHERE,
	.word = cmd_metrics_word,
	.more = "one process at a time, or --all",
	.end = cmd_metrics_end,
};

static void
cmd_metrics_add_row(struct metrics_input *m, const struct segment *s)
{
	size_t count;
	struct counter *counters = segment_counters(s, &count);
	json_t *row, *all;

	if (counters == NULL || s->liveness == SEGMENT_ENDED || s->liveness == SEGMENT_REPLACED) {
		free(counters);
		return;
	}
	row = stat_document_head(s);
	all = json_object();
	for (size_t k = 0; k < count; k++)
		json_object_set_new(all, counters[k].name,
				    json_integer((json_int_t)counters[k].value));
	json_object_set_new(row, "counters", all);
	json_array_append_new(m->rows, row);
	free(counters);
}

static void
cmd_metrics_add(const struct segment *s, const char *path, void *data)
{
	struct metrics_input *m = data;

	(void)path;
	if (m->json)
		cmd_metrics_add_row(m, s);
	else
		metrics_add(m->metrics, s);
}

/* A scrape comes every few seconds: each file is told of once. */
static void
cmd_metrics_bad(const char *path, const char *why, void *data)
{
	struct metrics_input *m = data;

	metrics_add_unreadable(m->metrics);
	for (size_t i = 0; i < m->told_count; i++)
		if (strcmp(m->told[i], path) == 0)
			return;
	if (m->told_count < TOLD)
		m->told[m->told_count++] = cli_format("%s", path);
	if (m->told_count < TOLD || m->address == NULL)
		cli_error("%s %s", path, why);
}

/* All of the directory; NULL, or why not. */
static const char *
cmd_metrics_read(void *data)
{
	struct metrics_input *m = data;
	bool read;
	int status;

	metrics_begin(m->metrics);
	read = segment_each_or(segment_directory(), cmd_metrics_add, cmd_metrics_bad, m, &status);
	free(m->why);
	m->why = read ? NULL : cli_format("%s: %s", segment_directory(), strerror(errno));
	metrics_end(m->metrics);
	return m->why;
}

static int
cmd_metrics_write_textfile(const struct metrics_input *m)
{
	char *path = cli_format("%s/" FILE_NAME, m->directory);
	struct output_file f;
	bool ok = output_open(&f, path);

	if (ok) {
		metrics_write(f.stream, m->metrics, METRICS_TEXT);
		ok = !ferror(f.stream);
		ok = output_close(&f) && ok;
	}
	free(path);
	return ok ? CLI_OK : CLI_FAILED;
}

static int
cmd_metrics_write_json(struct metrics_input *m)
{
	json_t *document = document_new("metrics");

	json_object_set_new(document, "processes", m->rows);
	return document_print(document);
}

static int
cmd_metrics_write_out(struct metrics_input *m)
{
	if (m->json)
		return cmd_metrics_write_json(m);
	if (m->directory != NULL)
		return cmd_metrics_write_textfile(m);
	metrics_write(stdout, m->metrics, METRICS_OPEN);
	return output_result(fflush(stdout) == 0);
}

static int
cmd_metrics_read_one(struct metrics_input *m)
{
	struct segment s;
	int status = segment_of(&s, m->pid);

	if (status != CLI_OK)
		return status;
	if (s.liveness == SEGMENT_ENDED) {
		cli_error("process %lu has ended; symfast stat shows what it left", m->pid);
		status = CLI_TARGET;
	} else {
		cmd_metrics_add(&s, NULL, m);
	}
	segment_close(&s);
	return status;
}

/* CLI_OK, or CLI_TARGET after a line; *any: is there something to write? */
static int
cmd_metrics_read_once(struct metrics_input *m, bool *any)
{
	int status = CLI_OK;

	if (!m->all) {
		metrics_begin(m->metrics);
		status = cmd_metrics_read_one(m);
		*any = status == CLI_OK;
	} else {
		*any = cmd_metrics_read(m) == NULL;
		if (!*any)
			cli_error("%s", m->why);
		if (!*any || metrics_unreadable(m->metrics) != 0)
			status = CLI_TARGET;
	}
	return status;
}

static int
cmd_metrics_listen(struct metrics_input *m)
{
	const struct metrics_source source = {cmd_metrics_read, m, m->metrics};

	return metrics_listen(m->address, &source);
}

int
cmd_metrics(int argc, char **argv)
{
	struct metrics_input m = {0};
	enum metrics_by by = METRICS_BY_PROCESS;
	int status, written;
	bool any = false;

	arguments_parse(&cmd_metrics_arguments, argc, argv, &m);
	if (m.by != NULL && strcmp(m.by, "exe") == 0)
		by = METRICS_BY_EXE;
	m.metrics = metrics_new(by, m.address != NULL);
	m.rows = m.json ? json_array() : NULL;
	if (m.address != NULL) {
		status = cmd_metrics_listen(&m);
	} else {
		/* What could be read is written, even if some file could not. */
		status = cmd_metrics_read_once(&m, &any);
		written = any ? cmd_metrics_write_out(&m) : CLI_OK;
		status = written != CLI_OK ? written : status;
	}
	metrics_free(m.metrics);
	while (m.told_count > 0)
		free(m.told[--m.told_count]);
	free(m.why);
	return status;
}
