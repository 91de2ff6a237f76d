// SPDX-License-Identifier: BSD-2-Clause
// Storms of signals whose handler calls dlsym and dlerror, over threads that do the same.
#include "stress.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS 2
#define NAMES   6
#define WARM_UP 600

/*
 * Only look-ups that succeed and that are warm: libc's failing ones allocate, and even its good
 * ones deadlock where the signal arrives between the taking of the loader's lock and the note of
 * its owner. Hence this hangs under stock libc sooner or later, and must not where hits take no
 * lock.
 */
static const char *const names[NAMES] = {"strtol", "qsort", "getenv", "abort", "bsearch", "atoi"};
static void *truth[NAMES];
static void *libc, *self;
static atomic_ulong wrong, handled, looked;
static atomic_int stop, warm;

static void
check(unsigned int turn)
{
	unsigned int i = turn % NAMES;

	if (dlsym(turn % 3 ? libc : self, names[i]) != truth[i])
		stress_wrong(&wrong, "another %s", names[i]);
}

static void
handler(int signal_number)
{
	int number = errno;
	unsigned int i;

	(void)signal_number;
	for (i = 0; i < NAMES; i++)
		check(i + (unsigned int)atomic_load(&handled));
	if (dlerror())
		stress_wrong(&wrong, "%s", "an error nobody made");
	atomic_fetch_add(&handled, 1);
	errno = number;
}

static void *
looker(void *unused)
{
	unsigned int turn = 0;

	(void)unused;
	while (turn < WARM_UP)
		check(turn++);
	atomic_fetch_add(&warm, 1);
	while (!atomic_load(&stop)) {
		int number;

		errno = 1234;
		check(turn++);
		number = errno;
		if (number != 1234)
			stress_wrong(&wrong, "errno became %d", number);
		if (turn % 64 == 0)
			atomic_fetch_add(&looked, 64);
	}
	return NULL;
}

static void
storm(pthread_t *threads)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct itimerval every = {{0, 500}, {0, 500}};
	int i;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	while (stress_goes_on(looked && handled >= 100)) {
		for (i = 0; i < THREADS; i++)
			pthread_kill(threads[i], SIGUSR1);
		usleep(100);
	}
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_PROF, &every, NULL);
}

int
main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int i;

	stress_begin(argc, argv, 2);
	libc = dlopen("libc.so.6", RTLD_LAZY);
	self = dlopen(NULL, RTLD_LAZY);
	for (i = 0; i < NAMES; i++)
		truth[i] = dlsym(libc, names[i]);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, looker, NULL);
	for (i = 0; i < WARM_UP; i++)
		check((unsigned int)i);
	while (atomic_load(&warm) < THREADS)
		usleep(1000);
	storm(threads);
	atomic_store(&stop, 1);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr, "signals: %lu look-ups, %lu handlers\n", looked, handled);
	if (!looked || handled < 100)
		stress_wrong(&wrong, "%s", "no storm");
	return stress_end(wrong);
}
