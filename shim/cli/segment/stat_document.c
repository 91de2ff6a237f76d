// SPDX-License-Identifier: BSD-2-Clause
// stat_document.c: see stat_document.h.
#include "stat_document.h"

#include "rollup.h"
#include "savings.h"
#include "stat_answers.h"
#include "stat_latency.h"
#include "stat_sum.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *
stat_document_named(const char *const *names, size_t count, uint32_t n)
{
	return n < count ? names[n] : "unknown";
}

#define NAMED(n, ...)                                                                              \
	stat_document_named((const char *const[]){__VA_ARGS__},                                    \
			    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), n)

const char *
stat_document_mode(const struct segment *s)
{
	return s->control.phase == SYMFAST_SHM_PHASE_LIVE ? segment_word_name(s->control.word)
							  : "pass";
}

json_t *
stat_document_head(const struct segment *s)
{
	const struct symfast_shm_control *c = &s->control;

	return json_pack(
		"{s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I}", "pid", (json_int_t)s->head.pid, "uid",
		(json_int_t)s->head.uid, "state", segment_liveness_name(s->liveness), "exe",
		s->head.exe, "library", s->head.library, "mode", stat_document_mode(s), "set_by",
		NAMED(c->reason, "setting", "canary", "ctl", "kill file", "breaker", "refusal"),
		"breaker", NAMED(c->breaker, "closed", "open", "half-open"), "mismatches",
		(json_int_t)(c->mismatches & INT64_MAX));
}

static json_t *
stat_document_control_json(const struct symfast_shm_control *c)
{
#define KIND(n) NAMED(n, "none", "value", "null", "doubt")
	json_t *out = json_pack("{s:s,s:s,s:s,s:I,s:I}", "phase",
				NAMED(c->phase, "none", "live", "pass"), "why", c->why, "doubt",
				c->doubt, "sample_every", (json_int_t)c->sample_mask + 1,
				"check_every", (json_int_t)c->check_every);

	json_object_set_new(out, "ctl_count", stat_latency_count(c->ctl_count));
	json_object_set_new(out, "at_start", json_string(segment_word_name(c->setting_word)));
	json_object_set_new(out, "ab_percent", json_real(c->ab_share / 100.0));
	json_object_set_new(out, "breaker",
			    json_pack("{s:I,s:I,s:I}", "limit", (json_int_t)c->breaker_limit,
				      "trips", (json_int_t)c->breaker_trips, "time_ns",
				      (json_int_t)(c->breaker_ns & INT64_MAX)));
	json_object_set_new(out, "mismatch",
			    json_pack("{s:s,s:s,s:s,s:I}", "function", c->mismatch_function, "map",
				      KIND(c->mismatch_map), "libc", KIND(c->mismatch_libc),
				      "time_ns", (json_int_t)(c->mismatch_ns & INT64_MAX)));
	json_object_set_new(out, "canary",
			    json_pack("{s:s,s:f,s:I,s:b}", "key", c->canary_key, "percent",
				      c->canary_share / 100.0, "bucket",
				      (json_int_t)c->canary_bucket, "chosen",
				      c->canary_chosen != 0));
	json_object_set_new(
		out, "kill_file",
		json_pack("{s:s,s:b}", "path", c->kill_file, "seen", c->kill_file_seen != 0));
	json_object_set_new(out, "go",
			    json_pack("{s:s,s:s}", "state", c->go_state, "refusal", c->go_refusal));
	return out;
#undef KIND
}

/* Calls of A/B's stock arm, which were never asked of the map: as many as were timed. */
static uint64_t
stat_document_stock(const struct stat_sum *sum, const struct rollup_row *row)
{
	for (size_t i = 0; sum->control.ab_share != 0 && i < sum->latency_count; i++)
		if (strcmp(sum->latencies[i].function, row->function) == 0)
			return sum->latencies[i].arm[0].count < row->passes
				       ? sum->latencies[i].arm[0].count
				       : row->passes;
	return 0;
}

static json_t *
stat_document_function(const struct stat_sum *sum, const struct rollup_row *row)
{
	uint64_t stock = stat_document_stock(sum, row);

	return json_pack("{s:s,s:o,s:o,s:o,s:o}", "name", row->function, "hits",
			 stat_latency_count(row->hits), "misses", stat_latency_count(row->misses),
			 "passes", stat_latency_count(row->passes - stock), "stock",
			 stat_latency_count(stock));
}

/* "counters" as they are, "functions", "bypasses": the same, added up. */
static void
stat_document_put_counters(json_t *document, const struct stat_sum *sum)
{
	const struct counter *counters = sum->counters;
	const size_t count = sum->counter_count;
	json_t *all = json_object(), *bypasses = json_object(), *functions = json_array();
	struct rollup r = rollup_of(counters, count);
	char word[24];

	for (size_t i = 0; i < count; i++) {
		json_object_set_new(all, counters[i].name, stat_latency_count(counters[i].value));
		if (counters[i].value != 0 &&
		    rollup_outcome(counters[i].name, word, sizeof(word)) == OUTCOME_BYPASS)
			json_object_set_new(bypasses, word, stat_latency_count(counters[i].value));
	}
	for (size_t i = 0; i < r.count; i++)
		if (rollup_called(&r.rows[i]))
			json_array_append_new(functions, stat_document_function(sum, &r.rows[i]));
	rollup_free(&r);
	json_object_set_new(document, "counters", all);
	json_object_set_new(document, "functions", functions);
	json_object_set_new(document, "bypasses", bypasses);
}

/* Timed calls of A/B that are in neither arm: sent Go's way, and not seen to come back. */
static uint64_t
stat_document_unseen(const struct stat_sum *sum, const char *function)
{
	uint64_t sent = stat_sum_counted(sum, "go.ab.sent"),
		 ended = stat_sum_counted(sum, "go.ab.ended");

	if (strcmp(function, "plugin.Open") != 0)
		return 0;
	return (sent > ended ? sent - ended : 0) + stat_sum_counted(sum, "go.ab.lost");
}

static void
stat_document_put_latencies(json_t *document, const struct stat_sum *sum, double ns)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sum->latency_count; i++) {
		const struct latency *l = &sum->latencies[i];
		bool libc = l->arm[0].count != 0, map = l->arm[1].count != 0;
		json_t *row = json_pack("{s:s}", "function", l->function);

		json_object_set_new(row, "libc",
				    libc ? stat_latency_histogram(&l->arm[0], ns) : json_null());
		json_object_set_new(row, "map",
				    map ? stat_latency_histogram(&l->arm[1], ns) : json_null());
		json_object_set_new(row, "ratios",
				    libc && map ? stat_latency_ratios(&l->arm[0], &l->arm[1])
						: json_null());
		json_object_set_new(row, "unseen",
				    stat_latency_count(stat_document_unseen(sum, l->function)));
		json_array_append_new(list, row);
	}
	json_object_set_new(document, "latencies", list);
}

static void
stat_document_add_objects(json_t *list, const struct segment *s, double ns)
{
	struct symfast_shm_object o;

	for (uint32_t i = 0; i < s->head.objects.used; i++) {
		if (!segment_object(s, i, &o))
			continue;
		json_array_append_new(
			list, json_pack("{s:s,s:o,s:f,s:o,s:o,s:s}", "file", o.file, "loads",
					stat_latency_count(o.loads), "time", (double)o.ticks * ns,
					"compared", stat_latency_count(o.compared), "unchanged",
					stat_latency_count(o.unchanged), "differs", o.differs));
	}
}

static json_t *
stat_document_frames_json(const struct segment *s, const struct symfast_shm_site *site)
{
	json_t *frames = json_array();
	char object[512];

	for (uint16_t i = 0; i < site->depth; i++) {
		segment_text(s, site->object[i], object, sizeof(object));
		json_array_append_new(frames, json_pack("{s:s,s:I}", "object", object, "offset",
							(json_int_t)site->offset[i]));
	}
	return frames;
}

static void
stat_document_add_sites(json_t *list, const struct segment *s, double ns)
{
	size_t count;
	struct segment_function *functions = segment_functions(s, &count);
	struct symfast_shm_site site;

	for (uint32_t i = 0; i < s->head.sites.used; i++) {
		if (!segment_site(s, i, &site))
			continue;
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:o,s:f,s:f,s:o}", "function",
					site.function < count ? functions[site.function].name : "?",
					"arm", site.arm != 0 ? "map" : "libc", "count",
					stat_latency_count(site.count), "time",
					(double)site.ticks * ns, "waited", (double)site.waited * ns,
					"frames", stat_document_frames_json(s, &site)));
	}
	free(functions);
}

struct stat_sum *
stat_document_new(void)
{
	struct stat_sum *sum = cli_alloc(1, sizeof(*sum));

	sum->document = document_new("stat");
	json_object_set_new(sum->document, "objects", json_array());
	json_object_set_new(sum->document, "sites", json_array());
	return sum;
}

bool
stat_document_add(struct stat_sum *sum, const struct segment *s)
{
	double ns = segment_ns_per_tick(s), factor = ns > 0 ? ns : 1;
	json_t *d = sum->document;

	if (!stat_sum_add(sum, s))
		return false;
	json_object_update_new(d, stat_document_head(s));
	json_object_set_new(d, "made_ns", stat_latency_count(s->head.made_ns));
	json_object_set_new(d, "parent", stat_latency_count(s->head.parent_pid));
	json_object_set_new(d, "threads_private", stat_latency_count(s->head.threads_private));
	json_object_set_new(d, "control", stat_document_control_json(&s->control));
	stat_document_add_objects(json_object_get(d, "objects"), s, factor);
	stat_document_add_sites(json_object_get(d, "sites"), s, factor);
	return true;
}

/* When and where it was read. */
static void
stat_document_put_place(json_t *document)
{
	char node[256];
	struct utsname u;

	document_put_time(document);
	if (uname(&u) == 0)
		json_object_set_new(document, "node",
				    json_string(cli_clean(node, sizeof(node), u.nodename)));
}

json_t *
stat_document_of(struct stat_sum *sum)
{
	json_t *document = sum->document;
	struct sf_estimate e;

	json_object_set_new(document, "unit", json_string(sum->ns > 0 ? "ns" : "ticks"));
	json_object_set_new(document, "processes", stat_latency_count(sum->processes));
	stat_document_put_counters(document, sum);
	stat_document_put_latencies(document, sum, sum->ns > 0 ? sum->ns : 1);
	stat_sum_estimate(sum, &e);
	if (e.verdict != SF_ESTIMATE_NONE)
		json_object_set_new(document, "savings", savings_json(&e));
	stat_document_put_place(document);
	json_object_set_new(document, "answers", stat_answers(document));
	stat_sum_free(sum);
	free(sum);
	return document;
}

bool
stat_document_valid(const json_t *document)
{
	static const char *const lists[] = {"functions", "latencies", "objects", "sites"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!json_is_array(json_object_get(document, lists[i])))
			return false;
	return json_is_object(json_object_get(document, "control")) &&
	       json_is_object(json_object_get(document, "counters")) &&
	       json_is_object(json_object_get(document, "bypasses")) &&
	       json_is_string(json_object_get(document, "mode")) &&
	       json_is_string(json_object_get(document, "unit"));
}

/* A saved document, not a segment? What cannot be opened is neither. */
static bool
stat_document_begins_like_json(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char first = 0;
	bool is = fd >= 0 && read(fd, &first, 1) == 1 && first == '{';

	if (fd >= 0)
		close(fd);
	return is;
}

json_t *
stat_document_from(const char *word, int *status)
{
	struct segment s;
	unsigned long pid;
	struct stat_sum *sum;
	const char *why;
	json_t *document;

	*status = CLI_TARGET;
	if (cli_number(word, 1, 1ul << 22, &pid)) {
		*status = segment_of(&s, pid);
		if (*status != CLI_OK)
			return NULL;
	} else if (stat_document_begins_like_json(word)) {
		return document_load(word);
	} else if ((why = segment_open(&s, word)) != NULL) {
		cli_error("%s %s", word, why);
		return NULL;
	}
	sum = stat_document_new();
	*status = stat_document_add(sum, &s) ? CLI_OK : CLI_TARGET;
	segment_close(&s);
	document = stat_document_of(sum);
	if (*status == CLI_OK)
		return document;
	json_decref(document);
	return NULL;
}
