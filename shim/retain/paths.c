// SPDX-License-Identifier: BSD-2-Clause
// paths.c: see paths.h.
#include "paths.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "identity.h"

#define PATHS_MOST 32
#define PATHS_MAX  256
#define PATHS_ROOM 65536 /* for libc's list of folders */

struct paths_folder {
	char path[PATHS_MAX];
	struct sf_retain_identity identity;
	bool exists;
};

SF_LARGE static struct paths_folder paths_known[PATHS_MOST];
static unsigned int paths_count;

static void
paths_look(struct paths_folder *f)
{
	f->exists = sf_retain_identity_stat(f->path, &f->identity);
}

static bool
paths_add(const char *path, sf_retain_folders *folders)
{
	size_t n = sf_bytes_length(path, PATHS_MAX);

	for (unsigned int i = 0; i < paths_count; i++)
		if (sf_bytes_same(paths_known[i].path, path)) {
			*folders |= 1u << i;
			return true;
		}
	if (n == PATHS_MAX || paths_count == PATHS_MOST)
		return false;
	*sf_bytes_put(paths_known[paths_count].path, path, n) = '\0';
	paths_look(&paths_known[paths_count]);
	*folders |= 1u << paths_count++;
	return true;
}

static bool
paths_add_all(struct link_map *map, Dl_serinfo *list, sf_retain_folders *folders)
{
	if (sf_next.dlinfo(map, RTLD_DI_SERINFOSIZE, list) != 0 || list->dls_size > PATHS_ROOM ||
	    sf_next.dlinfo(map, RTLD_DI_SERINFO, list) != 0)
		return false;
	for (unsigned int i = 0; i < list->dls_cnt; i++)
		if (!paths_add(list->dls_serpath[i].dls_name, folders))
			return false;
	return paths_add("/etc/ld.so.cache", folders) && paths_add("/etc/ld.so.preload", folders);
}

bool
sf_retain_paths_of(struct link_map *map, sf_retain_folders *folders)
{
	Dl_serinfo *list = sf_sys_map(PATHS_ROOM);
	struct sf_facts_error saved;
	bool good;

	if (list == NULL)
		return false;
	saved = sf_facts_error_save();
	good = paths_add_all(map, list, folders);
	sf_facts_error_restore(saved);
	sf_sys_unmap(list, PATHS_ROOM);
	return good;
}

bool
sf_retain_paths_same(sf_retain_folders folders)
{
	bool same = true;

	for (; folders != 0; folders &= folders - 1) {
		struct paths_folder *f = &paths_known[__builtin_ctz(folders)];
		struct paths_folder was = *f;

		paths_look(f);
		same = same && f->exists == was.exists &&
		       (!f->exists || sf_retain_identity_same(&f->identity, &was.identity));
	}
	return same;
}
