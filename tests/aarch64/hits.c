// SPDX-License-Identifier: BSD-2-Clause
// hits.c: so many calls of one kind, for budget.py to count their instructions: hits KIND CALLS.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW), *handle = libc;
	const char *name = "pthread_attr_setstacksize";
	unsigned long left = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;

	if (argc < 3 || libc == NULL)
		return EXIT_FAILURE;
	if (strcmp(argv[1], "default") == 0)
		handle = RTLD_DEFAULT;
	for (; left > 0; left--)
		if (dlsym(handle, name) == (void *)main)
			puts("found main");
	return EXIT_SUCCESS;
}
