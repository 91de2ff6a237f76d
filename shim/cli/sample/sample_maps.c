// SPDX-License-Identifier: BSD-2-Clause
// sample_maps.c: see sample_maps.h.
#include "sample_maps.h"

#include "../../base/bytes.h"
#include "../base/cli.h"
#include "../base/proc.h"
#include "../base/search.h"
#include "sample_symbols.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a hostile process can cost: mappings, and files held open at once. */
#define MAPS_MOST    65536u
#define OBJECTS_MOST 4096u

/* One line of the map; where its name begins. */
struct sample_maps_line {
	struct sample_map map;
	char *key, *path; /* path: "" if there is none */
};

static bool
sample_maps_parse(char *text, struct sample_maps_line *line)
{
	char rights[8];
	int key = 0, name = 0;

	if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %n%*s %*s %n", &line->map.start,
		   &line->map.end, rights, &line->map.offset, &key, &name) != 4 ||
	    key == 0)
		return false;
	line->map.writable = rights[1] == 'w';
	line->map.executable = rights[2] == 'x';
	line->map.object = SAMPLE_MAPS_NONE;
	line->key = text + key;
	line->path = name != 0 ? text + name : text + strlen(text);
	return true;
}

/* Files, those in /dev/shm too, and the code that the kernel brings; no devices, stacks, heaps. */
static bool
sample_maps_is_object(const struct sample_maps_line *line)
{
	if (strcmp(line->path, "[vdso]") == 0)
		return true;
	return *line->path == '/' && !sf_bytes_begins(line->path, "/SYSV") &&
	       (!sf_bytes_begins(line->path, "/dev/") || sf_bytes_begins(line->path, "/dev/shm/"));
}

static size_t
sample_maps_find(const struct sample_maps *m, const char *key)
{
	for (size_t i = 0; i < m->object_count; i++)
		if (strcmp(m->objects[i].key, key) == 0)
			return i;
	return SAMPLE_MAPS_NONE;
}

static size_t
sample_maps_add(struct sample_maps *m, const struct sample_maps_line *line)
{
	size_t i = sample_maps_find(m, line->key);

	if (i != SAMPLE_MAPS_NONE || m->object_count == OBJECTS_MOST)
		return i;
	m->objects = cli_grow(m->objects, m->object_count + 1, sizeof(*m->objects));
	m->objects[m->object_count] = (struct sample_object){.key = cli_format("%s", line->key),
							     .path = cli_format("%s", line->path)};
	proc_strip_deleted(m->objects[m->object_count].path);
	return m->object_count++;
}

/* Where it lies now. What is read where it lies is read anew if that is elsewhere. */
static void
sample_maps_place(struct sample_object *o, const struct sample_maps_line *lines, size_t count)
{
	if (o->file != NULL && o->file->fd < 0 && o->ranges[0].start != lines[0].map.start) {
		sample_file_free(o->file);
		o->file = NULL;
	}
	o->mapped = true;
	o->range_count = count < SAMPLE_MAPS_RANGES ? count : SAMPLE_MAPS_RANGES;
	for (size_t i = 0; i < o->range_count; i++)
		o->ranges[i] = (struct sample_file_range){lines[i].map.start, lines[i].map.end,
							  lines[i].map.offset};
}

/* Files that several processes have mapped are opened once, and their symbols read once. Kept until the end. */
static struct {
	char *key;
	struct sample_file *file;
} * shared;
static size_t shared_count;

static struct sample_file *
sample_maps_shared(const char *key)
{
	for (size_t i = 0; i < shared_count; i++)
		if (strcmp(shared[i].key, key) == 0)
			return shared[i].file;
	return NULL;
}

static struct sample_file *
sample_maps_file(const struct sample_maps *m, struct sample_object *o)
{
	if (o->file == NULL)
		o->file = sample_maps_shared(o->key);
	if (o->file != NULL || !o->mapped)
		return o->file;
	o->file = sample_file_open(m->pid, o->path, o->ranges, o->range_count);
	if (o->file->fd >= 0) {
		shared = cli_grow(shared, shared_count + 1, sizeof(*shared));
		shared[shared_count].key = cli_format("%s", o->key);
		shared[shared_count++].file = o->file;
	}
	return o->file;
}

static void
sample_maps_put(struct sample_maps *m, const struct sample_maps_line *line)
{
	m->list = cli_grow(m->list, m->count + 1, sizeof(*m->list));
	m->list[m->count++] = line->map;
}

/* The lines of one file, all of them put: it is an object if one of them is code. */
static void
sample_maps_put_file(struct sample_maps *m, const struct sample_maps_line *lines, size_t count)
{
	size_t object = SAMPLE_MAPS_NONE;

	for (size_t i = 0; i < count && object == SAMPLE_MAPS_NONE; i++)
		if (lines[i].map.executable && sample_maps_is_object(&lines[0]))
			object = sample_maps_add(m, &lines[0]);
	for (size_t i = m->count - count; i < m->count; i++)
		m->list[i].object = object;
	if (object != SAMPLE_MAPS_NONE)
		sample_maps_place(&m->objects[object], lines, count);
}

static void
sample_maps_parse_all(struct sample_maps *m, char *text)
{
	struct sample_maps_line lines[64];
	size_t same = 0;

	for (char *next; text != NULL && *text != '\0' && m->count < MAPS_MOST; text = next) {
		struct sample_maps_line line;

		next = strchr(text, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (!sample_maps_parse(text, &line))
			continue;
		if (same != 0 && (strcmp(line.key, lines[0].key) != 0 ||
				  same == sizeof(lines) / sizeof(lines[0]))) {
			sample_maps_put_file(m, lines, same);
			same = 0;
		}
		sample_maps_put(m, &line);
		lines[same++] = line;
	}
	if (same != 0)
		sample_maps_put_file(m, lines, same);
}

/* Objects that were not mapped a moment ago, and those that are no more. */
static void
sample_maps_compare(struct sample_maps *m, const bool *before, size_t count)
{
	for (size_t i = 0; i < m->object_count && m->read; i++) {
		bool was = i < count && before[i];

		m->objects[i].changes += was != m->objects[i].mapped;
		m->came += m->objects[i].mapped && !was;
		m->went += was && !m->objects[i].mapped;
	}
	m->read = true;
}

/* Does Go's runtime call C here? In the program alone: plugins have no runtime of their own. */
static void
sample_maps_find_go(struct sample_maps *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct sample_map *map = &m->list[i];
		struct sample_file *f;
		uint64_t address;

		if (map->object == SAMPLE_MAPS_NONE || !map->executable)
			continue;
		f = sample_maps_file(m, &m->objects[map->object]);
		sample_symbols_go(f);
		if (f->go_back != 0 && sample_file_address(f, map->offset, &address)) {
			m->go.back = f->go_back - address + map->start;
			m->go.g_slot = f->go_slot;
		}
		return;
	}
}

bool
sample_maps_read(struct sample_maps *m, pid_t pid)
{
	size_t size, count = m->object_count;
	char *text = proc_read((unsigned long)pid, "maps", &size);
	bool *before;

	if (text == NULL)
		return false;
	m->pid = pid;
	before = cli_alloc(count, sizeof(*before));
	for (size_t i = 0; i < count; i++) {
		before[i] = m->objects[i].mapped;
		m->objects[i].mapped = false;
	}
	m->count = 0;
	m->go = (struct sample_shot_go){0};
	sample_maps_parse_all(m, text);
	sample_maps_compare(m, before, count);
	sample_maps_find_go(m);
	free(before);
	free(text);
	return true;
}

const struct sample_map *
sample_maps_at(const struct sample_maps *m, uint64_t address)
{
	size_t i = search_until(m->list, m->count, sizeof(*m->list),
				offsetof(struct sample_map, end), address);

	return i < m->count && address >= m->list[i].start ? &m->list[i] : NULL;
}

struct sample_file *
sample_maps_object(struct sample_maps *m, uint64_t address, uint64_t *in_object)
{
	const struct sample_map *map = sample_maps_at(m, address);
	struct sample_file *f;

	if (map == NULL || map->object == SAMPLE_MAPS_NONE)
		return NULL;
	f = sample_maps_file(m, &m->objects[map->object]);
	if (!sample_file_address(f, address - map->start + map->offset, in_object))
		return NULL;
	return f;
}

void
sample_maps_free(struct sample_maps *m)
{
	for (size_t i = 0; i < m->object_count; i++) {
		if (m->objects[i].file != NULL && m->objects[i].file->fd < 0)
			sample_file_free(m->objects[i].file);
		free(m->objects[i].key);
		free(m->objects[i].path);
	}
	free(m->objects);
	free(m->list);
	*m = (struct sample_maps){0};
}
