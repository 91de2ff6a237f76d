// SPDX-License-Identifier: BSD-2-Clause
// dl_iterate_phdr over a list of given length, alone or beside a thread that loads and unloads.
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "work.h"

static unsigned expected; /* objects in the list, 0: it changes */
static const char *object;
static _Atomic bool stop; /* set by main, read by the loading thread; orders nothing else */

static void *
state_new(unsigned thread)
{
	(void)thread;
	return NULL;
}

static int
count(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	++*(unsigned *)arg;
	return 0;
}

static unsigned
length(void)
{
	unsigned n = 0;

	dl_iterate_phdr(count, &n);
	return n;
}

BENCH_INLINE unsigned
walk_call(void *state)
{
	unsigned n = 0;

	(void)state;
	return dl_iterate_phdr(count, &n) != 0 || (expected && n != expected);
}

/* As an unwinder does: looks for the object that an address lies in, and stops there. */
static int
find(struct dl_phdr_info *info, size_t size, void *address)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD &&
		    (ElfW(Addr))address - info->dlpi_addr - p->p_vaddr < p->p_memsz)
			return 1;
	}
	return 0;
}

BENCH_INLINE unsigned
find_call(void *state)
{
	(void)state;
	return dl_iterate_phdr(find, (void *)strtol) != 1;
}

BENCH_LOOPS(walk)
BENCH_LOOPS(find)

static const struct bench_kind kinds[] = {BENCH_KIND(walk), BENCH_KIND(find)};

/* Loads objects of the folder until the list is so long; they stay loaded. */
static void
lengthen(const char *folder, unsigned wanted)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	char *path;

	if (!dir)
		err(1, "%s", folder);
	while (length() < wanted && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			err(1, "name");
		if (!dlopen(path, RTLD_NOW))
			errx(1, "%s", dlerror());
		free(path);
	}
	closedir(dir);
	if (length() < wanted)
		errx(1, "only %u objects", length());
}

static void *
keep_loading(void *arg)
{
	uint64_t *loads = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		void *handle = dlopen(object, RTLD_NOW);

		if (!handle || dlclose(handle))
			errx(1, "WRONG ANSWERS: %s no longer opens and closes", object);
		++*loads;
	}
	return NULL;
}

static void
run(const struct bench_options *o, const struct bench_work *work)
{
	uint64_t loads = 0, began = bench_clock_ns();
	pthread_t loader;

	if (object && pthread_create(&loader, NULL, keep_loading, &loads))
		errx(1, "no thread");
	bench_crew_run(o, work);
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	if (!object)
		return;
	pthread_join(loader, NULL);
	bench_print("loads", "/s", (double)loads * 1e9 / (double)(bench_clock_ns() - began));
}

int
main(int argc, char **argv)
{
	struct bench_options o;

	bench_options_read(&o, argc, argv);
	if (o.others)
		lengthen(o.others, o.names);
	object = o.object;
	expected = object ? 0 : length();
	bench_print("objects", "objects", length());
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, o.kind))
			continue;
		run(&o, &kinds[i].work);
		return 0;
	}
	errx(2, "no such kind: %s", o.kind);
}
