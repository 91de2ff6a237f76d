// SPDX-License-Identifier: BSD-2-Clause
// first.c: what the library prepares at the first call that needs it (entry/prepare.h): nothing is made
// before, and whoever calls first gets libc's answer, and a process that is served from then on.
//
// first PLUGIN     under the library. Each case runs in children of a process that has made no call.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symfast.h"

#pragma weak symfast_counter
#pragma weak symfast_state

#define THREADS 4
#define ROUNDS  60
#define CALLS   300

static const char *plugin;
static pthread_barrier_t together;

/*
 * Before glibc 2.34 the place of libdl's error is found by its first call, unless other threads make theirs at the same
 * moment: then each answer clears libc's error first, and comes from the shared map.
 */
static uint64_t
answered(void)
{
	uint64_t hits = 0, shared = 0;

	symfast_counter("dlsym.hit", &hits);
#if !__GLIBC_PREREQ(2, 34)
	symfast_counter("dlsym.shared", &shared);
#endif
	return hits + shared;
}

static bool
is_served(void)
{
	uint64_t before, after;

	before = answered();
	for (int i = 0; i < CALLS; i++)
		if (dlsym(dlopen(NULL, RTLD_NOW), "getenv") == NULL)
			return false;
	after = answered();
	return after > before && !strcmp(symfast_state(), "on");
}

static void *
open_and_ask(void *arg)
{
	const bool global = *(const int *)arg == 0;
	void *handle, *wanted = NULL;

	pthread_barrier_wait(&together);
	handle = dlopen(plugin, RTLD_NOW | (global ? RTLD_GLOBAL : 0));
	for (int i = 0; handle != NULL && i < CALLS; i++) {
		void *got = dlsym(handle, "truth_value");

		dlsym(RTLD_DEFAULT, "truth_value");
		if (got == NULL || (wanted != NULL && got != wanted))
			return NULL;
		wanted = got;
	}
	return wanted;
}

/* All at once; one loads into the global scope, where the others have just found nothing. */
static bool
threads(void)
{
	pthread_t thread[THREADS];
	int number[THREADS];
	void *first = NULL, *got;
	bool good = true;

	pthread_barrier_init(&together, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		if (pthread_create(&thread[i], NULL, open_and_ask, &number[i]) != 0)
			return false;
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &got);
		good &= got != NULL && (first == NULL || got == first);
		first = got;
	}
	return good && dlsym(RTLD_DEFAULT, "truth_value") == first && is_served();
}

static void *volatile in_handler;

static void
handle_signal(int number)
{
	(void)number;
	in_handler = dlsym(RTLD_DEFAULT, "getenv");
}

static bool
handler(void)
{
	signal(SIGUSR1, handle_signal);
	raise(SIGUSR1);
	return in_handler != NULL && is_served();
}

/* It would prepare for its parent, under its own number. */
static bool
child_of_vfork(void)
{
	int status = 1;
	pid_t pid = vfork();

	if (pid == 0)
		_exit(dlsym(RTLD_DEFAULT, "getenv") == NULL || strcmp(symfast_state(), "ready"));
	return waitpid(pid, &status, 0) == pid && status == 0 && is_served();
}

/* Of its own, and so are its parent's later. */
static bool
child_of_fork(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(!is_served());
	return waitpid(pid, &status, 0) == pid && status == 0 && is_served();
}

/* Mappings of the map's size. */
static int
maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512];
	int n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from >= 16u << 20;
	if (f != NULL)
		fclose(f);
	return n;
}

static bool
nothing_before(void)
{
	int before = maps();

	return is_served() && maps() == before + 1;
}

static int
failed(const char *name, bool (*test)(void), int rounds)
{
	int bad = 0, status;

	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(100);
			_exit(!test());
		}
		bad += waitpid(pid, &status, 0) != pid || status != 0;
	}
	printf("%s: %d of %d wrong\n", name, bad, rounds);
	return bad;
}

int
main(int argc, char **argv)
{
	int bad;

	if (argc != 2 || symfast_counter == NULL) {
		fprintf(stderr, "usage: first PLUGIN, under the library\n");
		return 2;
	}
	plugin = argv[1];
	bad = failed("nothing before", nothing_before, 1);
	bad += failed("threads", threads, ROUNDS);
	bad += failed("handler", handler, 3);
	bad += failed("vfork", child_of_vfork, 3);
	bad += failed("fork", child_of_fork, 3);
	return bad != 0;
}
