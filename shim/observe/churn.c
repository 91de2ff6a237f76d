// SPDX-License-Identifier: BSD-2-Clause
// churn.c: see churn.h.
#include "churn.h"

#include "../base/bytes.h"
#include "../base/lock.h"
#include "../base/log.h"
#include "segment.h"

#define PROBES    8
#define FILE_ROOM ((int)sizeof(((struct symfast_shm_object *)0)->file))

SF_LOCK(lock, NULL);

/* FNV-1a: names of files, at each load. */
static uint32_t
churn_hash(const char *s)
{
	uint32_t h = 2166136261u;

	/* Bounded: another lifetime may be writing its name there. */
	for (int i = 0; i < FILE_ROOM && s[i] != '\0'; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h;
}

static bool
churn_is_of(const struct symfast_shm_object *row, const char *file)
{
	int i = 0;

	while (i < FILE_ROOM - 1 && row->file[i] == file[i] && file[i] != '\0')
		i++;
	return i == FILE_ROOM - 1 || row->file[i] == file[i];
}

/* The file's row, or an empty one that is now the file's; NULL: no room. */
static struct symfast_shm_object *
churn_row_locked(const char *file)
{
	struct symfast_shm_object *rows = sf_segment_at(SF_SEGMENT_OBJECTS);
	uint32_t at = churn_hash(file);

	for (uint32_t i = 0; i < PROBES; i++) {
		struct symfast_shm_object *row = &rows[(at + i) % SF_SEGMENT_OBJECT_ROWS];

		if (!sf_segment_touch(row))
			return NULL;
		if (row->file[0] == '\0')
			sf_bytes_cut(row->file, file, sizeof(row->file));
		if (churn_is_of(row, file))
			return row;
	}
	return NULL;
}

void
sf_churn_add(const char *file, uint64_t loads, uint64_t ticks)
{
	struct symfast_shm_object *row;

	if (file[0] == '\0' || !sf_lock_try(&lock))
		return;
	row = churn_row_locked(file);
	if (row != NULL) {
		sf_store_64(&row->loads, row->loads + loads);
		sf_store_64(&row->ticks, row->ticks + ticks);
	}
	sf_lock_release(&lock);
}

void
sf_churn_compared(const char *file, const char *differs)
{
	struct symfast_shm_object *row;

	if (file[0] == '\0' || !sf_lock_try(&lock))
		return;
	row = churn_row_locked(file);
	if (row != NULL) {
		sf_store_64(&row->compared, row->compared + 1);
		if (differs[0] == '\0')
			sf_store_64(&row->unchanged, row->unchanged + 1);
		else if (row->differs[0] == '\0')
			sf_bytes_cut(row->differs, differs, sizeof(row->differs));
	}
	sf_lock_release(&lock);
}

/* ---- the lines at exit ---- */

#define CHURN_NAMED 6 /* objects in the line */
#define CHURN_OFTEN 8 /* loads of each */

/* The row with the most ticks below `most`, or at it but behind `after`; NULL: none is left. */
static const struct symfast_shm_object *
churn_next(const struct symfast_shm_object *after)
{
	const struct symfast_shm_object *rows = sf_segment_at(SF_SEGMENT_OBJECTS), *best = NULL;

	for (uint32_t i = 0; i < SF_SEGMENT_OBJECT_ROWS; i++) {
		const struct symfast_shm_object *r = &rows[i];

		if (!sf_segment_touch(r) || r->file[0] == '\0' || r->loads < CHURN_OFTEN)
			continue;
		if (after != NULL &&
		    (r->ticks > after->ticks || (r->ticks == after->ticks && r <= after)))
			continue;
		if (best == NULL || r->ticks > best->ticks)
			best = r;
	}
	return best;
}

static uint64_t
churn_ns(const struct symfast_shm_object *r, uint64_t ticks_per_ms)
{
	return r->ticks / 1000 * 1000000 / (ticks_per_ms / 1000 + 1);
}

static void
churn_say_names(struct sf_line *l)
{
	const struct symfast_shm_object *r = NULL;

	for (int i = 0; i < CHURN_NAMED && (r = churn_next(r)) != NULL; i++) {
		char file[FILE_ROOM];

		sf_bytes_cut(file, r->file, sizeof(file));
		sf_line_str(l, i > 0 ? ":" : "");
		sf_line_clean(l, sf_bytes_base(file), sizeof(file));
	}
}

static void
churn_say_compared(const struct symfast_shm_object *r)
{
	char text[sizeof(r->differs)];
	struct sf_line l;

	if (r->compared == 0)
		return;
	sf_line_start(&l);
	sf_bytes_cut(text, r->file, sizeof(text));
	sf_line_clean(&l, sf_bytes_base(text), sizeof(text));
	sf_line_str(&l, ": ");
	sf_line_u64(&l, r->unchanged);
	sf_line_str(&l, " of ");
	sf_line_u64(&l, r->compared);
	sf_line_str(&l, " closes unchanged");
	sf_bytes_cut(text, r->differs, sizeof(text));
	sf_line_str(&l, r->unchanged == r->compared ? ": keep is as good as fresh" : ", differs: ");
	sf_line_clean(&l, r->unchanged == r->compared ? "" : text, sizeof(text));
	sf_line_write(&l);
}

void
sf_churn_print(uint64_t ticks_per_ms, uint64_t cpu_ns)
{
	const struct symfast_shm_object *r = NULL;
	uint64_t loads = 0, ns = 0;
	struct sf_line l;

	for (int i = 0; i < CHURN_NAMED && (r = churn_next(r)) != NULL; i++) {
		loads += r->loads;
		ns += churn_ns(r, ticks_per_ms);
	}
	r = NULL;
	if (loads == 0 || ns < cpu_ns / 100)
		return;
	sf_line_start(&l);
	sf_line_str(&l, "loaded again and again: ");
	sf_line_u64(&l, loads);
	sf_line_str(&l, " loads took ");
	sf_line_u64(&l, ns / 1000);
	sf_line_str(&l, " us; most of that could go with SYMFAST_RETAIN=");
	churn_say_names(&l);
	sf_line_write(&l);
	for (int i = 0; i < CHURN_NAMED && (r = churn_next(r)) != NULL; i++)
		churn_say_compared(r);
}

void
sf_churn_sum(uint64_t often, uint64_t *loads, uint64_t *ticks)
{
	const struct symfast_shm_object *rows = sf_segment_at(SF_SEGMENT_OBJECTS);

	*loads = *ticks = 0;
	for (uint32_t i = 0; i < SF_SEGMENT_OBJECT_ROWS; i++) {
		const struct symfast_shm_object *r = &rows[i];

		if (!sf_segment_touch(r) || r->file[0] == '\0' || r->loads < often)
			continue;
		*loads += r->loads;
		*ticks += r->ticks;
	}
}

void
sf_churn_forked(void)
{
	sf_lock_reset(&lock);
}
