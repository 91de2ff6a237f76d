// SPDX-License-Identifier: BSD-2-Clause
// sample_maps.h: what a process has mapped where, and the objects of it.
#ifndef SF_CLI_SAMPLE_MAPS_H
#define SF_CLI_SAMPLE_MAPS_H

#include "sample_file.h"
#include "sample_shot.h"

#define SAMPLE_MAPS_RANGES 16u

struct sample_map {
	uint64_t start, end, offset;
	size_t object; /* number in the list of objects; SAMPLE_MAPS_NONE: no object */
	bool writable, executable;
};
#define SAMPLE_MAPS_NONE ((size_t)-1)

/* A file that was mapped once; it is kept when it is unmapped: samples name it. */
struct sample_object {
	struct sample_file *file; /* NULL: nothing was asked of it yet */
	char *key, *path;         /* key: device, inode and path, as in the map */
	struct sample_file_range ranges[SAMPLE_MAPS_RANGES];
	size_t range_count;
	bool mapped;
	uint64_t changes; /* how often it was seen to come or go */
};

struct sample_maps {
	pid_t pid;
	struct sample_map *list;
	size_t count;
	struct sample_object *objects;
	size_t object_count;
	uint64_t came, went; /* objects, since the first reading */
	bool read;
	struct sample_shot_go go;
};

/* Reads /proc/PID/maps again; false with errno. */
bool sample_maps_read(struct sample_maps *m, pid_t pid);
const struct sample_map *sample_maps_at(const struct sample_maps *m, uint64_t address);
/* The object there, and the address in it; NULL if it is none. */
struct sample_file *sample_maps_object(struct sample_maps *m, uint64_t address,
				       uint64_t *in_object);
void sample_maps_free(struct sample_maps *m);

#endif
