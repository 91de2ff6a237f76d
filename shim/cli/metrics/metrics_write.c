// SPDX-License-Identifier: BSD-2-Clause
// metrics_write.c: groups as text, in one of the two formats.
//
// OpenMetrics 1.0 ends with "# EOF", its family of a counter has the name without "_total", and each counter
// and histogram tells when it began ("_created"). In the older text format the family has the full name.
#include "metrics.h"

#include "../segment/rollup.h"
#include <stdlib.h>
#include <string.h>

struct writer {
	FILE *out;
	const struct metrics_group *groups;
	size_t count;
	char **labels;          /* of each group, with the comma that follows */
	struct rollup *rollups; /* of each group */
	bool open;
};

/* A label's value: what the formats escape, escaped. */
static void
metrics_write_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static char *
metrics_write_labels_of(const struct metrics_group *g)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return cli_or_end(NULL);
	if (*g->pid != '\0') {
		metrics_write_label(out, "pid", g->pid);
		fputc(',', out);
	}
	if (*g->space != '\0') {
		metrics_write_label(out, "pidns", g->space);
		fputc(',', out);
	}
	metrics_write_label(out, "exe", g->exe);
	fclose(out);
	return cli_or_end(text);
}

static void
metrics_write_family(const struct writer *w, const char *name, const char *type, const char *help)
{
	const char *total = strcmp(type, "counter") == 0 && !w->open ? "_total" : "";

	fprintf(w->out, "# HELP symfast_%s%s %s\n# TYPE symfast_%s%s %s\n", name, total, help, name,
		total, type);
}

/* symfast_NAME{...,label="value"} without what comes behind. */
static void
metrics_write_name(const struct writer *w, size_t group, const char *name, const char *label,
		   const char *value)
{
	fprintf(w->out, "symfast_%s{%s", name, w->labels[group]);
	if (label != NULL) {
		fputc(',', w->out);
		metrics_write_label(w->out, label, value);
	}
	fputs("} ", w->out);
}

static void
metrics_write_gauge(const struct writer *w, size_t group, const char *name, const char *label,
		    const char *value, uint64_t n)
{
	metrics_write_name(w, group, name, label, value);
	fprintf(w->out, "%llu\n", (unsigned long long)n);
}

static void
metrics_write_seconds(const struct writer *w, uint64_t ns)
{
	fprintf(w->out, "%llu.%03llu\n", (unsigned long long)(ns / 1000000000u),
		(unsigned long long)(ns / 1000000u % 1000u));
}

static void
metrics_write_created(const struct writer *w, size_t group, const char *name, const char *label,
		      const char *value)
{
	char created[64];

	if (!w->open || w->groups[group].made_ns == 0)
		return;
	snprintf(created, sizeof(created), "%s_created", name);
	metrics_write_name(w, group, created, label, value);
	metrics_write_seconds(w, w->groups[group].made_ns);
}

static void
metrics_write_counter(const struct writer *w, size_t group, const char *name, const char *label,
		      const char *value, uint64_t n)
{
	char total[64];

	snprintf(total, sizeof(total), "%s_total", name);
	metrics_write_gauge(w, group, total, label, value, n);
	metrics_write_created(w, group, name, label, value);
}

enum column { HITS, MISSES, PASSES };

static void
metrics_write_functions(const struct writer *w, enum column column, const char *name,
			const char *help)
{
	metrics_write_family(w, name, "counter", help);
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->rollups[i].count; k++) {
			const struct rollup_row *r = &w->rollups[i].rows[k];

			metrics_write_counter(w, i, name, "fn", r->function,
					      column == HITS     ? r->hits
					      : column == MISSES ? r->misses
								 : r->passes);
		}
}

/* Counters of one kind, each by its name. */
static void
metrics_write_named(const struct writer *w, enum outcome wanted, const char *name,
		    const char *label, const char *help)
{
	char word[24];

	metrics_write_family(w, name, "counter", help);
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->groups[i].sums.counter_count; k++) {
			const struct counter *c = &w->groups[i].sums.counters[k];

			if (rollup_outcome(c->name, word, sizeof(word)) == wanted)
				metrics_write_counter(w, i, name, label,
						      wanted == OUTCOME_BYPASS ? word : c->name,
						      c->value);
		}
}

/* ---- durations ---- */

static void
metrics_write_bucket(const struct writer *w, size_t group, const struct metrics_latency *l,
		     const char *arm, const char *edge, uint64_t n)
{
	fprintf(w->out, "symfast_latency_seconds_bucket{%s,", w->labels[group]);
	metrics_write_label(w->out, "fn", l->function);
	fprintf(w->out, ",arm=\"%s\",le=\"%s\"} %llu\n", arm, edge, (unsigned long long)n);
}

static void
metrics_write_of_arm(const struct writer *w, size_t group, const char *what,
		     const struct metrics_latency *l, const char *arm)
{
	fprintf(w->out, "symfast_latency_seconds_%s{%s,", what, w->labels[group]);
	metrics_write_label(w->out, "fn", l->function);
	fprintf(w->out, ",arm=\"%s\"} ", arm);
}

static void
metrics_write_arm(const struct writer *w, size_t group, const struct metrics_latency *l, int arm)
{
	const struct metrics_arm *a = &l->arm[arm];
	const char *name = arm == 0 ? "libc" : "map";
	uint64_t sofar = 0;
	char edge[32];

	if (a->count == 0)
		return;
	for (size_t i = 0; i < METRICS_EDGES; i++) {
		sofar += a->bucket[i];
		snprintf(edge, sizeof(edge), metrics_edge[i] >= 1 ? "%.1f" : "%g", metrics_edge[i]);
		metrics_write_bucket(w, group, l, name, edge, sofar);
	}
	metrics_write_bucket(w, group, l, name, "+Inf", a->count);
	metrics_write_of_arm(w, group, "sum", l, name);
	fprintf(w->out, "%.9g\n", a->seconds);
	metrics_write_of_arm(w, group, "count", l, name);
	fprintf(w->out, "%llu\n", (unsigned long long)a->count);
	if (!w->open || w->groups[group].made_ns == 0)
		return;
	metrics_write_of_arm(w, group, "created", l, name);
	metrics_write_seconds(w, w->groups[group].made_ns);
}

static void
metrics_write_latencies(const struct writer *w)
{
	metrics_write_family(w, "latency_seconds", "histogram",
			     "Durations of timed calls, by function and by who answered.");
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->groups[i].sums.latency_count; k++)
			for (int arm = 0; arm < 2; arm++)
				metrics_write_arm(w, i, &w->groups[i].sums.latencies[k], arm);
}

/* ---- state ---- */

static void
metrics_write_words(const struct writer *w, size_t group, const char *name, const char *label,
		    const char *const *words, const uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		metrics_write_gauge(w, group, name, label, words[i], values[i]);
}

#define WORDS(w, name, label, list, help, ...)                                                     \
	do {                                                                                       \
		static const char *const words[] = {__VA_ARGS__};                                  \
		metrics_write_family(w, name, "gauge", help);                                      \
		for (size_t i = 0; i < (w)->count; i++)                                            \
			metrics_write_words(w, i, name, label, words, (w)->groups[i].list,         \
					    sizeof(words) / sizeof(words[0]));                     \
	} while (0)

static void
metrics_write_states(const struct writer *w)
{
	metrics_write_family(w, "processes", "gauge",
			     "Processes that run, and those that ended after a mismatch.");
	for (size_t i = 0; i < w->count; i++) {
		metrics_write_gauge(w, i, "processes", "state", "live", w->groups[i].live);
		metrics_write_gauge(w, i, "processes", "state", "ended", w->groups[i].ended);
	}
	WORDS(w, "mode", "mode", mode, "Running processes in this mode.", "off", "observe",
	      "verify", "on", "ab", "pass");
	WORDS(w, "breaker", "state", breaker, "Processes whose breaker is in this state.", "closed",
	      "open", "half-open");
	WORDS(w, "pass", "reason", pass, "Running processes that pass everything through for good.",
	      "setting", "canary", "refusal");
}

#define EACH(w, type, name, member, help)                                                          \
	do {                                                                                       \
		metrics_write_family(w, name, #type, help);                                        \
		for (size_t i = 0; i < (w)->count; i++)                                            \
			metrics_write_##type(w, i, name, NULL, NULL, (w)->groups[i].member);       \
	} while (0)

static void
metrics_write_texts(const struct writer *w, const char *name, const char *label, const char *help,
		    size_t at, size_t size)
{
	metrics_write_family(w, name, "gauge", help);
	for (size_t i = 0; i < w->count; i++) {
		const char *texts = (const char *)&w->groups[i] + at;

		for (size_t k = 0; k < METRICS_TEXTS && texts[k * size] != '\0'; k++)
			metrics_write_gauge(w, i, name, label, texts + k * size, 1);
	}
}

#define TEXTS(w, name, label, member, help)                                                        \
	metrics_write_texts(w, name, label, help, offsetof(struct metrics_group, member),          \
			    sizeof(((struct metrics_group *)0)->member[0]))

static void
metrics_write_time(const struct writer *w, const char *name, size_t at, const char *help)
{
	metrics_write_family(w, name, "gauge", help);
	for (size_t i = 0; i < w->count; i++) {
		metrics_write_name(w, i, name, NULL, NULL);
		metrics_write_seconds(
			w, *(const uint64_t *)(const void *)((const char *)&w->groups[i] + at));
	}
}

static void
metrics_write_marks(const struct writer *w)
{
	EACH(w, counter, "mismatch", mismatches, "Answers of the map that were not libc's.");
	EACH(w, counter, "breaker_trips", trips, "Times the breaker opened.");
	metrics_write_time(w, "mismatch_timestamp_seconds",
			   offsetof(struct metrics_group, mismatch_ns),
			   "When the last mismatch was found; 0: never.");
	metrics_write_time(w, "breaker_timestamp_seconds",
			   offsetof(struct metrics_group, breaker_ns),
			   "When the breaker opened last; 0: never.");
}

static void
metrics_write_real(const struct writer *w, size_t group, const char *name, const char *label,
		   const char *value, double x)
{
	metrics_write_name(w, group, name, label, value);
	fprintf(w->out, "%.9g\n", x);
}

/* Of groups with a process that is observed: the share is estimate_saved_seconds / estimate_cpu_seconds. */
static void
metrics_write_estimates(const struct writer *w)
{
	static const char *const bounds[METRICS_BOUNDS] = {"least", "likely", "most"};

	metrics_write_family(w, "estimate_saved_seconds", "gauge",
			     "CPU time that the map would have saved observed processes; below "
			     "zero: cost.");
	for (size_t i = 0; i < w->count; i++)
		for (int k = 0; w->groups[i].estimate.observed != 0 && k < METRICS_BOUNDS; k++)
			metrics_write_real(w, i, "estimate_saved_seconds", "bound", bounds[k],
					   w->groups[i].estimate.saved[k]);
	metrics_write_family(w, "estimate_cpu_seconds", "gauge",
			     "CPU time of observed processes that the estimate is about.");
	for (size_t i = 0; i < w->count; i++)
		if (w->groups[i].estimate.observed != 0)
			metrics_write_real(w, i, "estimate_cpu_seconds", NULL, NULL,
					   w->groups[i].estimate.cpu);
	metrics_write_family(
		w, "estimate_unknown", "gauge",
		"Observed processes about which the estimate cannot say anything yet.");
	for (size_t i = 0; i < w->count; i++)
		if (w->groups[i].estimate.observed != 0)
			metrics_write_gauge(w, i, "estimate_unknown", NULL, NULL,
					    w->groups[i].estimate.unknown);
}

static void
metrics_write_rest(const struct writer *w, const struct metrics *m)
{
	EACH(w, gauge, "canary_chosen", canary_chosen, "Processes that SYMFAST_CANARY chose.");
	EACH(w, gauge, "go_refused", go_refused,
	     "Processes whose plugin.Open is not served; "
	     "symfast_events_total{event=\"go.refused...\"} "
	     "tells why.");
	TEXTS(w, "refusal_info", "why", why, "Why a process cannot be served.");
	TEXTS(w, "build_info", "version", library, "Versions of the library.");
	metrics_write_family(w, "segments_unreadable", "gauge", "Files that could not be used.");
	fprintf(w->out, "symfast_segments_unreadable %llu\n",
		(unsigned long long)metrics_unreadable(m));
}

static void
metrics_write_all(const struct writer *w, const struct metrics *m)
{
	metrics_write_functions(w, HITS, "hits", "Calls that the shim answered.");
	metrics_write_functions(w, MISSES, "misses",
				"Calls that the shim asked of libc, to learn.");
	metrics_write_functions(w, PASSES, "passes", "Calls that were passed through to libc.");
	metrics_write_named(w, OUTCOME_BYPASS, "bypass", "reason",
			    "Calls that were passed through, by reason.");
	metrics_write_named(w, OUTCOME_EVENT, "events", "event", "What else is counted.");
	metrics_write_latencies(w);
	metrics_write_marks(w);
	metrics_write_states(w);
	metrics_write_estimates(w);
	metrics_write_rest(w, m);
	if (w->open)
		fputs("# EOF\n", w->out);
}

void
metrics_write(FILE *out, const struct metrics *m, enum metrics_format format)
{
	struct writer w = {.out = out, .open = format == METRICS_OPEN};

	w.groups = metrics_groups(m, &w.count);
	w.labels = cli_alloc(w.count, sizeof(*w.labels));
	w.rollups = cli_alloc(w.count, sizeof(*w.rollups));
	for (size_t i = 0; i < w.count; i++) {
		w.labels[i] = metrics_write_labels_of(&w.groups[i]);
		w.rollups[i] = rollup_of(w.groups[i].sums.counters, w.groups[i].sums.counter_count);
	}
	metrics_write_all(&w, m);
	for (size_t i = 0; i < w.count; i++) {
		free(w.labels[i]);
		rollup_free(&w.rollups[i]);
	}
	free(w.labels);
	free(w.rollups);
}
