// SPDX-License-Identifier: BSD-2-Clause
// predict.c: what services do with the loader, in small: predict WORKLOAD ROUNDS LIBRARY...; see predict.py.
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES  24
#define THREADS 4

static unsigned long rounds;
static char **libraries;
static volatile uint64_t sink;

static void
stop(const char *what)
{
	const char *why = dlerror();

	fprintf(stderr, "predict: %s: %s\n", what, why != NULL ? why : "");
	exit(1);
}

static void *
opened(const char *name)
{
	void *handle = dlopen(name, RTLD_NOW);

	if (handle == NULL)
		stop(name);
	return handle;
}

static void *
looked_up(void *handle, const char *name)
{
	void *value = dlsym(handle, name);

	if (value == NULL)
		stop(name);
	return value;
}

/* What a request does besides: about half a microsecond. */
static void
work(void)
{
	uint64_t x = sink;

	for (int i = 0; i < 400; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	sink = x;
}

/* Addresses in so many functions of the large library. */
static void
find_frames(void *at[FRAMES])
{
	char *from = looked_up(opened(libraries[0]), "big_0");
	char *to = looked_up(opened(libraries[0]), "big_last");

	for (int i = 0; i < FRAMES; i++)
		at[i] = from + (to - from) / FRAMES * i + 1;
}

static void
run_dladdr(void)
{
	void *at[FRAMES];
	Dl_info info;

	find_frames(at);
	for (unsigned long n = 0; n < rounds; n++) {
		for (int i = 0; i < FRAMES; i++)
			if (!dladdr(at[i], &info))
				stop("dladdr");
		for (int i = 0; i < 800; i++)
			work();
	}
}

static void
run_backtrace(void)
{
	void *at[FRAMES];

	find_frames(at);
	for (unsigned long n = 0; n < rounds; n++) {
		char **lines = backtrace_symbols(at, FRAMES);

		if (lines == NULL)
			stop("backtrace_symbols");
		free(lines);
		for (int i = 0; i < 400; i++)
			work();
	}
}

/* One look-up and where it lies. */
static void
run_where(void)
{
	void *handle = opened(libraries[1]);
	Dl_info info;

	for (unsigned long n = 0; n < rounds; n++) {
		if (!dladdr(looked_up(handle, "truth_value"), &info))
			stop("dladdr");
		work();
	}
}

static void
run_lookups(void)
{
	static const char *const names[] = {"truth_value", "lie_value", "truth_value"};
	void *handle = opened(libraries[1]);

	for (unsigned long n = 0; n < rounds; n++) {
		for (int i = 0; i < 3; i++)
			looked_up(handle, names[i]);
		work();
		work();
	}
}

static void *
run_reopening(void *arg)
{
	for (unsigned long n = 0; n < rounds / THREADS; n++) {
		void *handle = opened(libraries[1]);

		looked_up(handle, "truth_value");
		dlclose(handle);
		for (int i = 0; i < 2; i++)
			work();
	}
	return arg;
}

static void
run_threads(void)
{
	pthread_t t[THREADS];
	void *handle = opened(libraries[1]);

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, run_reopening, NULL) != 0)
			stop("pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	dlclose(handle);
}

/* A transaction: every module is loaded, asked and unloaded. */
static void
run_churn(void)
{
	void *handle[16];
	int count = 0;

	for (unsigned long n = 0; n < rounds; n++) {
		for (count = 0; libraries[1 + count] != NULL && count < 16; count++) {
			handle[count] = opened(libraries[1 + count]);
			looked_up(handle[count], "truth_value");
		}
		while (count-- > 0)
			dlclose(handle[count]);
		for (int i = 0; i < 20; i++)
			work();
	}
}

/* A binding's: opened, one look-up, closed; nothing holds it meanwhile. */
static void
run_open(void)
{
	for (unsigned long n = 0; n < rounds; n++) {
		void *handle = opened(libraries[1]);

		looked_up(handle, "truth_value");
		dlclose(handle);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} workloads[] = {
	{"dladdr", run_dladdr},   {"backtrace", run_backtrace}, {"where", run_where},
	{"lookups", run_lookups}, {"threads", run_threads},     {"churn", run_churn},
	{"open", run_open},
};

int
main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	rounds = strtoul(argv[2], NULL, 10);
	libraries = argv + 3;
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (strcmp(workloads[i].name, argv[1]) == 0) {
			workloads[i].run();
			return 0;
		}
	return 2;
}
