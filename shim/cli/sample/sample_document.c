// SPDX-License-Identifier: BSD-2-Clause
// sample_document.c: see sample_document.h.
#include "sample_document.h"

#include "sample_share.h"
#include "sample_verdict.h"
#include <stdlib.h>

#define CHANGED_MOST 8u /* names of objects that came and went */

static const char *const serves[] = {"yes", "with SYMFAST_PHDR", "no"};

static json_t *
sample_document_function(const struct sample_tally *t, const struct sample_tally_function *f)
{
	struct sample_share cpu = sample_share_of_cpu(t, f->cpu_ns);

	return cli_or_end(json_pack("{s:s,s:s,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "name", f->name,
				    "served", serves[f->serves], "on_cpu",
				    (json_int_t)f->samples[SAMPLE_TALLY_CPU], "cpu_share",
				    cpu.share, "cpu_low", cpu.low, "cpu_high", cpu.high,
				    "time_share", sample_share_of_time(t, f->samples), "lock_share",
				    sample_share_of_waits(t, f->samples[SAMPLE_TALLY_LOCK]),
				    "inside_cpu_share", sample_share_of_cpu(t, f->inside_ns).share,
				    "inside_time_share", sample_share_of_time(t, f->inside)));
}

static int
sample_document_by_weight(const void *a, const void *b)
{
	const struct sample_tally_function *x = a, *y = b;
	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns < y->cpu_ns ? 1 : -1;
	return (x->samples[SAMPLE_TALLY_LOCK] < y->samples[SAMPLE_TALLY_LOCK]) -
	       (x->samples[SAMPLE_TALLY_LOCK] > y->samples[SAMPLE_TALLY_LOCK]);
}

static json_t *
sample_document_functions(const struct sample_tally *t)
{
	struct sample_tally_function sorted[SAMPLE_TALLY_FUNCTIONS];
	json_t *list = json_array();

	memcpy(sorted, t->functions, sizeof(sorted));
	qsort(sorted, t->function_count, sizeof(*sorted), sample_document_by_weight);
	for (size_t i = 0; i < t->function_count; i++)
		json_array_append_new(list, sample_document_function(t, &sorted[i]));
	return list;
}

static json_t *
sample_document_row(const struct sample_tally_row *r, double ns_of_one)
{
	json_t *frames = json_array(), *row;
	double ns = ns_of_one * (double)r->count;

	for (size_t i = 0; i < r->depth; i++)
		json_array_append_new(frames,
				      json_pack("{s:s,s:I,s:s}", "object", r->frames[i].object,
						"offset", (json_int_t)r->frames[i].offset, "name",
						r->frames[i].name));
	row = json_pack("{s:s,s:s,s:b,s:I,s:f,s:f,s:o}", "function", r->function, "arm",
			sample_tally_states[r->state + SAMPLE_TALLY_STATES * r->inside], "inside",
			r->inside, "count", (json_int_t)r->count, "time", ns, "waited",
			r->state == SAMPLE_TALLY_LOCK ? ns : 0.0, "frames", frames);
	return cli_or_end(row);
}

static int
sample_document_by_count(const void *a, const void *b)
{
	const struct sample_tally_row *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

/* Places of callers, or of owners of the lock; the ones seen most first. */
static json_t *
sample_document_rows(const struct sample_process *p, double ns_of_one, bool owners)
{
	const struct sample_tally *t = &p->tally;
	struct sample_tally_row *sorted = cli_alloc(t->row_count, sizeof(*sorted));
	json_t *list = json_array();

	memcpy(sorted, t->rows, t->row_count * sizeof(*sorted));
	qsort(sorted, t->row_count, sizeof(*sorted), sample_document_by_count);
	for (size_t i = 0; i < t->row_count; i++)
		if (sorted[i].owner == owners && sorted[i].count != 0)
			json_array_append_new(list, sample_document_row(&sorted[i], ns_of_one));
	free(sorted);
	return list;
}

static json_t *
sample_document_stops(const struct sample_process *p)
{
	double mean = p->stops != 0 ? (double)p->stop_ns / (double)p->stops : 0;

	return cli_or_end(json_pack("{s:I,s:I,s:f,s:f,s:f,s:b}", "count", (json_int_t)p->stops,
				    "left_out", (json_int_t)p->skipped, "mean", mean, "longest",
				    (double)p->stop_longest, "share", p->stop_share, "denied",
				    p->denied));
}

static int
sample_document_by_changes(const void *a, const void *b)
{
	const struct sample_object *const *x = a, *const *y = b;

	return ((*x)->changes < (*y)->changes) - ((*x)->changes > (*y)->changes);
}

static json_t *
sample_document_loading(const struct sample_process *p)
{
	const struct sample_object **sorted = cli_alloc(p->maps.object_count, sizeof(*sorted));
	json_t *names = json_array();

	for (size_t i = 0; i < p->maps.object_count; i++)
		sorted[i] = &p->maps.objects[i];
	qsort(sorted, p->maps.object_count, sizeof(*sorted), sample_document_by_changes);
	for (size_t i = 0; i < p->maps.object_count && i < CHANGED_MOST && sorted[i]->changes > 1;
	     i++) {
		char clean[1024];

		json_array_append_new(
			names, json_string(cli_clean(clean, sizeof(clean), sorted[i]->path)));
	}
	free(sorted);
	return cli_or_end(json_pack("{s:I,s:I,s:o}", "came", (json_int_t)p->maps.came, "went",
				    (json_int_t)p->maps.went, "objects", names));
}

static json_t *
sample_document_lock(const struct sample_process *p, double ns_of_one)
{
	uint64_t waits = 0;

	for (size_t i = 0; i < p->tally.function_count; i++)
		waits += p->tally.functions[i].samples[SAMPLE_TALLY_LOCK];
	return cli_or_end(json_pack(
		"{s:I,s:f,s:I,s:I,s:o}", "waits", (json_int_t)waits, "waiting_threads",
		sample_share_of_waits(&p->tally, waits) * sample_share_threads(p), "owners_seen",
		(json_int_t)p->tally.owners, "owners_not_seen", (json_int_t)p->tally.ownerless,
		"owners", sample_document_rows(p, ns_of_one, true)));
}

static json_t *
sample_document_process(const struct sample_process *p, double elapsed_ns)
{
	const struct sample_tally *t = &p->tally;
	double threads = sample_share_threads(p);
	uint64_t all = t->running + t->sleeping;
	double one = all != 0 ? elapsed_ns * threads / (double)all : 0;
	json_t *samples =
		json_pack("{s:I,s:I,s:I,s:I,s:I}", "running", (json_int_t)t->running, "on_cpu",
			  (json_int_t)t->known[SAMPLE_TALLY_CPU], "ready",
			  (json_int_t)t->known[SAMPLE_TALLY_READY], "asleep",
			  (json_int_t)t->sleeping, "asleep_known",
			  (json_int_t)(t->known[SAMPLE_TALLY_LOCK] + t->known[SAMPLE_TALLY_SLEEP]));

	return cli_or_end(json_pack(
		"{s:i,s:s,s:b,s:f,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "pid", (int)p->pid, "program",
		p->exe, "ended", p->ended, "threads", threads, "verdict", sample_verdict(p),
		"samples", samples, "stops", sample_document_stops(p), "functions",
		sample_document_functions(t), "lock", sample_document_lock(p, one), "loading",
		sample_document_loading(p), "sites", sample_document_rows(p, one, false)));
}

static uint64_t
sample_document_weight(const struct sample_process *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->tally.function_count; i++)
		sum += (p->tally.functions[i].samples[SAMPLE_TALLY_CPU] +
			p->tally.functions[i].samples[SAMPLE_TALLY_LOCK])
		       << 20;
	return sum + p->tally.running;
}

static int
sample_document_by_use(const void *a, const void *b)
{
	uint64_t left = sample_document_weight(*(struct sample_process *const *)a);
	uint64_t right = sample_document_weight(*(struct sample_process *const *)b);

	return (left < right) - (left > right);
}

json_t *
sample_document(const struct sample_round *r)
{
	struct sample_process **sorted = cli_alloc(r->count, sizeof(struct sample_process *));
	json_t *document = document_new("sample"), *list = json_array();

	memcpy(sorted, r->processes, r->count * sizeof(struct sample_process *));
	qsort(sorted, r->count, sizeof(struct sample_process *), sample_document_by_use);
	for (size_t i = 0; i < r->count; i++)
		if (sorted[i]->visits != 0 || r->pid != 0)
			json_array_append_new(
				list, sample_document_process(sorted[i], (double)r->elapsed_ns));
	free(sorted);
	json_object_set_new(document, "unit", json_string("ns"));
	json_object_set_new(document, "elapsed", json_real((double)r->elapsed_ns));
	json_object_set_new(document, "rounds", json_integer((json_int_t)r->rounds));
	json_object_set_new(document, "rate", json_integer(r->rate));
	json_object_set_new(document, "own_cpu", json_real((double)r->own_cpu_ns));
	json_object_set_new(document, "late_longest",
			    json_real((double)sample_stop_late_longest()));
	json_object_set_new(document, "refused", json_integer((json_int_t)r->refused));
	json_object_set_new(document, "processes", list);
	return document;
}

json_t *
sample_document_sites(const json_t *document)
{
	json_t *all = json_array(), *p;
	size_t i;

	json_array_foreach(json_object_get(document, "processes"), i, p)
		json_array_extend(all, json_object_get(p, "sites"));
	return cli_or_end(json_pack("{s:o}", "sites", all));
}
