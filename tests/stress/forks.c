// SPDX-License-Identifier: BSD-2-Clause
// Forks while threads look up, and while they load: counts the children that hang or answer
// wrongly.
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 150
#define PATIENCE 4  /* seconds without an end of any of them until the others count as stuck */
#define TRUST    60 /* the same where none may be stuck */

/* What becomes of the children: a fork beside loads may cost one its lifetime under stock as well. */
struct fates {
	int hang, die;
};

static atomic_ulong wrong;
static atomic_int stop;
static void *libc, *truth;

static void
path_of(int id, char *path)
{
	snprintf(path, STRESS_PATH, "%s/churn%d.so", SF_LAB, id);
}

static void *
look(void *unused)
{
	while (!atomic_load(&stop)) {
		if (dlsym(libc, "strtol") != truth || dlsym(libc, "no_such_name_forks"))
			stress_wrong(&wrong, "%s", "a look-up beside forks");
	}
	return unused;
}

static void *
load(void *argument)
{
	char path[STRESS_PATH];
	int id = (int)(intptr_t)argument;

	while (!atomic_load(&stop)) {
		void *handle;

		path_of(id, path);
		handle = dlopen(path, RTLD_LAZY);
		dlsym(handle, "churn_id");
		dlclose(handle);
	}
	return NULL;
}

/* Only look-ups that were warm before the fork. */
static int
child_looks(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		const char *error;

		if (dlsym(libc, "strtol") != truth || dlsym(libc, "no_such_name_forks"))
			return 2;
		error = dlerror();
		if (!error || !strstr(error, "no_such_name_forks"))
			return 3;
	}
	return 0;
}

static int
child_loads(void)
{
	char path[STRESS_PATH];
	int id;

	for (id = 30; id < 34; id++) {
		union {
			void *value;
			int (*call)(void);
		} found;
		void *handle;

		path_of(id, path);
		handle = dlopen(path, RTLD_LAZY);
		if (!handle)
			return 4;
		found.value = dlsym(handle, "churn_id");
		if (!found.value || found.call() != id || dlclose(handle))
			return 5;
	}
	return child_looks();
}

static void
nap(void)
{
	struct timespec pause = {0, 2000000};

	nanosleep(&pause, NULL);
}

static struct fates
fork_many(int (*child_does)(void), int patience)
{
	struct fates fates = {0, 0};
	pid_t children[CHILDREN];
	time_t late;
	int i, left;

	for (i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(child_does());
		nap();
	}
	late = time(NULL) + patience;
	for (left = CHILDREN; left && time(NULL) < late; nap())
		for (i = 0; i < CHILDREN; i++) {
			int status;

			if (!children[i] || waitpid(children[i], &status, WNOHANG) <= 0)
				continue;
			if (WIFSIGNALED(status) || WEXITSTATUS(status) == 127)
				fates.die++;
			else if (status)
				stress_wrong(&wrong, "a child ended with status %#x",
					     (unsigned int)status);
			children[i] = 0;
			left--;
			late = time(NULL) + patience;
		}
	for (i = 0; i < CHILDREN; i++)
		if (children[i]) {
			kill(children[i], SIGKILL);
			waitpid(children[i], NULL, 0);
			fates.hang++;
		}
	return fates;
}

static struct fates
beside(void *(*body)(void *), int (*child_does)(void), int patience)
{
	pthread_t threads[2];
	struct fates fates;
	int i;

	atomic_store(&stop, 0);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, body, (void *)(intptr_t)(20 + i));
	fates = fork_many(child_does, patience);
	atomic_store(&stop, 1);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return fates;
}

static void
tell(const char *what, struct fates fates)
{
	fprintf(stderr, "hangs %s: %d\n", what, fates.hang);
	fprintf(stderr, "deaths %s: %d\n", what, fates.die);
}

/* stdout: the verdict. stderr: the counts, which run.py compares with those of a bare run. */
int
main(void)
{
	struct fates looking;

	libc = dlopen("libc.so.6", RTLD_LAZY);
	truth = dlsym(libc, "strtol");
	child_looks();
	looking = beside(look, child_looks, TRUST);
	if (looking.hang || looking.die)
		stress_wrong(&wrong, "%d children hang, %d die although nobody loads", looking.hang,
			     looking.die);
	fprintf(stderr, "forks: of %d children each\n", CHILDREN);
	tell("beside loads, look-ups", beside(load, child_looks, PATIENCE));
	tell("beside loads, loads", beside(load, child_loads, PATIENCE));
	return stress_end(wrong);
}
