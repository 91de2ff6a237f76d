// SPDX-License-Identifier: BSD-2-Clause
// metrics_groups.c: from segments to groups, one for each set of labels.
//
// Two segments may have the same labels: then they are one group, so that no sample is ever written twice. Of
// processes that have ended only those are looked at that found a mismatch or whose breaker was open.
#include "metrics_sums.h"

#include "../base/proc.h"
#include "../segment/stat_sum.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OTHER "other"

/* A process as of the last reading; its sums go on to count in its group when it is gone. */
struct seen {
	uint64_t start_time, made_ns, space;
	uint32_t pid;
	bool here;
	size_t group;
	struct metrics_sums last;
};

struct metrics {
	enum metrics_by by;
	bool keeps;
	struct metrics_group *groups;
	struct seen *seen;
	size_t group_count, seen_count;
	uint64_t unreadable;
};

struct metrics *
metrics_new(enum metrics_by by, bool keeps)
{
	struct metrics *m = cli_alloc(1, sizeof(*m));

	m->by = by;
	m->keeps = keeps && by == METRICS_BY_EXE;
	return m;
}

static void
metrics_groups_drop(struct metrics *m)
{
	for (size_t i = 0; i < m->group_count; i++) {
		metrics_sums_free(&m->groups[i].sums);
		metrics_sums_free(&m->groups[i].gone);
	}
	free(m->groups);
	m->groups = NULL;
	m->group_count = 0;
}

void
metrics_free(struct metrics *m)
{
	metrics_groups_drop(m);
	for (size_t i = 0; i < m->seen_count; i++)
		metrics_sums_free(&m->seen[i].last);
	free(m->seen);
	free(m);
}

/* Its labels and what it remembers stay. */
static void
metrics_groups_reset(struct metrics_group *g)
{
	struct metrics_group fresh = {.gone = g->gone, .made_ns = g->made_ns};

	memcpy(fresh.exe, g->exe, sizeof(fresh.exe));
	metrics_sums_free(&g->sums);
	*g = fresh;
	metrics_sums_add(&g->sums, &g->gone);
}

void
metrics_begin(struct metrics *m)
{
	m->unreadable = 0;
	if (!m->keeps)
		metrics_groups_drop(m);
	for (size_t i = 0; i < m->group_count; i++)
		metrics_groups_reset(&m->groups[i]);
	for (size_t i = 0; i < m->seen_count; i++)
		m->seen[i].here = false;
}

static struct metrics_group *
metrics_groups_find(struct metrics *m, const struct metrics_group *labels)
{
	struct metrics_group *g;

	for (size_t i = 0; i < m->group_count; i++) {
		g = &m->groups[i];
		if (strcmp(g->exe, labels->exe) == 0 && strcmp(g->pid, labels->pid) == 0 &&
		    strcmp(g->space, labels->space) == 0)
			return g;
	}
	if (m->group_count >= METRICS_GROUPS && strcmp(labels->exe, OTHER) != 0) {
		const struct metrics_group rest = {.exe = OTHER};

		return metrics_groups_find(m, &rest);
	}
	m->groups = cli_grow(m->groups, m->group_count + 1, sizeof(*m->groups));
	g = &m->groups[m->group_count++];
	*g = *labels;
	return g;
}

static struct metrics_group *
metrics_groups_of(struct metrics *m, const struct segment *s)
{
	struct metrics_group labels = {0};
	uint64_t own = proc_pid_space();

	snprintf(labels.exe, sizeof(labels.exe), "%s", s->head.exe);
	if (m->by == METRICS_BY_PROCESS) {
		snprintf(labels.pid, sizeof(labels.pid), "%" PRIu32, s->head.pid);
		/* The same number may be another process's, in another namespace. */
		if (s->head.pid_space != 0 && s->head.pid_space != own)
			snprintf(labels.space, sizeof(labels.space), "%" PRIu64, s->head.pid_space);
	}
	return metrics_groups_find(m, &labels);
}

static enum metrics_mode
metrics_groups_mode(const struct symfast_shm_control *c)
{
	if (c->phase != SYMFAST_SHM_PHASE_LIVE)
		return METRICS_PASS;
	switch (c->word) {
	case SYMFAST_SHM_ON:
		return c->ab_share != 0 ? METRICS_AB : METRICS_ON;
	case SYMFAST_SHM_OBSERVE:
		return METRICS_OBSERVE;
	case SYMFAST_SHM_VERIFY:
		return METRICS_VERIFY;
	default:
		return METRICS_OFF;
	}
}

/* Open is a breaker that keeps its process off: not one that `symfast ctl` has overruled. */
static enum metrics_breaker
metrics_groups_breaker(const struct symfast_shm_control *c)
{
	if (c->breaker == SYMFAST_SHM_BREAKER_HALF)
		return METRICS_HALF;
	return c->breaker == SYMFAST_SHM_BREAKER_OPEN && c->word == SYMFAST_SHM_OFF
		       ? METRICS_OPENED
		       : METRICS_CLOSED;
}

/* Keeps a text beside others of the same place, if it is none of them and there is room. */
static void
metrics_groups_keep(char *texts, size_t size, const char *text)
{
	for (size_t i = 0; i < METRICS_TEXTS; i++) {
		char *one = texts + i * size;

		if (strcmp(one, text) == 0)
			return;
		if (*one == '\0') {
			snprintf(one, size, "%s", text);
			return;
		}
	}
}

static void
metrics_groups_add_pass(struct metrics_group *g, const struct symfast_shm_control *c)
{
	enum metrics_why why = c->reason == SYMFAST_SHM_BY_CANARY    ? METRICS_BY_CANARY
			       : c->reason == SYMFAST_SHM_BY_REFUSAL ? METRICS_BY_REFUSAL
								     : METRICS_BY_SETTING;

	g->pass[why]++;
	if (why == METRICS_BY_REFUSAL && *c->why != '\0')
		metrics_groups_keep(g->why[0], sizeof(g->why[0]), c->why);
}

static void
metrics_groups_add_estimate(struct metrics_group *g, const struct segment *s)
{
	struct sf_estimate e;

	if (!stat_sum_estimate_of(s, &e))
		return;
	g->estimate.observed++;
	if (e.verdict == SF_ESTIMATE_CANNOT || !(e.cpu_ns > 0)) {
		g->estimate.unknown++;
		return;
	}
	g->estimate.cpu += e.cpu_ns / 1e9;
	if (e.verdict == SF_ESTIMATE_NOTHING)
		return;
	g->estimate.saved[METRICS_LEAST] += e.saved.least / 1e9;
	g->estimate.saved[METRICS_LIKELY] += e.saved.likely / 1e9;
	g->estimate.saved[METRICS_MOST] += e.saved.most / 1e9;
}

/* What a process that runs is in. */
static void
metrics_groups_add_live(struct metrics_group *g, const struct segment *s)
{
	enum metrics_mode mode = metrics_groups_mode(&s->control);

	g->live++;
	g->mode[mode]++;
	g->canary_chosen += s->control.canary_chosen != 0;
	g->go_refused += *s->control.go_refusal != '\0';
	if (mode == METRICS_PASS)
		metrics_groups_add_pass(g, &s->control);
	metrics_groups_keep(g->library[0], sizeof(g->library[0]), s->head.library);
	metrics_groups_add_estimate(g, s);
}

static uint64_t
metrics_groups_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
metrics_groups_add_marks(struct metrics_group *g, const struct segment *s)
{
	const struct symfast_shm_control *c = &s->control;

	g->breaker[metrics_groups_breaker(c)]++;
	g->mismatches += c->mismatches <= INT64_MAX ? c->mismatches : INT64_MAX;
	g->trips += c->breaker_trips;
	if (c->mismatches != 0)
		g->mismatch_ns = metrics_groups_later(g->mismatch_ns, c->mismatch_ns);
	if (c->breaker_trips != 0)
		g->breaker_ns = metrics_groups_later(g->breaker_ns, c->breaker_ns);
	if (s->head.made_ns != 0 && (g->made_ns == 0 || s->head.made_ns < g->made_ns))
		g->made_ns = s->head.made_ns;
}

static void
metrics_groups_note(struct metrics *m, const struct segment *s, size_t group,
		    struct metrics_sums sums)
{
	const struct seen now = {s->head.start_time,
				 s->head.made_ns,
				 s->head.pid_space,
				 s->head.pid,
				 true,
				 group,
				 sums};
	size_t i = 0;

	while (i < m->seen_count &&
	       (m->seen[i].pid != now.pid || m->seen[i].start_time != now.start_time ||
		m->seen[i].made_ns != now.made_ns || m->seen[i].space != now.space))
		i++;
	if (i == m->seen_count)
		m->seen = cli_grow(m->seen, ++m->seen_count, sizeof(*m->seen));
	else
		metrics_sums_free(&m->seen[i].last);
	m->seen[i] = now;
}

void
metrics_add(struct metrics *m, const struct segment *s)
{
	bool ended = s->liveness == SEGMENT_ENDED || s->liveness == SEGMENT_REPLACED;
	struct metrics_group *g;
	struct metrics_sums sums;

	if (ended && !segment_is_record(s))
		return;
	if (!metrics_sums_read(&sums, s)) {
		metrics_add_unreadable(m);
		return;
	}
	g = metrics_groups_of(m, s);
	metrics_sums_add(&g->sums, &sums);
	if (ended)
		g->ended++;
	else
		metrics_groups_add_live(g, s);
	metrics_groups_add_marks(g, s);
	if (m->keeps)
		metrics_groups_note(m, s, (size_t)(g - m->groups), sums);
	else
		metrics_sums_free(&sums);
}

void
metrics_add_unreadable(struct metrics *m)
{
	m->unreadable++;
}

void
metrics_end(struct metrics *m)
{
	size_t left = 0;

	for (size_t i = 0; i < m->seen_count; i++) {
		struct seen *s = &m->seen[i];

		if (!s->here) {
			metrics_sums_add(&m->groups[s->group].gone, &s->last);
			metrics_sums_add(&m->groups[s->group].sums, &s->last);
			metrics_sums_free(&s->last);
		} else {
			m->seen[left++] = *s;
		}
	}
	m->seen_count = left;
}

const struct metrics_group *
metrics_groups(const struct metrics *m, size_t *count)
{
	*count = m->group_count;
	return m->groups;
}

uint64_t
metrics_unreadable(const struct metrics *m)
{
	return m->unreadable;
}
