// SPDX-License-Identifier: BSD-2-Clause
// cmd_top.c: `symfast top`: what each process asks per second, and who answers.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../base/screen.h"
#include "../segment/savings.h"
#include "../segment/segment_rounds.h"
#include "../segment/stat_document.h"
#include "../segment/stat_sum.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What one process had counted at one time. */
struct reading {
	uint32_t pid;
	uint64_t start;
	char mode[8], program[32];
	uint64_t mismatches;
	bool tripped; /* the breaker is open */
	struct rollup rollup;
	bool known;       /* there is one before it: rates can be told */
	json_t *estimate; /* {"savings": ...} of one that is observed, NULL of others */
};

struct readings {
	struct reading *list;
	size_t count;
	double time;
};

struct top {
	unsigned long pid, rounds, interval_ms;
	bool json;
	enum order { BY_RATE, BY_PID, BY_MISMATCHES, ORDERS } order;
	struct segment_rounds *watch; /* of all */
};

/* One line of the screen. */
struct rate {
	const struct reading *of;
	const char *function;
	double hits, misses, passes;
};

static void
cmd_top_check_delay(struct argp_state *state, const char *arg, void *into)
{
	char *end;
	double seconds = strtod(arg, &end);

	if (*arg == '\0' || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600))
		cli_usage(state, "a delay is 0.1 to 3600 seconds: %s", arg);
	((struct top *)into)->interval_ms = (unsigned long)(seconds * 1000);
}

static void
cmd_top_check_count(struct argp_state *state, const char *arg, void *into)
{
	if (!cli_number(arg, 1, 1ul << 30, &((struct top *)into)->rounds))
		cli_usage(state, "not a number of readings: %s", arg);
}

static void
cmd_top_word(struct argp_state *state, const char *arg, void *into)
{
	((struct top *)into)->pid = cli_pid(state, arg);
}

static const struct argument cmd_top_options[] = {
	{"delay", 'd', "SECONDS", "time between two readings (2)", ARGUMENT_NOWHERE,
	 cmd_top_check_delay},
	{"count", 'n', "N", "end after so many (never)", ARGUMENT_NOWHERE, cmd_top_check_count},
	{"json", 'j', NULL, "print one JSON object per reading, each on a line",
	 offsetof(struct top, json), NULL},
	{0}};
static const struct arguments cmd_top_arguments = {
	.usage = "[PID]",
	.text = "Show rates of all processes, live.",
	.list = cmd_top_options,
	.words = 1,
	.word_at = ARGUMENT_NOWHERE,
	.word = cmd_top_word,
	.more = "one process at a time, or all",
};

static void
cmd_top_add(struct readings *r, const struct segment *s, const struct rollup *rollup)
{
	const char *slash = strrchr(s->head.exe, '/');
	size_t size = rollup->count * sizeof(*rollup->rows);
	struct reading *new;
	struct sf_estimate e;

	if (s->liveness == SEGMENT_ENDED || s->liveness == SEGMENT_REPLACED)
		return;
	r->list = cli_grow(r->list, r->count + 1, sizeof(*r->list));
	new = &r->list[r->count++];
	*new = (struct reading){.pid = s->head.pid,
				.start = s->head.start_time,
				.mismatches = s->control.mismatches,
				.tripped = s->control.breaker == SYMFAST_SHM_BREAKER_OPEN};
	snprintf(new->mode, sizeof(new->mode), "%s", stat_document_mode(s));
	snprintf(new->program, sizeof(new->program), "%.31s",
		 slash != NULL ? slash + 1 : s->head.exe);
	new->estimate = stat_sum_estimate_of(s, &e)
				? json_pack("{s:o}", "savings", savings_json(&e))
				: NULL;
	new->rollup = (struct rollup){cli_alloc(size + 1, 1), rollup->count};
	memcpy(new->rollup.rows, rollup->rows, size);
}

static void
cmd_top_add_watched(const struct segment_watched *one, void *data)
{
	cmd_top_add(data, &one->segment, &one->rollup);
}

static int
cmd_top_read_process(unsigned long pid, struct readings *r)
{
	struct segment s;
	struct counter *counters;
	size_t count;
	int status = segment_of(&s, pid);

	if (status != CLI_OK)
		return status;
	counters = segment_counters(&s, &count);
	if (counters != NULL) {
		struct rollup rollup = rollup_of(counters, count);

		cmd_top_add(r, &s, &rollup);
		rollup_free(&rollup);
		free(counters);
		if (r->count == 0)
			cli_error("process %lu has ended", pid);
	}
	segment_close(&s);
	return r->count != 0 ? CLI_OK : CLI_TARGET;
}

static int
cmd_top_read_all(const struct top *t, struct readings *r)
{
	struct timespec now;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &now);
	*r = (struct readings){.time = (double)now.tv_sec + (double)now.tv_nsec / 1e9};
	if (t->pid != 0)
		return cmd_top_read_process(t->pid, r);
	/* What cannot be used is told, and does not end it. */
	return segment_rounds_next(t->watch, cmd_top_add_watched, r, &status) ? CLI_OK : status;
}

static void
cmd_top_free_readings(struct readings *r)
{
	for (size_t i = 0; i < r->count; i++) {
		rollup_free(&r->list[i].rollup);
		json_decref(r->list[i].estimate);
	}
	free(r->list);
	*r = (struct readings){0};
}

/* Both are in the order of process ids: `at` goes along. */
static const struct reading *
cmd_top_find(const struct readings *r, const struct reading *like, size_t *at)
{
	while (*at < r->count && r->list[*at].pid < like->pid)
		++*at;
	return *at < r->count && r->list[*at].pid == like->pid && r->list[*at].start == like->start
		       ? &r->list[*at]
		       : NULL;
}

/* The function's row; as a rule it is in the same place as before. */
static const struct rollup_row *
cmd_top_row_of(const struct rollup *r, const char *function, size_t place)
{
	static const struct rollup_row none;

	if (place < r->count && strcmp(r->rows[place].function, function) == 0)
		return &r->rows[place];
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->rows[i].function, function) == 0)
			return &r->rows[i];
	return &none;
}

/* After a fork or a reset a counter may have gone back: that is no rate. */
static double
cmd_top_per_second(uint64_t now, uint64_t before, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static int
cmd_top_by_rate(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;
	double s = x->hits + x->misses + x->passes, t = y->hits + y->misses + y->passes;

	return s != t ? (s < t) - (s > t) : (x->of->pid > y->of->pid) - (x->of->pid < y->of->pid);
}

static int
cmd_top_by_pid(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;

	return x->of->pid != y->of->pid ? (x->of->pid > y->of->pid) - (x->of->pid < y->of->pid)
					: cmd_top_by_rate(a, b);
}

/* Open breakers first, then who has found most. */
static int
cmd_top_by_mismatches(const void *a, const void *b)
{
	const struct reading *x = ((const struct rate *)a)->of, *y = ((const struct rate *)b)->of;

	if (x->tripped != y->tripped)
		return (int)y->tripped - (int)x->tripped;
	return x->mismatches != y->mismatches
		       ? (x->mismatches < y->mismatches) - (x->mismatches > y->mismatches)
		       : cmd_top_by_rate(a, b);
}

static struct rate *
cmd_top_rates_of(struct readings *now, const struct readings *before, enum order order,
		 size_t *count)
{
	static int (*const orders[ORDERS])(const void *, const void *) = {
		cmd_top_by_rate, cmd_top_by_pid, cmd_top_by_mismatches};

	double seconds = now->time - before->time;
	struct rate *out = NULL;
	size_t at = 0;

	*count = 0;
	for (size_t i = 0; i < now->count; i++) {
		struct reading *r = &now->list[i];
		const struct reading *old = cmd_top_find(before, r, &at);

		r->known = old != NULL;
		for (size_t k = 0; k < r->rollup.count; k++) {
			const struct rollup_row *row = &r->rollup.rows[k];
			const struct rollup_row *was =
				old != NULL ? cmd_top_row_of(&old->rollup, row->function, k) : row;

			if (!rollup_called(row))
				continue;
			out = cli_grow(out, *count + 1, sizeof(*out));
			out[(*count)++] = (struct rate){
				r, row->function, cmd_top_per_second(row->hits, was->hits, seconds),
				cmd_top_per_second(row->misses, was->misses, seconds),
				cmd_top_per_second(row->passes, was->passes, seconds)};
		}
	}
	if (*count != 0)
		qsort(out, *count, sizeof(*out), orders[order]);
	return out;
}

#define WIDE 100 /* columns for a whole line */

/* Narrow terminals get what an operator acts on; the rest is cut. */
static void
cmd_top_draw_row(const struct rate *r)
{
	double all = r->hits + r->misses + r->passes;
	const char *colour = r->of->tripped || r->of->mismatches != 0 ? "\033[31m"
			     : strcmp(r->of->mode, "off") == 0        ? "\033[2m"
								      : "";
	char share[16] = "-", mismatches[24];

	if (all > 0)
		snprintf(share, sizeof(share), "%.1f %%", 100 * r->hits / all);
	snprintf(mismatches, sizeof(mismatches), "%llu%s", (unsigned long long)r->of->mismatches,
		 r->of->tripped ? " open" : "");
	if (screen_width() < WIDE)
		screen_line_in(colour, "%8u %-8s %-14s %10.0f %8s  %s", r->of->pid, r->of->mode,
			       r->function, r->hits, mismatches, r->of->program);
	else
		screen_line_in(colour, "%8u %-8s %-14s %12.0f %10.0f %10.0f %9s %10s  %s",
			       r->of->pid, r->of->mode, r->function, r->hits, r->misses, r->passes,
			       share, mismatches, r->of->program);
}

/* Below the first row of its process: the same text as in `stat`. */
static void
cmd_top_draw_estimate(const struct rate *rates, size_t i)
{
	char text[512];

	for (size_t k = 0; k < i; k++)
		if (rates[k].of == rates[i].of)
			return;
	if (rates[i].of->estimate != NULL && !screen_full())
		screen_line_in("\033[2m", "%8s %s", "",
			       savings_text(rates[i].of->estimate, text, sizeof(text)));
}

static void
cmd_top_draw(const struct readings *now, const struct rate *rates, size_t count, enum order order)
{
	static const char *const by[ORDERS] = {"rate", "process", "mismatches"};
	char clock[16];
	time_t t = time(NULL);
	struct tm local;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&t, &local));
	screen_begin();
	screen_line("symfast top  %s  %zu processes  by %s (s: another order, q: end)", clock,
		    now->count, by[order]);
	if (screen_width() < WIDE)
		screen_line_in("\033[1m", "%8s %-8s %-14s %10s %8s  %s", "pid", "mode", "function",
			       "answered/s", "mismatch", "program");
	else
		screen_line_in("\033[1m", "%8s %-8s %-14s %12s %10s %10s %9s %10s  %s", "pid",
			       "mode", "function", "answered/s", "learnt/s", "passed/s", "answered",
			       "mismatches", "program");
	for (size_t i = 0; i < count && !screen_full(); i++) {
		cmd_top_draw_row(&rates[i]);
		cmd_top_draw_estimate(rates, i);
	}
	screen_end();
}

/* Of each process that is observed, what "savings" of `stat --json` is. */
static json_t *
cmd_top_estimates(const struct readings *now)
{
	json_t *list = json_array();

	for (size_t i = 0; i < now->count; i++)
		if (now->list[i].estimate != NULL)
			json_array_append_new(
				list, json_pack("{s:I,s:O}", "pid", (json_int_t)now->list[i].pid,
						"savings",
						json_object_get(now->list[i].estimate, "savings")));
	return list;
}

static int
cmd_top_print_json(const struct readings *now, const struct rate *rates, size_t count)
{
	json_t *document = document_new("top"), *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
				      json_pack("{s:I,s:s,s:s,s:s,s:f,s:f,s:f,s:I,s:b}", "pid",
						(json_int_t)rates[i].of->pid, "mode",
						rates[i].of->mode, "program", rates[i].of->program,
						"function", rates[i].function, "hits_per_second",
						rates[i].hits, "misses_per_second", rates[i].misses,
						"passes_per_second", rates[i].passes, "mismatches",
						(json_int_t)(rates[i].of->mismatches & INT64_MAX),
						"breaker_open", rates[i].of->tripped));
	json_object_set_new(document, "rates", list);
	json_object_set_new(document, "estimates", cmd_top_estimates(now));
	json_dumpf(document, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(document);
	return output_result(putchar('\n') != EOF && fflush(stdout) == 0);
}

/* One reading and its lines; the first has nothing before it, so its rates are 0. */
static int
cmd_top_turn(const struct top *t, struct readings *before)
{
	struct readings now;
	struct rate *rates;
	size_t count;
	int status = cmd_top_read_all(t, &now);

	if (status != CLI_OK) {
		cmd_top_free_readings(&now);
		return status;
	}
	rates = cmd_top_rates_of(&now, before, t->order, &count);
	if (t->json)
		status = cmd_top_print_json(&now, rates, count);
	else {
		cmd_top_draw(&now, rates, count, t->order);
		status = output_result(fflush(stdout) == 0 && !ferror(stdout));
	}
	free(rates);
	cmd_top_free_readings(before);
	*before = now;
	return status;
}

int
cmd_top(int argc, char **argv)
{
	struct top t = {.interval_ms = 2000};
	struct readings before;
	int status;

	arguments_parse(&cmd_top_arguments, argc, argv, &t);
	t.watch = segment_rounds_new(segment_directory());
	status = cmd_top_read_all(&t, &before);
	/* So many readings are to be looked at afterwards: they stay. */
	if (status == CLI_OK && !t.json)
		screen_open(t.rounds == 0);
	for (unsigned long n = 0; status == CLI_OK && (t.rounds == 0 || n < t.rounds); n++) {
		char key;

		if (screen_wait((double)t.interval_ms / 1000, &key))
			break;
		if (key == 's')
			t.order = (enum order)((t.order + 1) % ORDERS);
		status = cmd_top_turn(&t, &before);
	}
	screen_close();
	cmd_top_free_readings(&before);
	segment_rounds_free(t.watch);
	return status;
}
