// SPDX-License-Identifier: BSD-2-Clause
// Threads that open and close the same and different plugins; thread_local objects; constructors that take their time.
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static atomic_int wrong, begun, ended, inside;

static void
counts_begin(const char *who)
{
	(void)who;
	begun++;
	if (++inside > 1) /* constructors run under one lock */
		wrong++;
	inside--;
}
static void
counts_end(const char *who)
{
	(void)who;
	ended++;
}

/* lab() has four buffers for all threads. */
static const char *
lab_of(const char *file)
{
	static _Thread_local char path[4096];

	snprintf(path, sizeof(path), "%s/%s", SF_LAB, file);
	return path;
}

static const char *const plugins[] = {"alpha", "beta", "gamma", "left"};

static void *
churns(void *arg)
{
	intptr_t own = (intptr_t)arg;

	for (int i = 0; i < 300; i++) {
		const char *name = plugins[own < 0 ? i / 16 % 4 : own % 4];
		char file[32], symbol[32];
		int (*add)(int);
		void *h;

		snprintf(file, sizeof(file), "%s.so", name);
		snprintf(symbol, sizeof(symbol), "%s_add", name);
		h = dlopen(lab_of(file), RTLD_NOW);
		add = h ? (int (*)(int))dlsym(h, symbol) : NULL;
		if (!add ||
		    add(0) % 10 !=
			    (strcmp(name, "alpha") == 0 || strcmp(name, "left") == 0 ? 7 : 0))
			wrong++;
		if (h && dlclose(h) != 0)
			wrong++;
	}
	return NULL;
}

static void
churn(int n, bool same)
{
	pthread_t threads[8];

	host_quiet = true;
	host_on_begin = counts_begin;
	host_on_end = counts_end;
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, churns, (void *)(intptr_t)(same ? -1 : i));
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	host_on_begin = host_on_end = NULL;
	host_quiet = false;
	say("wrong %d, as many ends as begins %d", wrong, begun == ended && begun > 0);
	host_loaded("alpha.so");
	host_loaded("base.so");
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 4; k++)
			host_cycle(plugins[k], 1);
}
static void
two_same(void)
{
	churn(2, true);
}
static void
eight_same(void)
{
	churn(8, true);
}
static void
two_own(void)
{
	churn(2, false);
}
static void
eight_own(void)
{
	churn(8, false);
}

static atomic_int stage, waited;
static void
sleeps(const char *who)
{
	struct timespec t = {0, 40000000};

	if (strcmp(who, "alpha") != 0)
		return;
	stage = 1;
	nanosleep(&t, NULL);
	stage = 2;
}
static void *
opens_too(void *arg)
{
	void *h;

	(void)arg;
	while (stage == 0)
		sched_yield();
	h = dlopen(lab_of("alpha.so"), RTLD_NOW);
	waited = stage == 2;
	dlclose(h);
	return NULL;
}
/* Nobody gets a handle whose constructors have not returned. */
static void
slow_constructor(void)
{
	for (int i = 0; i < reps; i++) {
		pthread_t thread;
		void *h;

		stage = 0;
		host_on_begin = sleeps;
		pthread_create(&thread, NULL, opens_too, NULL);
		h = host_open("alpha.so", RTLD_NOW);
		pthread_join(thread, NULL);
		say("the other one waited %d", waited);
		host_touch(h, "alpha");
		host_close(h);
	}
}

static void
touch_objects(void *h)
{
	host_touch(h, "objects");
}
/* Destructors of thread_local objects hold the plugin until the next dlclose of anything. */
static void
thread_objects(void)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("threads.so", RTLD_NOW), *other;

		in_thread(touch_objects, h);
		host_close(h);
		host_loaded("threads.so");
		h = host_open("threads.so", RTLD_NOW);
		host_touch(h, "objects");
		host_close(h);
		host_loaded("threads.so");
		other = host_open("beta.so", RTLD_NOW);
		host_close(other);
		host_loaded("threads.so");
	}
}

static void *
waits(void *arg)
{
	void **words = arg;

	((void (*)(void))words[0])();
	pthread_barrier_wait(words[1]);
	pthread_barrier_wait(words[1]);
	return NULL;
}
static void
thread_ends_later(void)
{
	for (int i = 0; i < 3; i++) {
		pthread_barrier_t barrier;
		void *h = host_open("threads.so", RTLD_NOW),
		     *words[2] = {dlsym(h, "objects_touch"), &barrier};
		pthread_t thread;

		pthread_barrier_init(&barrier, NULL, 2);
		pthread_create(&thread, NULL, waits, words);
		pthread_barrier_wait(&barrier);
		host_close(h);
		host_loaded("threads.so");
		pthread_barrier_wait(&barrier);
		pthread_join(thread, NULL);
		host_loaded("threads.so");
		host_cycle("alpha", 2);
		host_loaded("threads.so");
	}
}

const struct row rows[] = {
	{"R1 threads: two, the same plugins", two_same, 0},
	{"R1 threads: eight, the same plugins", eight_same, 0},
	{"R1 threads: two, each its own", two_own, 0},
	{"R1 threads: eight, two for each", eight_own, 0},
	{"R1 threads: a constructor that takes its time", slow_constructor, 0},
	{"R10 tls: objects of a thread (libc)", thread_objects, 0},
	{"R10 tls: objects of a thread that ends after the close (libc)", thread_ends_later, 0},
	{NULL, NULL, 0},
};
