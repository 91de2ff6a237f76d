// SPDX-License-Identifier: BSD-2-Clause
// guest.c: the plugin of host.c, which looks up from its constructor and for its host.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int guest_value = 7;

__attribute__((constructor)) static void
guest_start(void)
{
	void *self = dlsym(RTLD_DEFAULT, "puts");

	printf("guest: puts is %s\n", self != NULL ? "there" : "missing");
	fflush(stdout);
}

int
guest_run(void)
{
	Dl_info info;
	void *whole = dlopen(NULL, RTLD_NOW);
	int found = whole != NULL && dlsym(whole, "printf") != NULL;

	printf("guest: %d %d\n", found, dladdr((void *)(size_t)guest_run, &info) != 0);
	return whole != NULL ? dlclose(whole) : -1;
}
