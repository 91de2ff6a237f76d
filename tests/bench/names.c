// SPDX-License-Identifier: BSD-2-Clause
// Reads the dynamic symbols of an object's file; the bench trusts the files that it measures with.
#include <dlfcn.h>
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "names.h"

/* The sections of one mapped file that names come from. */
struct table {
	const char *file;
	const ElfW(Shdr) * sections;
	const ElfW(Sym) * syms;
	size_t nsyms;
	const char *strings;
	const ElfW(Half) * versions; /* NULL: an object without versions */
	const char *definitions;
	size_t ndefinitions;
	const char *definition_strings;
};

static const char *
map_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return p;
}

static void
table_read(struct table *t, const char *path)
{
	const ElfW(Ehdr) * head;

	memset(t, 0, sizeof(*t));
	t->file = map_file(path);
	head = (const void *)t->file;
	t->sections = (const void *)(t->file + head->e_shoff);
	for (unsigned i = 0; i < head->e_shnum; i++) {
		const ElfW(Shdr) *s = &t->sections[i];
		const char *body = t->file + s->sh_offset;

		if (s->sh_type == SHT_DYNSYM) {
			t->syms = (const void *)body;
			t->nsyms = s->sh_size / sizeof(*t->syms);
			t->strings = t->file + t->sections[s->sh_link].sh_offset;
		} else if (s->sh_type == SHT_GNU_versym) {
			t->versions = (const void *)body;
		} else if (s->sh_type == SHT_GNU_verdef) {
			t->definitions = body;
			t->ndefinitions = s->sh_info;
			t->definition_strings = t->file + t->sections[s->sh_link].sh_offset;
		}
	}
	if (!t->syms)
		errx(1, "%s: no dynamic symbols", path);
}

static const char *
version_name(const struct table *t, size_t symbol)
{
	const char *at = t->definitions;

	if (!t->versions || !at)
		return NULL;
	for (size_t i = 0; i < t->ndefinitions; i++) {
		const ElfW(Verdef) *def = (const void *)at;
		const ElfW(Verdaux) *aux = (const void *)(at + def->vd_aux);

		if (def->vd_ndx == t->versions[symbol])
			return t->definition_strings + aux->vda_name;
		at += def->vd_next;
	}
	return NULL;
}

/*
 * Names that a preloaded library may rightly define itself are no use: the answer under the
 * default scope would differ, and rightly so. A leading underscore is libc's own business.
 */
static bool
is_plain_name(const char *name)
{
	static const char *const taken[] = {"dl", "backtrace", "realpath", "_"};

	for (unsigned i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (!strncmp(name, taken[i], strlen(taken[i])))
			return !strncmp(name, "_Z", 2);
	return true;
}

static bool
is_defined(const ElfW(Sym) * s)
{
	return s->st_shndx != SHN_UNDEF && s->st_name;
}

static bool
is_usable(const struct table *t, size_t i)
{
	const ElfW(Sym) *s = &t->syms[i];
	unsigned bind = ELF64_ST_BIND(s->st_info);

	return is_defined(s) && s->st_shndx != SHN_ABS && s->st_value &&
	       ELF64_ST_TYPE(s->st_info) == STT_FUNC && (bind == STB_GLOBAL || bind == STB_WEAK) &&
	       ELF64_ST_VISIBILITY(s->st_other) == STV_DEFAULT &&
	       !(t->versions && t->versions[i] & 0x8000) && is_plain_name(t->strings + s->st_name);
}

/*
 * Before glibc 2.34 libpthread has some of libc's names, too, and comes first in the default scope; RTLD_NEXT finds those
 * that it has under an older version alone.
 */
static bool
is_overtaken(const char *name, const void *want)
{
#if __GLIBC_PREREQ(2, 34)
	(void)name;
	(void)want;
	return false;
#else
	static void *threads;
	const void *older;

	if (threads == NULL)
		threads = dlopen("libpthread.so.0", RTLD_NOW | RTLD_NOLOAD);
	if (threads == NULL)
		return false;
	older = dlvsym(threads, name, "GLIBC_2.2.5");
	return dlsym(threads, name) != want || (older != NULL && older != want);
#endif
}

struct entry {
	const char *name;
	size_t symbol;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* All usable names that have exactly one definition, sorted; returns how many. */
static size_t
candidates(const struct table *t, uintptr_t bias, bool of_libc, struct entry **out)
{
	struct entry *all = calloc(t->nsyms, sizeof(*all));
	size_t n = 0, kept = 0;

	if (!all)
		err(1, "names");
	for (size_t i = 0; i < t->nsyms; i++)
		if (is_defined(&t->syms[i]))
			all[n++] = (struct entry){t->strings + t->syms[i].st_name, i};
	qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i && !by_name(&all[i], &all[i - 1]))
			continue;
		if (i + 1 < n && !by_name(&all[i], &all[i + 1]))
			continue;
		if (is_usable(t, all[i].symbol) &&
		    !(of_libc &&
		      is_overtaken(all[i].name, (void *)(bias + t->syms[all[i].symbol].st_value))))
			all[kept++] = all[i];
	}
	*out = all;
	return kept;
}

/* Appends `count` names of the object, evenly spread over all that it offers. */
static void
append(struct bench_set *set, const char *object, unsigned count)
{
	void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
	struct link_map *map;
	struct entry *all;
	struct table t;
	size_t n;

	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map))
		errx(1, "%s", dlerror());
	table_read(&t, map->l_name);
	n = candidates(&t, map->l_addr, !strcmp(object, "libc.so.6"), &all);
	if (n < count)
		errx(1, "%s offers %zu names, %u are needed", object, n, count);
	for (unsigned i = 0; i < count; i++) {
		const struct entry *e = &all[i * n / count];
		struct bench_item *it = &set->items[set->count++];

		it->handle = handle;
		it->name = strdup(e->name);
		it->version = version_name(&t, e->symbol);
		it->want = (void *)(map->l_addr + t.syms[e->symbol].st_value);
	}
	free(all);
}

/* The same order in every run, so that stock and preloaded walk the same way. */
static void
shuffle(struct bench_set *set)
{
	uint64_t seed = 0x2545f4914f6cdd1d;

	for (unsigned i = set->count; i > 1; i--) {
		struct bench_item swap = set->items[i - 1];
		unsigned j;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		j = (unsigned)((seed >> 33) % i);
		set->items[i - 1] = set->items[j];
		set->items[j] = swap;
	}
}

void
bench_set_read(struct bench_set *set, const struct bench_options *o)
{
	set->count = 0;
	set->items = calloc(o->names, sizeof(*set->items));
	if (!set->items)
		err(1, "names");
	if (!strcmp(o->set, "mixed")) {
		append(set, "libm.so.6", o->names / 2);
		append(set, "libc.so.6", o->names - o->names / 2);
	} else {
		append(set, !strcmp(o->set, "libc") ? "libc.so.6" : o->set, o->names);
	}
	shuffle(set);
}
