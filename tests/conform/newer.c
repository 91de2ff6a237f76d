// SPDX-License-Identifier: BSD-2-Clause
// newer.c: frames of every kind, named by both backtrace_symbols until they come from the index; run under
// another libc by newer.py.
#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 40

static int
unnamed(int i)
{
	return i + 1;
}

static char *
at(void *p, long off)
{
	return (char *)p + off;
}

int
main(void)
{
	void *frames[] = {at(dlsym(RTLD_DEFAULT, "qsort"), 0),
			  at(dlsym(RTLD_DEFAULT, "qsort"), 3),
			  at(dlsym(RTLD_DEFAULT, "printf"), 1),
			  at((void *)unnamed, 1),
			  at((void *)main, 2),
			  frames,
			  (void *)0x10,
			  NULL};
	int n = sizeof(frames) / sizeof(*frames);

	for (int round = 0; round < ROUNDS; round++) {
		char **lines;

		backtrace_symbols_fd(frames, n, 1);
		lines = backtrace_symbols(frames, n);
		for (int i = 0; lines != NULL && i < n; i++)
			puts(lines[i]);
		free(lines);
		fflush(stdout);
	}
	return unnamed(-1);
}
