// SPDX-License-Identifier: BSD-2-Clause
// doctor_cache.c: which files a root's ld.so.cache names for a library. Nothing in it is trusted.
//
// glibc's sysdeps/generic/dl-cache.h: a head, entries, their strings. Before glibc 2.32 ldconfig writes an older table
// before it; offsets count from the head of the newer one in both.
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_FILE "/etc/ld.so.cache"
#define CACHE_MOST ((uint64_t)64 << 20)
#define CACHE_MARK "glibc-ld.so.cache1.1"

struct cache_head {
	char mark[sizeof(CACHE_MARK) - 1];
	uint32_t count, unused[6];
};

struct cache_entry {
	uint32_t flags, name, path, system;
	uint64_t levels; /* of the CPU that it is for; 0: for each */
};

_Static_assert(sizeof(struct cache_head) == 48 && sizeof(struct cache_entry) == 24, "dl-cache.h");

static struct {
	char *root; /* whose it is; NULL: none was read */
	char *bytes, *head;
	uint64_t size; /* from the head on */
	uint32_t count;
} cache;

static void
doctor_cache_read(const char *root)
{
	struct cache_head head;
	uint64_t size = 0;

	if (cache.root != NULL && strcmp(cache.root, root) == 0)
		return;
	free(cache.root);
	free(cache.bytes);
	cache.root = cli_format("%s", root);
	cache.count = 0;
	cache.bytes = doctor_root_read(root, CACHE_FILE, CACHE_MOST, &size);
	cache.head = cache.bytes != NULL ? memmem(cache.bytes, size, CACHE_MARK, strlen(CACHE_MARK))
					 : NULL;
	if (cache.head == NULL)
		return;
	cache.size = size - (uint64_t)(cache.head - cache.bytes);
	if (cache.size < sizeof(head))
		return;
	memcpy(&head, cache.head, sizeof(head));
	if (head.count <= (cache.size - sizeof(head)) / sizeof(struct cache_entry))
		cache.count = head.count;
}

/* The file ends with a NUL of ours. */
static const char *
doctor_cache_text(uint32_t offset)
{
	return offset < cache.size ? cache.head + offset : "";
}

char *
doctor_cache_find(const char *root, const char *name, const struct doctor_object *needer)
{
	doctor_cache_read(root);
	for (uint32_t i = 0; i < cache.count; i++) {
		struct cache_entry e;
		const char *path;

		memcpy(&e, cache.head + sizeof(struct cache_head) + i * sizeof(e), sizeof(e));
		if (e.levels != 0 || strcmp(doctor_cache_text(e.name), name) != 0)
			continue;
		path = doctor_cache_text(e.path);
		if (*path == '/' && doctor_object_is_for(root, path, needer))
			return cli_format("%s", path);
	}
	return NULL;
}
