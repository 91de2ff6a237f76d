// SPDX-License-Identifier: BSD-2-Clause
// Look-ups beside a constructor that waits for them: under stock libc they block, hits must not.
//
// beside [--patience SECONDS]    until a look-up counts as blocked
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP  200
#define LOOKS    500
#define PATIENCE 1

#ifdef __x86_64__
#define LIBC_FIRST "GLIBC_2.2.5"
#else
#define LIBC_FIRST "GLIBC_2.17"
#endif

static sem_t go, done;
static void *libc, *self, *again;
static char plain_path[STRESS_PATH], slow_path[STRESS_PATH];
static atomic_ulong wrong;
static int patience;

const char *lab_path(const char *file);
void lab_slow_inside(void);

const char *
lab_path(const char *file)
{
	(void)file;
	return slow_path;
}

static int
by_handle(void)
{
	return dlsym(libc, "strtol") != NULL;
}

static int
by_main_handle(void)
{
	return dlsym(self, "strtol") != NULL;
}

static int
by_default(void)
{
	return dlsym(RTLD_DEFAULT, "strtol") != NULL;
}

static int
failing(void)
{
	return dlsym(libc, "no_such_name_beside") == NULL;
}

static int
failing_with_text(void)
{
	const char *error;

	dlsym(libc, "no_such_name_beside");
	error = dlerror();
	return error && strstr(error, "no_such_name_beside");
}

static int
by_version(void)
{
	return dlvsym(libc, "strtol", LIBC_FIRST) != NULL;
}

static int
opening_again(void)
{
	again = dlopen(plain_path, RTLD_LAZY);
	return again && dlclose(again) == 0;
}

static const struct kind {
	const char *name;
	int (*look)(void);
} kinds[] = {
	{"handle", by_handle},
	{"main handle", by_main_handle},
	{"DEFAULT", by_default},
	{"missing", failing},
	{"missing, with text", failing_with_text},
	{"dlvsym", by_version},
	{"dlopen and dlclose of an open object", opening_again},
};

static const struct kind *chosen;

static void *
looker(void *unused)
{
	int i;

	for (i = 0; i < WARM_UP; i++)
		if (!chosen->look())
			stress_wrong(&wrong, "%s, before", chosen->name);
	sem_post(&done);
	sem_wait(&go);
	for (i = 0; i < LOOKS; i++)
		if (!chosen->look())
			stress_wrong(&wrong, "%s, beside", chosen->name);
	sem_post(&done);
	return unused;
}

/* Called by the constructor of slow.so, with the loader's lock held. */
void
lab_slow_inside(void)
{
	struct timespec late;

	sem_post(&go);
	clock_gettime(CLOCK_REALTIME, &late);
	late.tv_sec += patience;
	if (sem_timedwait(&done, &late))
		_exit(9);
}

static int
one_kind(void)
{
	pthread_t thread;

	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	pthread_create(&thread, NULL, looker, NULL);
	sem_wait(&done);
	if (!dlopen(slow_path, RTLD_LAZY))
		stress_wrong(&wrong, "%s", dlerror());
	pthread_join(thread, NULL);
	return wrong ? 1 : 0;
}

/* A line for each kind of look-up: run.py demands "free" for each where the shim is on. */
int
main(int argc, char **argv)
{
	size_t i;

	patience = stress_number(argc, argv, "--patience", PATIENCE);
	snprintf(slow_path, STRESS_PATH, "%s/slow.so", SF_LAB);
	snprintf(plain_path, STRESS_PATH, "%s/alpha.so", SF_LAB);
	libc = dlopen("libc.so.6", RTLD_LAZY);
	self = dlopen(NULL, RTLD_LAZY);
	dlopen(plain_path, RTLD_LAZY);
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int status;
		pid_t child;

		chosen = &kinds[i];
		fflush(stdout);
		child = fork();
		if (child == 0)
			_exit(one_kind());
		waitpid(child, &status, 0);
		if (!WIFEXITED(status) || (WEXITSTATUS(status) && WEXITSTATUS(status) != 9))
			stress_wrong(&wrong, "%s: status %#x", chosen->name, (unsigned int)status);
		printf("%s: %s\n", chosen->name, status ? "blocked" : "free");
	}
	return stress_end(wrong);
}
