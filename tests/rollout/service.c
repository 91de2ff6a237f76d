// SPDX-License-Identifier: BSD-2-Clause
// service.c: a service whose threads answer requests by look-ups, and count what goes wrong.
//
// service PLUGIN THREADS          until standard input ends; then one line: requests, wrong ones
// A request: open the plugin, look up a function and call it, another one, one by version, one that is
// missing, and its error; close the plugin. One thread in two keeps the plugin open all the time. Each thread
// answers LEAST requests, however early the end comes.
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEAST 101

static const char *plugin;
static atomic_ulong requests, wrong;
static atomic_int stop;
static int alive[2]; /* a pipe: its writing end is closed when this process ends */

static void
call(void *handle, const char *name, int want)
{
	union {
		void *value;
		int (*call)(void);
	} f = {dlsym(handle, name)};

	if (!f.value || f.call() != want)
		atomic_fetch_add(&wrong, 1);
}

static void
request(unsigned int number)
{
	void *handle = dlopen(plugin, RTLD_NOW);
	const char *error;

	if (!handle) {
		atomic_fetch_add(&wrong, 1);
		return;
	}
	for (int i = 0; i < 20; i++)
		call(handle, "truth_value", 41);
	call(handle, "lie_value", 42);
	/* An object without versions takes any. */
	if (dlvsym(handle, "truth_value", "ANY_1.0") != dlsym(handle, "truth_value"))
		atomic_fetch_add(&wrong, 1);
	if (dlsym(handle, "no_such_value"))
		atomic_fetch_add(&wrong, 1);
	error = dlerror();
	if (!error || !strstr(error, "no_such_value"))
		atomic_fetch_add(&wrong, 1);
	if (number % 64 == 0)
		usleep(100);
	if (dlclose(handle))
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&requests, 1);
}

static void *
serve(void *arg)
{
	void *kept = arg ? dlopen(plugin, RTLD_NOW) : NULL;

	for (unsigned int i = 0; i < LEAST || !atomic_load(&stop); i++)
		request(i);
	if (kept)
		dlclose(kept);
	return NULL;
}

/*
 * Commands on standard input: "f" forks a child that serves for a while, says how it went, and stays
 * as long as its parent, so that its segment can be read.
 */
static void
fork_one(void)
{
	pid_t pid = fork();
	char c;

	if (pid == 0) {
		close(alive[1]);
		atomic_store(&requests, 0);
		for (unsigned int i = 0; i < 20000; i++)
			request(i | 1);
		printf("child %d %lu %lu\n", (int)getpid(), atomic_load(&requests),
		       atomic_load(&wrong));
		fflush(stdout);
		while (read(alive[0], &c, 1) > 0)
			continue;
		exit(atomic_load(&wrong) != 0);
	}
}

static int
parent_is_there(void)
{
	struct pollfd end = {.fd = alive[0], .events = POLLIN};

	return poll(&end, 1, 0) == 0;
}

/* "i" forks a child that makes no call until SIGUSR1 comes, then serves as long as its parent. */
static void
idle_one(const sigset_t *wake)
{
	int number;

	if (fork() != 0)
		return;
	close(alive[1]);
	printf("idle %d\n", (int)getpid());
	fflush(stdout);
	sigwait(wake, &number);
	while (parent_is_there())
		for (int i = 0; i < 64; i++)
			request(1);
	exit(atomic_load(&wrong) != 0);
}

int
main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t threads[64];
	sigset_t wake;
	void *held;
	char c;

	sigemptyset(&wake);
	sigaddset(&wake, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &wake, NULL);
	if (argc < 2 || pipe(alive) != 0)
		return EXIT_FAILURE;
	plugin = argv[1];
	/* No thread unloads it: a child forked in the middle of that hangs in libc (CONTRACT 46). */
	held = dlopen(plugin, RTLD_NOW);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, serve, i % 2 ? &threads[i] : NULL);
	while (read(0, &c, 1) == 1) {
		if (c == 'f')
			fork_one();
		else if (c == 'i')
			idle_one(&wake);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	dlclose(held);
	close(alive[1]);
	while (wait(NULL) > 0)
		continue;
	printf("requests %lu wrong %lu\n", atomic_load(&requests), atomic_load(&wrong));
	return atomic_load(&wrong) != 0;
}
