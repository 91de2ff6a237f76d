// SPDX-License-Identifier: BSD-2-Clause
// dlopen and dlclose of an object that stays open, alone or behind a folder full of other objects.
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "work.h"

static const char *path;
static void *opened;

static void *
state_new(unsigned thread)
{
	(void)thread;
	return NULL;
}

BENCH_INLINE unsigned
reopen_call(void *state)
{
	void *handle = dlopen(path, RTLD_NOW);

	(void)state;
	return handle != opened || dlclose(handle) != 0;
}

BENCH_LOOPS(reopen)

/* They stay loaded, and lie before the measured object on libc's list. */
static void
load_others(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	unsigned n = 0;

	if (!dir)
		err(1, "%s", folder);
	while ((e = readdir(dir))) {
		char *object;

		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&object, "%s/%s", folder, e->d_name) < 0)
			err(1, "name");
		if (!dlopen(object, RTLD_NOW))
			errx(1, "%s", dlerror());
		free(object);
		n++;
	}
	closedir(dir);
	bench_print("others", "objects", n);
}

int
main(int argc, char **argv)
{
	static const struct bench_work work = {state_new, reopen_batch, reopen_timed, 0};
	struct bench_options o;

	bench_options_read(&o, argc, argv);
	if (o.others)
		load_others(o.others);
	path = o.object;
	opened = dlopen(path, RTLD_NOW);
	if (!opened)
		errx(1, "%s", dlerror());
	bench_crew_run(&o, &work);
	if (dlclose(opened) || dlopen(path, RTLD_NOW | RTLD_NOLOAD))
		errx(1, "WRONG ANSWERS: the last dlclose did not unload %s", path);
	return 0;
}
