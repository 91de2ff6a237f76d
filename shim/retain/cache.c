// SPDX-License-Identifier: BSD-2-Clause
// cache.c: see cache.h. The form is that of glibc 2.32 and newer, "glibc-ld.so.cache1.1"; offsets count from its start.
#include "cache.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include <fcntl.h>
#include <sys/stat.h>

#define CACHE_MAGIC   "glibc-ld.so.cache1.1"
#define CACHE_LARGEST (16u << 20)
#define CACHE_MACHINE 0xff00u /* of the flags */

struct cache_head {
	char magic[sizeof(CACHE_MAGIC) - 1];
	uint32_t count, unused[6];
};
struct cache_entry {
	uint32_t flags, name, path, unused;
	uint64_t hwcap;
};

/* A NUL behind it, whatever stands in it. */
static bool
cache_read_all(long fd, struct sf_retain_cache *c)
{
	struct stat s;

	if (sf_syscall6(SYS_fstat, fd, (long)&s, 0, 0, 0, 0) != 0 ||
	    s.st_size < (long)sizeof(struct cache_head) || s.st_size >= (long)CACHE_LARGEST)
		return false;
	c->size = (size_t)s.st_size;
	c->room = c->size + 1;
	c->bytes = sf_sys_map(c->room);
	return c->bytes != NULL &&
	       sf_syscall6(SYS_read, fd, (long)c->bytes, (long)c->size, 0, 0, 0) == (long)c->size;
}

static const struct cache_head *
cache_head(const struct sf_retain_cache *c)
{
	return (const struct cache_head *)(const void *)c->bytes;
}

static bool
cache_is_known(const struct sf_retain_cache *c)
{
	for (size_t i = 0; i < sizeof(CACHE_MAGIC) - 1; i++)
		if (c->bytes[i] != CACHE_MAGIC[i])
			return false;
	return cache_head(c)->count <=
	       (c->size - sizeof(struct cache_head)) / sizeof(struct cache_entry);
}

void
sf_retain_cache_read(struct sf_retain_cache *c)
{
	long fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)SF_RETAIN_CACHE_FILE,
			      O_RDONLY | O_CLOEXEC, 0, 0, 0);

	*c = (struct sf_retain_cache){0};
	if (fd < 0)
		return;
	if (!cache_read_all(fd, c) || !cache_is_known(c))
		sf_retain_cache_free(c);
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
}

void
sf_retain_cache_free(struct sf_retain_cache *c)
{
	if (c->bytes != NULL)
		sf_sys_unmap(c->bytes, c->room);
	c->bytes = NULL;
}

static const char *
cache_text(const struct sf_retain_cache *c, uint32_t offset)
{
	return offset < c->size ? c->bytes + offset : "";
}

bool
sf_retain_cache_leads_to(const struct sf_retain_cache *c, const char *path)
{
	const char *base = sf_bytes_base(path);
	const struct cache_entry *e;
	uint32_t machine = 0;
	int named = 0, others = 0;

	if (c->bytes == NULL)
		return false;
	e = (const struct cache_entry *)(const void *)(cache_head(c) + 1);
	for (uint32_t i = 0; i < cache_head(c)->count; i++)
		if (sf_bytes_same(cache_text(c, e[i].path), path))
			machine = e[i].flags & CACHE_MACHINE;
	for (uint32_t i = 0; i < cache_head(c)->count; i++) {
		bool name = sf_bytes_same(cache_text(c, e[i].name), base);
		bool file = sf_bytes_same(cache_text(c, e[i].path), path);

		named += name && file;
		others += name != file && (file || (e[i].flags & CACHE_MACHINE) == machine);
	}
	return named == 1 && others == 0;
}
