// SPDX-License-Identifier: BSD-2-Clause
// prefork.c: a child of fork is served as a process that was started: what it opens itself is elided as
// often (CONTRACT 54b), also if another thread of its parent was in the middle of a load.
//
// prefork PLUGIN OTHER     under the library
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symfast.h"

#define PAIRS 1000
#define TRIES 20

static const char *plugin, *other;
static int stop;

/* Elided dlopens of so many; held open meanwhile. */
static uint64_t
pairs(void)
{
	int (*counter)(const char *, uint64_t *) =
		(int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "symfast_counter");
	void *held = dlopen(plugin, RTLD_NOW);
	uint64_t before, after;

	if (counter == NULL || held == NULL || counter("dlopen.hit", &before) != 0)
		return 0;
	for (int i = 0; i < PAIRS; i++)
		dlclose(dlopen(plugin, RTLD_NOW));
	dlclose(held);
	return counter("dlopen.hit", &after) == 0 ? after - before : 0;
}

static uint64_t
in_child(unsigned int patience)
{
	uint64_t hits = 0;
	int channel[2], status = 1;
	pid_t child;

	if (pipe(channel) != 0)
		return 0;
	child = fork();
	if (child == 0) {
		alarm(patience); /* a fork beside loads may leave libc's locks taken: stock, too */
		hits = pairs();
		_exit(write(channel[1], &hits, sizeof(hits)) != sizeof(hits));
	}
	close(channel[1]);
	if (read(channel[0], &hits, sizeof(hits)) != sizeof(hits))
		hits = UINT64_MAX;
	close(channel[0]);
	waitpid(child, &status, 0);
	return hits;
}

static void *
load_and_unload(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		dlclose(dlopen(other, RTLD_NOW));
	return arg;
}

int
main(int argc, char **argv)
{
	uint64_t child, beside, parent;
	pthread_t loader;
	int good = 0;

	if (argc != 3)
		return EXIT_FAILURE;
	plugin = argv[1];
	other = argv[2];
	child = in_child(200);
	pthread_create(&loader, NULL, load_and_unload, NULL);
	for (int i = 0; i < TRIES && good < 3; i++) {
		usleep(2000);
		beside = in_child(10);
		good += beside == child;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(loader, NULL);
	parent = pairs();
	printf("of %d dlopens elided: child %llu, parent %llu; %d of 20 children beside a load as "
	       "well\n",
	       PAIRS, (unsigned long long)child, (unsigned long long)parent, good);
	return child == parent && child > PAIRS - 10 && good >= 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
