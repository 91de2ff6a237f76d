// SPDX-License-Identifier: BSD-2-Clause
// dladdr from a sampling profiler's handler and from threads, while others load, unload and fork.
//
// Stock may hang: a handler's dladdr waits for the loader's lock. Under the library a hit must not, no
// answer may name an object that is gone, and nobody may read memory that is.
#include "stress.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHURNERS   2
#define PLACES     6
#define WARM_UP    2000
#define CHILD_MS   30000 /* until a child counts as stuck */
#define FIRST_FILE 10    /* churn10.so to churn41.so, half of them for each churner */
#define FILES      32

static const char *const names[PLACES] = {"strtol", "qsort", "getenv", "abort", "bsearch", "atoi"};
static void *places[PLACES];
static Dl_info truth[PLACES];
static atomic_ulong wrong, handled, rounds, asked, children;
static atomic_int stop;
static int large = 1; /* --no-large: valgrind's reader of symbols gives up on that object */
static _Atomic(char *) recent[64]; /* where objects are, or were a moment ago */
static int nowhere;
/* Who asks after its own close reads a name that another churner's close would free. */
static pthread_mutex_t closing = PTHREAD_MUTEX_INITIALIZER;

/* ---- what never changes ---- */

static int
check_place(unsigned int turn)
{
	unsigned int i = turn % PLACES;
	Dl_info info;

	memset(&info, 0, sizeof(info));
	if (dladdr(places[i], &info) == 0 || memcmp(&info, &truth[i], sizeof(info)) != 0) {
		stress_wrong(&wrong, "another answer for %s", names[i]);
		return 0;
	}
	return 1;
}

static void
handler(int number)
{
	int saved = errno;
	unsigned long n = atomic_fetch_add(&handled, 1);

	(void)number;
	for (unsigned int i = 0; i < PLACES; i++)
		check_place(i);
	if (n % 16 == 0)
		backtrace_symbols_fd(places, PLACES, nowhere);
	errno = saved;
}

/* ---- what comes and goes ---- */

static void
check_open(const char *file, char *at, int calls)
{
	for (int i = 0; i < calls; i++) {
		Dl_info info = {0};

		if (dladdr(at + i % 2, &info) == 0 || info.dli_fname == NULL ||
		    strcmp(info.dli_fname, file) != 0)
			stress_wrong(&wrong, "%s: said to be in %s", file,
				     info.dli_fname != NULL ? info.dli_fname : "nothing");
		else if (info.dli_sname == NULL || strcmp(info.dli_sname, "churn_id") != 0 ||
			 info.dli_saddr != at)
			stress_wrong(&wrong, "%s: another symbol", file);
	}
}

static void
check_closed(const char *file, const char *at)
{
	Dl_info info = {0};

	/* Another thread's object may be there by now, but not this one. */
	if (dladdr(at, &info) != 0 && info.dli_fname != NULL && strcmp(info.dli_fname, file) == 0)
		stress_wrong(&wrong, "%s: found after it was closed", file);
}

/* A large index is built in many slices, of which the unload catches one. */
static void
churn_large(unsigned int turn)
{
	void *handle = dlopen(SF_LAB "/odd_wide_gnu.so", RTLD_LAZY);
	Dl_info info;
	char *at;

	if (handle == NULL)
		return;
	at = (char *)((struct link_map *)handle)->l_ld;
	for (unsigned int i = 0; i < turn % 40; i++)
		dladdr(at - 64 * i, &info);
	dlclose(handle);
}

static void *
churner(void *arg)
{
	unsigned int number = (unsigned int)(uintptr_t)arg, turn = number;

	while (!atomic_load(&stop)) {
		char file[STRESS_PATH], *at;
		void *handle;

		snprintf(file, sizeof(file), "%s/churn%u.so", SF_LAB,
			 FIRST_FILE + number + turn % (FILES / CHURNERS) * CHURNERS);
		handle = dlopen(file, RTLD_LAZY);
		at = handle != NULL ? dlsym(handle, "churn_id") : NULL;
		if (at == NULL) {
			stress_wrong(&wrong, "%s cannot be opened", file);
			break;
		}
		atomic_store(&recent[turn % 64], at);
		check_open(file, at, 1 + (int)(turn * 7 % 90));
		pthread_mutex_lock(&closing);
		dlclose(handle);
		check_closed(file, at);
		pthread_mutex_unlock(&closing);
		if (number == 0 && large)
			churn_large(turn);
		turn++;
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

/* Asks about what others close meanwhile: only that it comes back counts. */
static void *
asker(void *unused)
{
	unsigned int turn = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		char *at = atomic_load(&recent[turn++ % 64]);
		Dl_info info;

		dladdr(at + turn % 4096, &info);
		check_place(turn);
		atomic_fetch_add(&asked, 1);
	}
	return NULL;
}

static void
fork_once(void)
{
	pid_t child = fork(), ended = 0;
	int status = 0;

	if (child == 0) {
		int good = 1;

		for (unsigned int i = 0; i < 100; i++)
			good &= check_place(i);
		_exit(good ? 0 : 1);
	}
	for (int i = 0; i < CHILD_MS && (ended = waitpid(child, &status, WNOHANG)) == 0; i++)
		usleep(1000);
	if (ended != child || status != 0)
		stress_wrong(&wrong, "a child %s %#x", ended == 0 ? "hangs," : "ended with",
			     status);
	if (ended == 0)
		kill(child, SIGKILL);
	atomic_fetch_add(&children, 1);
}

static int
enough(void)
{
	return rounds >= 50 && handled >= 100 && children >= 5;
}

static void
learn(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY);

	for (int i = 0; i < PLACES; i++) {
		places[i] = (char *)dlsym(libc, names[i]) + 1;
		dladdr(places[i], &truth[i]);
	}
	for (unsigned int i = 0; i < WARM_UP; i++)
		check_place(i);
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct itimerval every = {{0, 1000}, {0, 1000}};
	pthread_t threads[CHURNERS + 1];

	stress_begin(argc, argv, 5);
	large = !stress_has(argc, argv, "--no-large");
	nowhere = open("/dev/null", O_WRONLY);
	learn();
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	for (uintptr_t i = 0; i < CHURNERS; i++)
		pthread_create(&threads[i], NULL, churner, (void *)i);
	pthread_create(&threads[CHURNERS], NULL, asker, NULL);
	while (stress_goes_on(enough())) {
		fork_once();
		usleep(20000);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i <= CHURNERS; i++)
		pthread_join(threads[i], NULL);
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_PROF, &every, NULL);
	fprintf(stderr, "addresses: %lu rounds, %lu handlers, %lu questions, %lu children\n",
		rounds, handled, asked, children);
	if (!enough())
		stress_wrong(&wrong, "%s", "no stress");
	return stress_end(wrong);
}
