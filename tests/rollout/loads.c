// SPDX-License-Identifier: BSD-2-Clause
// loads.c: opens and closes each of its arguments N times, first argument N. What has a touch() has it called.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	for (int i = 0; i < n; i++)
		for (int j = 2; j < argc; j++) {
			void *handle = dlopen(argv[j], RTLD_LAZY);
			void (*touch)(void) =
				handle != NULL ? (void (*)(void))dlsym(handle, "touch") : NULL;

			if (touch != NULL)
				touch();
			if (handle == NULL || dlclose(handle) != 0) {
				printf("%s\n", dlerror());
				return 1;
			}
		}
	return 0;
}
