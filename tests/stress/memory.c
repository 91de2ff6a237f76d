// SPDX-License-Identifier: BSD-2-Clause
// Endless distinct names, found and not, short and long, from several threads: memory stays
// bounded.
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NAMES   300000
#define THREADS 3
#define WARM_UP 20000
#define LIMIT   20000 /* KiB: 16 MiB of shared map, 64 KiB per thread, and something over */

static atomic_ulong wrong;
static void *libc;

static void
ask(unsigned long number, int thread)
{
	char name[512];
	const char *error;
	int n = snprintf(name, sizeof(name), "unique_%d_%lu_", thread, number);

	if (number % 3 == 0) {
		memset(name + n, 'x', 100 + number % 300);
		name[n + 100 + (int)(number % 300)] = '\0';
	}
	/* A second and a third time, so that it is worth keeping. */
	if (dlsym(libc, name) || dlsym(libc, name) || dlsym(libc, name))
		stress_wrong(&wrong, "%s is there", name);
	error = dlerror();
	if (!error || !strstr(error, name))
		stress_wrong(&wrong, "text %s", error ? error : "NULL");
}

static void *
ask_all(void *argument)
{
	unsigned long i;

	for (i = 0; i < NAMES; i++)
		ask(WARM_UP + i, (int)(intptr_t)argument);
	return NULL;
}

int
main(void)
{
	pthread_t threads[THREADS];
	long before, after;
	unsigned long i;

	libc = dlopen("libc.so.6", RTLD_LAZY);
	before = stress_resident();
	for (i = 0; i < WARM_UP; i++)
		ask(i, 0);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask_all, (void *)(intptr_t)(i + 1));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	after = stress_resident();
	fprintf(stderr, "memory: %ld KiB, then %ld KiB\n", before, after);
	if (after - before > LIMIT)
		stress_wrong(&wrong, "memory grows from %ld to %ld KiB", before, after);
	return stress_end(wrong);
}
