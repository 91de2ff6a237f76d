// SPDX-License-Identifier: BSD-2-Clause
// segment_rows.c: the tables of a segment: counters by name, histograms, objects, call sites.
#include "segment_open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BOOT_SLACK_NS 10000000000ll

/* A copy of part of the file; NULL if it is no longer there. */
static void *
segment_rows_copy(const struct segment *s, uint64_t offset, uint64_t size)
{
	void *out = cli_alloc(size + 1, 1);

	if (pread(s->fd, out, size, (off_t)offset) == (ssize_t)size)
		return out;
	free(out);
	return NULL;
}

/* The next of the names that lie one after the other; "" past their end. */
static const char *
segment_rows_next_name(const char *names, size_t bytes, size_t *at)
{
	const char *name = names + *at;
	size_t len = *at < bytes ? strnlen(name, bytes - *at) : 0;

	if (*at >= bytes || *at + len == bytes)
		return "";
	*at += len + 1;
	return name;
}

struct counter *
segment_names(const struct segment *s, const struct symfast_shm_group *g)
{
	char *names = segment_rows_copy(s, g->names_offset, g->names_bytes);
	struct counter *out = names != NULL ? cli_alloc(g->names_count + 1, sizeof(*out)) : NULL;
	size_t at = 0;

	for (uint32_t i = 0; out != NULL && i < g->names_count; i++)
		cli_clean(out[i].name, sizeof(out[i].name),
			  segment_rows_next_name(names, g->names_bytes, &at));
	free(names);
	return out;
}

char *
segment_blocks(const struct segment *s, const struct symfast_shm_group *g)
{
	return segment_rows_copy(s, g->blocks_offset, (uint64_t)g->blocks_used * g->block_stride);
}

/* Adds the counters of one group behind `count` others. */
static bool
segment_rows_add_group(const struct segment *s, const struct symfast_shm_group *g,
		       struct counter *out, size_t *count)
{
	char *names = segment_rows_copy(s, g->names_offset, g->names_bytes);
	char *blocks =
		segment_rows_copy(s, g->blocks_offset, (uint64_t)g->blocks_used * g->block_stride);
	bool ok = names != NULL && blocks != NULL;
	size_t at = 0;

	for (uint32_t i = 0; ok && i < g->names_count; i++) {
		struct counter *c = &out[*count];

		c->value = 0;
		cli_clean(c->name, sizeof(c->name),
			  segment_rows_next_name(names, g->names_bytes, &at));
		for (uint32_t b = 0; b < g->blocks_used; b++) {
			uint64_t v;

			memcpy(&v, blocks + (size_t)b * g->block_stride + i * 8ul, sizeof(v));
			c->value += v;
		}
		/* JSON knows no unsigned 64 bits; more than half of them is damage anyway. */
		if (c->value > INT64_MAX)
			c->value = INT64_MAX;
		*count += *c->name != '\0';
	}
	free(names);
	free(blocks);
	return ok;
}

struct counter *
segment_counters(const struct segment *s, size_t *count)
{
	const struct symfast_shm_group *groups[] = {&s->head.counters, &s->head.go,
						    &s->head.go_fill};
	struct counter *out =
		cli_alloc(groups[0]->names_count + groups[1]->names_count + groups[2]->names_count,
			  sizeof(*out));

	*count = 0;
	for (size_t i = 0; i < 3; i++) {
		if (segment_rows_add_group(s, groups[i], out, count))
			continue;
		cli_error("the segment of process %u was truncated", s->head.pid);
		free(out);
		return NULL;
	}
	return out;
}

bool
segment_is_record(const struct segment *s)
{
	uint64_t last = s->head.made_ns;
	struct timespec now;

	if (s->control.mismatches == 0 && s->control.breaker_trips == 0)
		return false;
	if (s->control.mismatch_ns > last)
		last = s->control.mismatch_ns;
	if (s->control.breaker_ns > last)
		last = s->control.breaker_ns;
	return clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       last / 1000000000u + SEGMENT_RECORD_S > (uint64_t)now.tv_sec;
}

struct segment_function *
segment_functions(const struct segment *s, size_t *count)
{
	char *names = segment_rows_copy(s, s->head.functions_offset, s->head.functions_bytes);
	struct segment_function *out = cli_alloc(s->head.functions_count, sizeof(*out));
	size_t at = 0;

	*count = 0;
	for (; names != NULL && *count < s->head.functions_count; ++*count)
		cli_clean(out[*count].name, sizeof(out->name),
			  segment_rows_next_name(names, s->head.functions_bytes, &at));
	free(names);
	return out;
}

static bool
segment_rows_read_row(const struct segment *s, const struct symfast_shm_section *t, uint32_t i,
		      void *row, size_t size)
{
	return i < t->used && pread(s->fd, row, size,
				    (off_t)(t->offset + (uint64_t)i * t->stride)) == (ssize_t)size;
}

bool
segment_histogram(const struct segment *s, uint32_t i, struct symfast_shm_histogram *h)
{
	size_t size =
		s->head.histograms.stride < sizeof(*h) ? SYMFAST_SHM_HISTOGRAM_LEAST : sizeof(*h);

	*h = (struct symfast_shm_histogram){0};
	return segment_rows_read_row(s, &s->head.histograms, i, h, size) && h->count != 0;
}

bool
segment_object(const struct segment *s, uint32_t i, struct symfast_shm_object *o)
{
	size_t size = s->head.objects.stride < sizeof(*o) ? SYMFAST_SHM_OBJECT_LEAST : sizeof(*o);
	char clean[sizeof(o->file)];

	*o = (struct symfast_shm_object){0};
	if (!segment_rows_read_row(s, &s->head.objects, i, o, size) || o->loads == 0)
		return false;
	o->file[sizeof(o->file) - 1] = '\0';
	memcpy(o->file, cli_clean(clean, sizeof(clean), o->file), sizeof(clean));
	o->differs[sizeof(o->differs) - 1] = '\0';
	memcpy(o->differs, cli_clean(clean, sizeof(clean), o->differs), sizeof(clean));
	return true;
}

bool
segment_site(const struct segment *s, uint32_t i, struct symfast_shm_site *site)
{
	if (!segment_rows_read_row(s, &s->head.sites, i, site, sizeof(*site)) || site->hash == 0)
		return false;
	if (site->depth > SYMFAST_SHM_FRAMES)
		site->depth = SYMFAST_SHM_FRAMES;
	return true;
}

void
segment_text(const struct segment *s, uint32_t offset, char *to, size_t size)
{
	char text[512] = "";
	ssize_t n;

	*to = '\0';
	if (offset == 0 || offset >= s->size)
		return;
	n = pread(s->fd, text, sizeof(text) - 1, offset);
	text[n > 0 ? n : 0] = '\0';
	cli_clean(to, size, text);
}

/* The unit of all durations, as this CPU counts it; 0 where it is not known how. */
static uint64_t
segment_rows_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return 0;
#endif
}

/*
 * Was the segment made on this machine, since it started? Its two clocks of then lie as far apart as ours do
 * now, but for what somebody has set the time of day by.
 */
static bool
segment_rows_same_boot(const struct symfast_shm_header *h)
{
	struct timespec real, mono;
	int64_t ours, its = (int64_t)(h->made_ns - h->ns_first);

	if (clock_gettime(CLOCK_REALTIME, &real) != 0 || clock_gettime(CLOCK_MONOTONIC, &mono) != 0)
		return false;
	ours = (real.tv_sec - mono.tv_sec) * 1000000000ll + real.tv_nsec - mono.tv_nsec;
	return its > ours - BOOT_SLACK_NS && its < ours + BOOT_SLACK_NS;
}

double
segment_ns_per_tick(const struct segment *s)
{
	const struct symfast_shm_header *h = &s->head;
	uint64_t last_ticks = h->ticks_last, last_ns = h->ns_last;
	struct timespec t;
	double rate;

	/*
	 * The process has read its clocks once, when it made the file (a sandbox may forbid it a second time): we
	 * read them again. Both go on when the process is gone, and are the same in all pid namespaces. A segment
	 * of another boot or machine has no rate.
	 */
	if (last_ticks == 0 && (s->liveness != SEGMENT_ELSEWHERE || segment_rows_same_boot(h)) &&
	    clock_gettime(CLOCK_MONOTONIC, &t) == 0) {
		last_ticks = segment_rows_ticks();
		last_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	}
	if (last_ticks <= h->ticks_first || last_ns <= h->ns_first)
		return 0;
	rate = (double)(last_ns - h->ns_first) / (double)(last_ticks - h->ticks_first);
	/* Counters run between 1 MHz and 10 GHz. */
	return rate >= 0.1 && rate <= 1000 ? rate : 0;
}
