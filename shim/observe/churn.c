// SPDX-License-Identifier: BSD-2-Clause
// churn.c: see churn.h.
#include "churn.h"

#include "../base/bytes.h"
#include "../base/lock.h"
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
sf_churn_forked(void)
{
	sf_lock_reset(&lock);
}
