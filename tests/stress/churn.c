// SPDX-License-Identifier: BSD-2-Clause
// Threads look names up while others open, close and re-open other objects at the same addresses.
#include "ctl.h"
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The objects of the lab: churn10.so to churn41.so, each giving its own number by the same names.
 */
#define FIRST    10
#define OBJECTS  32
#define LOOKERS  3
#define OPENERS  2
#define SHARED   (OBJECTS - LOOKERS - OPENERS - 1) /* the last few belong to one thread each */
#define ELISIONS 6

static atomic_int live[FIRST + OBJECTS];
static atomic_ulong wrong, looked, opened, reused, flips, switches;
static atomic_int stop;
static int wants_reuse, is_live;
static struct symfast_shm_header *segment; /* where it is live */

void churn_event(int id, int step);

/* Runs in the constructors and destructors, hence never more than one object of a kind. */
void
churn_event(int id, int step)
{
	int before = atomic_fetch_add(&live[id], step);

	if (before != (step > 0 ? 0 : 1))
		stress_wrong(&wrong, "object %d: %d alive, then %+d", id, before, step);
}

static const char *
file_of(int id, char *path)
{
	snprintf(path, STRESS_PATH, "%s/churn%d.so", SF_LAB, id);
	return path;
}

static void *
open_id(int id)
{
	char path[STRESS_PATH];
	void *handle = dlopen(file_of(id, path), RTLD_LAZY);

	atomic_fetch_add(&opened, 1);
	if (!handle)
		stress_wrong(&wrong, "open %d: %s", id, dlerror());
	return handle;
}

static void
close_id(void *handle, int id)
{
	if (dlclose(handle))
		stress_wrong(&wrong, "close %d: %s", id, dlerror());
}

/* The name where it stands, or at a new place each time: every alignment, page ends, too. */
static const char *
anew(const char *name)
{
	static __thread char ring[2 * 4096];
	static __thread unsigned int at;
	size_t size = strlen(name) + 1;

	if ((at += 37) % 4 == 0)
		return name;
	return memcpy(&ring[at % (sizeof(ring) - size)], name, size);
}

static void
check_positive(void *handle, int id)
{
	union {
		void *value;
		int (*call)(void);
	} function = {dlsym(handle, anew("churn_id"))};
	int *content = dlsym(handle, anew("churn_data"));
	char only[32];

	snprintf(only, sizeof(only), "churn_only_%d", id);
	if (!function.value || function.call() != id || !content || *content != id)
		stress_wrong(&wrong, "object %d gives another one's value", id);
	if (!dlsym(handle, only))
		stress_wrong(&wrong, "object %d lacks its own %s", id, only);
}

/* A failing look-up, and its text on this very thread. */
static void
check_negative(void *handle, int id, unsigned int *seed)
{
	int other = FIRST + (int)(rand_r(seed) % OBJECTS);
	char only[32], ending[96];
	const char *error;

	if (other == id)
		return;
	snprintf(only, sizeof(only), "churn_only_%d", other);
	snprintf(ending, sizeof(ending), "churn%d.so: undefined symbol: %s", id, only);
	if (dlsym(handle, only))
		stress_wrong(&wrong, "object %d has %s", id, only);
	if (rand_r(seed) % 2)
		return;
	error = dlerror();
	if (!error || !strstr(error, ending))
		stress_wrong(&wrong, "text %s instead of %s", error ? error : "NULL", ending);
	if (dlerror())
		stress_wrong(&wrong, "%s", "a second text");
}

static void
look(void *handle, int id, unsigned int *seed)
{
	unsigned int turns = 1 + rand_r(seed) % 64;

	while (turns--) {
		check_positive(handle, id);
		check_negative(handle, id, seed);
		atomic_fetch_add_explicit(&looked, 4, memory_order_relaxed);
	}
}

/* An object that only this thread opens: it must live exactly from the first open to the last
 * close. */
static void
check_own(int id, unsigned int *seed)
{
	void *handle[ELISIONS];
	int count = 1 + (int)(rand_r(seed) % ELISIONS), i;

	for (i = 0; i < count; i++)
		handle[i] = open_id(id);
	for (i = 0; i < count; i++) {
		if (atomic_load(&live[id]) != 1)
			stress_wrong(&wrong, "object %d is gone before its last close", id);
		look(handle[i], id, seed);
		close_id(handle[i], id);
	}
	if (atomic_load(&live[id]) != 0)
		stress_wrong(&wrong, "object %d survives its last close", id);
}

static void *
looker(void *argument)
{
	int number = (int)(intptr_t)argument;
	unsigned int seed = 100 + (unsigned int)number;

	while (!atomic_load(&stop)) {
		int id = FIRST + (int)(rand_r(&seed) % SHARED);
		void *handle = open_id(id);

		look(handle, id, &seed);
		close_id(handle, id);
		check_own(FIRST + SHARED + number, &seed);
	}
	return NULL;
}

static void *
opener(void *argument)
{
	int number = (int)(intptr_t)argument, last_id = 0;
	unsigned int seed = 200 + (unsigned int)number;
	void *last = NULL;

	while (!atomic_load(&stop)) {
		int id = FIRST + (int)(rand_r(&seed) % SHARED);
		void *handle = open_id(id);

		if (handle == last && id != last_id)
			atomic_fetch_add(&reused, 1);
		last = handle;
		last_id = id;
		if (rand_r(&seed) % 4 == 0)
			check_positive(handle, id);
		close_id(handle, id);
		if (rand_r(&seed) % 4 == 0)
			check_own(FIRST + SHARED + LOOKERS + number, &seed);
	}
	return NULL;
}

/* Loads with RTLD_GLOBAL, which turn the main handle's NULL into an answer and back. */
static void *
flipper(void *argument)
{
	int id = FIRST + OBJECTS - 1;
	char path[STRESS_PATH], only[32];
	void *self = dlopen(NULL, RTLD_LAZY);
	int turn = 0, i;

	(void)argument;
	snprintf(only, sizeof(only), "churn_only_%d", id);
	while (!atomic_load(&stop)) {
		void *handle;

		for (i = 0; i < 1 + turn % 5; i++)
			if (dlsym(self, only))
				stress_wrong(&wrong, "%s is there before its load", only);
		handle = dlopen(file_of(id, path), RTLD_LAZY | RTLD_GLOBAL);
		for (i = 0; i < 1 + turn % 5; i++)
			if (!dlsym(self, only) || dlsym(self, only) != dlsym(handle, only))
				stress_wrong(&wrong, "%s is not there after its load", only);
		close_id(handle, id);
		atomic_fetch_add(&flips, 1);
		turn++;
		if (turn % 16 == 0)
			usleep(1000);
	}
	return NULL;
}

/* Changes the mode under everybody's feet: in bursts, and with pauses in which lifetimes begin and end. */
static void *
switcher(void *argument)
{
	static const uint32_t words[] = {SYMFAST_SHM_OFF, SYMFAST_SHM_ON, SYMFAST_SHM_OBSERVE,
					 SYMFAST_SHM_VERIFY, 77};
	unsigned int seed = 300;

	while (segment && !atomic_load(&stop)) {
		stress_set(segment, words[rand_r(&seed) % 5]);
		atomic_fetch_add(&switches, 1);
		usleep(rand_r(&seed) % 8 ? rand_r(&seed) % 3000 : 30000);
		/* Half of the time ON: there is more that can go wrong. */
		stress_set(segment, SYMFAST_SHM_ON);
		usleep(rand_r(&seed) % 3000);
	}
	if (segment)
		fprintf(stderr, "live: %lu switches, %lu compared, %lu mismatches\n", switches,
			(unsigned long)stress_counter(segment, "verify.same"),
			(unsigned long)stress_control(segment)->mismatches);
	return argument;
}

/* Memcheck keeps freed memory back, so there no address comes again. */
static int
enough(void)
{
	return looked && flips && (reused || !wants_reuse) &&
	       (segment == NULL ||
		(switches >= 200 && stress_counter(segment, "verify.same") >= 1000));
}

static void
check_end(void)
{
	char path[STRESS_PATH];
	int id;

	for (id = FIRST; id < FIRST + OBJECTS; id++) {
		if (atomic_load(&live[id]))
			stress_wrong(&wrong, "object %d is alive at the end", id);
		if (dlopen(file_of(id, path), RTLD_LAZY | RTLD_NOLOAD))
			stress_wrong(&wrong, "object %d is loaded at the end", id);
	}
}

int
main(int argc, char **argv)
{
	pthread_t threads[LOOKERS + OPENERS + 2];
	int i, n = 0;

	stress_begin(argc, argv, 2);
	wants_reuse = !stress_has(argc, argv, "--no-reuse");
	is_live = stress_has(argc, argv, "--live");
	segment = is_live ? stress_segment(getpid()) : NULL;
	for (i = 0; i < LOOKERS; i++)
		pthread_create(&threads[n++], NULL, looker, (void *)(intptr_t)i);
	for (i = 0; i < OPENERS; i++)
		pthread_create(&threads[n++], NULL, opener, (void *)(intptr_t)i);
	pthread_create(&threads[n++], NULL, flipper, NULL);
	if (is_live)
		pthread_create(&threads[n++], NULL, switcher, NULL);
	while (stress_goes_on(enough()))
		usleep(10000);
	atomic_store(&stop, 1);
	while (n)
		pthread_join(threads[--n], NULL);
	check_end();
	fprintf(stderr,
		"churn: %lu look-ups, %lu opens, %lu times another object at one address, "
		"%lu flips\n",
		looked, opened, reused, flips);
	if (!enough())
		stress_wrong(&wrong, "%s", "nothing was put under stress");
	return stress_end(wrong);
}
