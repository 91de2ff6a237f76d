// SPDX-License-Identifier: BSD-2-Clause
// Contract 47: a program that an auditor may watch; auditors.py links it with and without one.
#include <dlfcn.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	void *h = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int found = 0;

	for (int i = 0; h != NULL && i < 50; i++)
		found += dlsym(h, "only_alpha") != NULL;
	printf("%d found\n", found);
	return 0;
}
