// SPDX-License-Identifier: BSD-2-Clause
// A host for neighbours.py: look-ups, loads, threads and errors beside another interposing library.
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  300

static atomic_ulong wrong;

static void
check(int id, void *handle)
{
	union {
		void *value;
		int (*call)(void);
	} found = {dlsym(handle, "churn_id")};
	const char *error;

	if (!found.value || found.call() != id)
		stress_wrong(&wrong, "object %d", id);
	if (dlsym(handle, "no_such_name_neighbour"))
		stress_wrong(&wrong, "%s", "found what is not there");
	error = dlerror();
	if (!error || !strstr(error, "no_such_name_neighbour"))
		stress_wrong(&wrong, "text %s", error ? error : "NULL");
}

static void *
work(void *argument)
{
	int round, first = 10 + 4 * (int)(intptr_t)argument;
	char path[STRESS_PATH];

	for (round = 0; round < ROUNDS; round++) {
		int id = first + round % 4, i;
		char *memory = malloc((size_t)(100 + round * 17));
		void *handle;

		snprintf(path, sizeof(path), "%s/churn%d.so", SF_LAB, id);
		handle = dlopen(path, RTLD_LAZY);
		for (i = 0; i < 40; i++)
			check(id, handle);
		if (!handle || dlclose(handle))
			stress_wrong(&wrong, "close %d", id);
		memset(memory, round, 100);
		free(memory);
	}
	return NULL;
}

/* Is the shim mapped? Told by the argument, so that a run without it says the same. */
static void
tell_mapped(const char *library)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[8192];
	int mapped = 0;

	while (maps && fgets(line, sizeof(line), maps))
		mapped |= strstr(line, library) != NULL;
	if (maps)
		fclose(maps);
	printf("%s\n", mapped ? "mapped" : "not mapped");
}

/* For the sanitizer: a mistake that its report must still find. */
static int
overflow(int argc)
{
	volatile char *memory = malloc(8);
	volatile int past = 7 + argc; /* the compiler is not to see it, and to warn */

	memory[past] = 1;
	return memory[past];
}

int
main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int i;

	if (argc > 2 && strcmp(argv[1], "mapped") == 0)
		tell_mapped(argv[2]);
	else if (argc > 1 && strcmp(argv[1], "overflow") == 0)
		return overflow(argc);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return stress_end(wrong);
}
