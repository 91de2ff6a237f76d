// SPDX-License-Identifier: BSD-2-Clause
// quiet.c: a process of one thread that makes calls only when it is told to, for the kill file's rule.
//
// quiet: for each line "KIND N" on standard input N calls of that kind, each answered as libc would,
// then one line: the number of right answers, and of this process's threads. "n" is a missing name.
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#define FIRST "GLIBC_2.2.5"
#else
#define FIRST "GLIBC_2.17"
#endif

static void *lib;

static int
make_call(char kind)
{
	char buffer[16] = "cbrt";
	void *frame = (void *)(size_t)&qsort;
	char **lines;
	Dl_info info;
	void *h;

	switch (kind) {
	case 's':
		return dlsym(lib, "cbrt") != NULL;
	case 'f':
		return dlsym(lib, buffer) != NULL;
	case 'v':
		return dlvsym(lib, "cbrt", FIRST) != NULL;
	case 'n':
		return dlsym(lib, "no_such_name") == NULL && dlerror() != NULL;
	case 'o':
		h = dlopen("libm.so.6", RTLD_NOW);
		return h == lib && dlclose(h) == 0;
	case 'a':
		return dladdr(frame, &info) != 0;
	default:
		lines = backtrace_symbols(&frame, 1);
		h = lines;
		free(lines);
		return h != NULL;
	}
}

static int
threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2;

	while (d != NULL && readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

int
main(void)
{
	char kind;
	long n;

	lib = dlopen("libm.so.6", RTLD_NOW);
	while (lib != NULL && scanf(" %c %ld", &kind, &n) == 2) {
		long right = 0;

		for (long i = 0; i < n; i++)
			right += make_call(kind);
		printf("%ld %d\n", right, threads());
		fflush(stdout);
	}
	return 0;
}
