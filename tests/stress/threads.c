// SPDX-License-Identifier: BSD-2-Clause
// Threads that die by the thousand, in every way, with look-ups up to their last destructor.
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOKS      80 /* enough for a thread to be given a table of its own */
#define WARM_UP    400
#define GENERATION 3000
#define AT_ONCE    8
#define GROWTH     3000 /* KiB that may come with GENERATION more threads */

extern void *__dso_handle;
extern int __cxa_thread_atexit_impl(void (*f)(void *), void *argument, void *dso);

static atomic_ulong wrong, destroyed;
static pthread_key_t early_key, late_key;
static void *libc;
static void *truth;

static void
look(const char *when)
{
	int i;

	for (i = 0; i < LOOKS; i++) {
		const char *error;

		if (dlsym(libc, "strtol") != truth)
			stress_wrong(&wrong, "%s: another strtol", when);
		if (dlsym(libc, "no_such_name_threads"))
			stress_wrong(&wrong, "%s: found what is not there", when);
		if (i % 4)
			continue;
		error = dlerror();
		if (!error || !strstr(error, "no_such_name_threads"))
			stress_wrong(&wrong, "%s: text %s", when, error ? error : "NULL");
	}
}

/* Comes back until the last of PTHREAD_DESTRUCTOR_ITERATIONS. */
static void
key_destructor(void *left)
{
	int turns = (int)(intptr_t)left;

	look("key destructor");
	atomic_fetch_add(&destroyed, 1);
	if (turns > 1)
		pthread_setspecific(turns % 2 ? early_key : late_key,
				    (void *)(intptr_t)(turns - 1));
}

static void
thread_local_destructor(void *unused)
{
	(void)unused;
	look("thread_local destructor");
	atomic_fetch_add(&destroyed, 1);
}

static void *
live_and_die(void *argument)
{
	int how = (int)(intptr_t)argument;

	pthread_setspecific(early_key, (void *)4);
	pthread_setspecific(late_key, (void *)1);
	__cxa_thread_atexit_impl(thread_local_destructor, NULL, &__dso_handle);
	if (how % 5 != 4)
		look("thread");
	dlsym(libc, "pending_at_the_end");
	if (how % 3 == 1)
		pthread_exit(NULL);
	if (how % 3 == 2) {
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
	return NULL;
}

static void
generation(int count)
{
	pthread_t threads[AT_ONCE];
	int i, n;

	while (count > 0) {
		for (n = 0; n < AT_ONCE; n++)
			if (pthread_create(&threads[n], NULL, live_and_die,
					   (void *)(intptr_t)(count + n)))
				stress_wrong(&wrong, "%s", "no thread");
		for (i = 0; i < n; i++)
			pthread_join(threads[i], NULL);
		count -= n;
	}
}

static void *
outlive_main(void *argument)
{
	pthread_join(*(pthread_t *)argument, NULL);
	look("after main's end");
	exit(stress_end(wrong));
}

int
main(void)
{
	static pthread_t main_thread;
	pthread_t last;
	long before, after;

	main_thread = pthread_self();
	pthread_key_create(&early_key, key_destructor);
	libc = dlopen("libc.so.6", RTLD_LAZY);
	truth = dlsym(libc, "strtol");
	look("main");
	pthread_key_create(&late_key, key_destructor);
	generation(WARM_UP);
	before = stress_resident();
	generation(GENERATION);
	after = stress_resident();
	fprintf(stderr, "threads: %ld KiB, then %ld KiB, %lu destructors\n", before, after,
		destroyed);
	if (after - before > GROWTH)
		stress_wrong(&wrong, "memory grows from %ld to %ld KiB", before, after);
	if (destroyed < GENERATION * 4)
		stress_wrong(&wrong, "only %lu destructors ran", destroyed);
	pthread_create(&last, NULL, outlive_main, &main_thread);
	pthread_exit(NULL);
}
