// SPDX-License-Identifier: BSD-2-Clause
// paths.c: see paths.h.
#include "paths.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "cache.h"
#include "identity.h"

#define PATHS_MOST 32
#define PATHS_MAX  256
#define PATHS_ROOM 65536 /* for libc's list of folders */

struct paths_request {
	sf_retain_folders used; /* slots of folders that must stay */
	uint64_t before;
};

struct paths_folder {
	char path[PATHS_MAX]; /* empty: the slot is free */
	struct sf_retain_identity identity;
	bool exists;
	bool changed; /* since it was first asked about: what was found then may not be found now */
	bool looked;  /* it is known what is below it for kinds of CPU: */
	sf_retain_folders below;
};

SF_LARGE static struct paths_folder paths_known[PATHS_MOST];

static void
paths_look(struct paths_folder *f)
{
	f->exists = sf_retain_identity_stat(f->path, &f->identity);
}

static struct paths_folder *
paths_find(const char *path)
{
	for (unsigned int i = 0; i < PATHS_MOST; i++)
		if (!paths_known[i].changed && sf_bytes_same(paths_known[i].path, path))
			return &paths_known[i];
	return NULL;
}

static struct paths_folder *
paths_free(sf_retain_folders used)
{
	return ~used != 0 ? &paths_known[__builtin_ctz(~used)] : NULL;
}

/* One that was asked about before is taken as it was then: if it has changed since, that is found out. */
static bool
paths_add(const char *path, struct paths_request *r, sf_retain_folders *to)
{
	struct paths_folder *f = paths_find(path);
	size_t n = sf_bytes_length(path, PATHS_MAX);

	if (f == NULL) {
		f = paths_free(r->used);
		if (f == NULL || n == PATHS_MAX)
			return false;
		for (unsigned int i = 0; i < PATHS_MOST; i++)
			paths_known[i].looked = false; /* the slot may have been below one */
		*f = (struct paths_folder){.changed = false};
		*sf_bytes_put(f->path, path, n) = '\0';
		paths_look(f);
		if (f->exists && !sf_retain_identity_settled(&f->identity, r->before)) {
			f->path[0] = '\0';
			return false;
		}
	}
	*to |= 1u << (f - paths_known);
	r->used |= 1u << (f - paths_known);
	return true;
}

/* Folders that libc searches before the one that they are in: of newer releases, and of older ones. */
#ifdef __x86_64__
#define PATHS_HWCAPS                                                                               \
	"/glibc-hwcaps\0/glibc-hwcaps/x86-64-v2\0/glibc-hwcaps/x86-64-v3\0"                        \
	"/glibc-hwcaps/x86-64-v4\0"
#define PATHS_HWCAPS_COUNT 4
#define PATHS_OLDER        "/tls\0/haswell\0/xeon_phi\0/avx512_1\0/x86_64\0/atomics\0"
#else
#define PATHS_HWCAPS       "/glibc-hwcaps\0" /* glibc names none below it */
#define PATHS_HWCAPS_COUNT 1
#define PATHS_OLDER        "/tls\0/aarch64\0/atomics\0"
#endif

/*
 * libc looks into these before the folder itself. A folder that is not there now can only come with a change of the one
 * above it. The older names (before glibc 2.37) may be combined, and are rare: false.
 */
static bool
paths_look_below(const char *path, struct paths_request *r, sf_retain_folders *to)
{
	static const char below[] = PATHS_HWCAPS PATHS_OLDER;
	size_t n = sf_bytes_length(path, PATHS_MAX);
	struct sf_retain_identity id;
	char full[PATHS_MAX];
	int i = 0;

	for (const char *b = below; *b != '\0'; b += sf_bytes_length(b, PATHS_MAX) + 1, i++) {
		if (n + sf_bytes_length(b, PATHS_MAX) >= PATHS_MAX)
			return false;
		sf_bytes_cut(sf_bytes_put(full, path, n), b, PATHS_MAX - n);
		if (!sf_retain_identity_stat(full, &id) || !id.folder)
			continue;
		if (i >= PATHS_HWCAPS_COUNT || !paths_add(full, r, to))
			return false;
	}
	return true;
}

static bool
paths_changed(sf_retain_folders folders)
{
	for (; folders != 0; folders &= folders - 1)
		if (paths_known[__builtin_ctz(folders)].changed)
			return true;
	return false;
}

/* Of a folder that was just added. Asked once for each: a group may have many members, and they search the same folders. */
static bool
paths_add_for_cpu(const char *path, struct paths_request *r, sf_retain_folders *to)
{
	struct paths_folder *f = paths_find(path);
	sf_retain_folders below = 0;

	if (f == NULL)
		return false;
	if (!f->looked || paths_changed(f->below)) {
		if (!paths_look_below(path, r, &below))
			return false;
		f->below = below;
		f->looked = true;
	}
	*to |= f->below;
	r->used |= f->below;
	return true;
}

static bool
paths_is(const Dl_serinfo *list, unsigned int from_end, const char *path)
{
	return list->dls_cnt >= from_end &&
	       sf_bytes_same(list->dls_serpath[list->dls_cnt - from_end].dls_name, path);
}

/*
 * How many at the end are the system's own, which libc searches after ld.so.cache? As Debian and as Red Hat have them;
 * 0: others, which are taken for folders of the program.
 */
static unsigned int
paths_of_system(const Dl_serinfo *list)
{
	const char *usr;

	if (paths_is(list, 1, "/usr/lib64") && paths_is(list, 2, "/lib64"))
		return 2;
	if (list->dls_cnt < 4 || !paths_is(list, 1, "/usr/lib") || !paths_is(list, 2, "/lib"))
		return 0;
	usr = list->dls_serpath[list->dls_cnt - 3].dls_name;
	return sf_bytes_length(usr, 5) == 5 && paths_is(list, 3, usr) &&
			       paths_is(list, 4, usr + 4) && usr[1] == 'u' && usr[4] == '/' &&
			       usr[5] == 'l' && usr[6] == 'i' && usr[7] == 'b' && usr[8] == '/'
		       ? 4
		       : 0;
}

static bool
paths_add_all(struct link_map *map, Dl_serinfo *list, struct paths_request *r,
	      struct sf_retain_search *s)
{
	sf_retain_folders last = 0;
	unsigned int first;

	if (sf_next.dlinfo(map, RTLD_DI_SERINFOSIZE, list) != 0 || list->dls_size > PATHS_ROOM ||
	    sf_next.dlinfo(map, RTLD_DI_SERINFO, list) != 0)
		return false;
	first = list->dls_cnt - paths_of_system(list);
	for (unsigned int i = 0; i < list->dls_cnt; i++) {
		sf_retain_folders *to = i < first ? &s->folders : &last;

		if (!paths_add(list->dls_serpath[i].dls_name, r, to) ||
		    !paths_add_for_cpu(list->dls_serpath[i].dls_name, r, to))
			return false;
	}
	s->last |= last;
	return paths_add(SF_RETAIN_CACHE_FILE, r, &s->folders);
}

bool
sf_retain_paths_of(struct link_map *map, uint64_t before, sf_retain_folders used,
		   struct sf_retain_search *search)
{
	struct paths_request r = {.used = used, .before = before};
	Dl_serinfo *list = sf_sys_map(PATHS_ROOM);
	struct sf_facts_error saved;
	bool good;

	if (list == NULL)
		return false;
	saved = sf_facts_error_save();
	good = paths_add_all(map, list, &r, search);
	sf_facts_error_restore(saved);
	sf_sys_unmap(list, PATHS_ROOM);
	return good;
}

bool
sf_retain_paths_same(sf_retain_folders folders)
{
	for (; folders != 0; folders &= folders - 1) {
		struct paths_folder *f = &paths_known[__builtin_ctz(folders)];
		struct paths_folder now = *f;

		if (f->changed)
			return false;
		paths_look(&now);
		f->changed = f->exists != now.exists ||
			     (f->exists && !sf_retain_identity_same(&f->identity, &now.identity));
		if (f->changed)
			return false;
	}
	return true;
}
