// SPDX-License-Identifier: BSD-2-Clause
// unset FILE N loads|all: N times a real load and its unload; or all that retaining could meet: look-ups of each kind, too, and a
// name that is missing. And a fork.
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int
count_objects(struct dl_phdr_info *info, size_t size, void *count)
{
	(void)info;
	(void)size;
	return ++*(int *)count == 1000;
}

static int
once(const char *file, void *libm)
{
	void *later = dlopen(file, RTLD_NOW), *loaded;
	int objects = 0, found = 0;
	Dl_info info;

	if (later == NULL)
		return 1;
	found += dlsym(later, "passed_later") != NULL;
	loaded = dlopen(file, RTLD_NOW | RTLD_NOLOAD);
	found += loaded == later;
	dlclose(loaded);
	found += dlclose(later) == 0;
	found += dlopen("libm.so.6", RTLD_LAZY) == libm;
	for (int i = 0; i < 4; i++) {
		found += dlsym(libm, "cbrt") != NULL;
		found += dlvsym(libm, "cbrt", "GLIBC_2.2.5") != NULL;
		found += dlsym(RTLD_DEFAULT, "getenv") != NULL;
		found += dlsym(libm, "nobody_has_this") == NULL;
		found += dlerror() != NULL;
		found += dladdr((void *)(size_t)once, &info) != 0;
	}
	found += dlclose(libm) == 0;
	found += dlopen("/nobody/has/this.so", RTLD_NOW) == NULL;
	found += dlerror() != NULL;
	dl_iterate_phdr(count_objects, &objects);
	return found != 31;
}

static int
load(const char *file, void *libm)
{
	void *later = dlopen(file, RTLD_NOW);

	(void)libm;
	return later == NULL || dlclose(later) != 0;
}

int
main(int argc, char **argv)
{
	int n = argc == 4 ? atoi(argv[2]) : 0, bad = 0;
	int (*round)(const char *, void *) = argc == 4 && strcmp(argv[3], "all") == 0 ? once : load;
	void *libm = dlopen("libm.so.6", RTLD_LAZY);

	if (fork() == 0)
		_exit(0);
	wait(NULL);
	for (int i = 0; i < n; i++)
		bad += round(argv[1], libm);
	printf("%d of %d\n", n - bad, n);
	return bad != 0;
}
