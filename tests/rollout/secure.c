// SPDX-License-Identifier: BSD-2-Clause
// secure.c: a small program that may be started with more rights than its user has; says what it sees.
//
// secure NAME: is an object whose path ends with NAME mapped? Then the dl* functions, their answers as
// libc gives them.
#include <dlfcn.h>
#include <dirent.h>
#include <execinfo.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static int
find(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = arg, *path = info->dlpi_name;
	size_t n = strlen(name), all = strlen(path);

	(void)size;
	return all >= n && strcmp(path + all - n, name) == 0;
}

static int
threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2;

	while (d != NULL && readdir(d) != NULL)
		n++;
	return n;
}

int
main(int argc, char **argv)
{
	void *frame = (void *)(size_t)&qsort, *h;
	Dl_info info;
	char **lines;

	if (argc < 2)
		return 2;
	printf("mapped %d\nsecure %lu, uids %u %u, threads %d\n", dl_iterate_phdr(find, argv[1]),
	       getauxval(AT_SECURE), getuid(), geteuid(), threads());
	for (int i = 0; i < 100; i++) {
		h = dlopen("libm.so.6", RTLD_NOW);
		if (h == NULL || dlsym(h, "cbrt") == NULL || dlsym(h, "none") != NULL ||
		    dlerror() == NULL || dlsym(RTLD_DEFAULT, "getenv") == NULL || dlclose(h) != 0)
			return 3;
	}
	lines = backtrace_symbols(&frame, 1);
	if (lines == NULL || !dladdr(frame, &info))
		return 4;
	printf("%s %s\n", info.dli_sname, dlsym(RTLD_NEXT, "no_such") == NULL ? dlerror() : "?");
	return 0;
}
