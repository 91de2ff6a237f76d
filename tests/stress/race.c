// SPDX-License-Identifier: BSD-2-Clause
// race.c: threads that share nothing of their own but the library, for helgrind and drd.
//
// race LAB [planted]: planted: they share a variable, too, which the tools must find.
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define ROUNDS  80

/* Names that all threads look up, each right before what one thread writes: in the same 16 bytes. */
static struct {
	char name[8];
	long mine;
} rows[THREADS] = {{"cbrt", 0}, {"hypot", 0}, {"cbrt", 0}, {"qqq", 0}};

static void *lib;
static const char *plugin;
static int planted;
static long shared;

static void
load(void)
{
	void *h = dlopen(plugin, RTLD_NOW);

	if (h == NULL || dlsym(h, "shared_fn") == NULL || dlclose(h) != 0)
		exit(3);
}

static void
beside(int mine)
{
	for (int i = 0; i < THREADS; i++)
		if ((dlsym(lib, rows[i].name) == NULL) != (i == 3))
			exit(3);
	rows[mine].mine++;
}

static void *
look(void *arg)
{
	int me = (int)(size_t)arg;
	void *frames[2] = {(void *)(size_t)&qsort, (void *)(size_t)&puts};
	char name[16];
	Dl_info info;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), i % 2 != 0 ? "cbrt" : "hypot");
		if (dlsym(lib, "cbrt") == NULL || dlsym(lib, name) == NULL ||
		    dlsym(RTLD_DEFAULT, "getenv") == NULL || dlsym(lib, "qqq") != NULL ||
		    dlerror() == NULL || !dladdr((void *)(size_t)&qsort, &info))
			exit(3);
		if (i % 50 == 0)
			free(backtrace_symbols(frames, 2));
		if (i % 20 == 0)
			load();
		dlclose(dlopen("libm.so.6", RTLD_NOW));
		beside(me);
		if (planted)
			shared++;
	}
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t t[THREADS];

	plugin = argv[1];
	planted = argc > 2;
	lib = dlopen("libm.so.6", RTLD_NOW);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, look, (void *)(size_t)i);
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
	}
	puts("done");
	return planted && shared == 0;
}
