// SPDX-License-Identifier: BSD-2-Clause
// Random dances: every row plays one seed's sequence of dl* calls, from several callers and
// threads.
#include "row.h"
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define STEPS    60 /* per repetition */
#define HELPERS  2

static const char *const objects[] = {"alpha", "beta", "gamma", "delta", "symbolic", "sysv",
				      "ev1",   "down", "kinds", "ev2",   "bare",     "versions"};

static const char *const names[] = {
	"shared_fn", "shared_fn",  "shared_data", "only_alpha", "only_beta",     "only_gamma",
	"only_ev1",  "only_leaf",  "foo",         "bar",        "data_beta",     "none",
	"none2",     "strtol",     "kind_func",   "kind_abs",   "kind_abs_zero", "kind_ifunc",
	"only_down", "only_delta", "plain",       "main",       "memcpy",        "",
};

static const char *const versions[] = {"VER_1", "VER_2", LIBC_FIRST, "NONE"};

/* What the dance holds open: a count per object, closed only as often as opened. */
static struct {
	void *handle;
	const struct agent *agent;
	int opens;
} held[COUNT(objects)];

static uint64_t state;

static unsigned int
draw(unsigned int below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)((state >> 20) % below);
}

void lab_event(const char *object, int step);

void
lab_event(const char *object, int step)
{
	say("event %s %+d", object, step);
}

static const char *
spelling(unsigned int object)
{
	static char file[64], local[64];
	unsigned int how = draw(8);

	snprintf(file, sizeof(file), "%s.so", objects[object]);
	if (how > 1)
		return lab(file);
	snprintf(local, sizeof(local), "./%s%u.so", objects[object], how);
	if (access(local, F_OK) && symlink(lab(file), local))
		say("cannot link %s", local);
	return local;
}

static int
draw_mode(void)
{
	int mode = draw(3) ? RTLD_LAZY : RTLD_NOW;

	if (draw(5) == 0)
		mode |= RTLD_GLOBAL;
	if (draw(7) == 0)
		mode |= RTLD_NOLOAD;
	if (draw(150) == 0)
		mode |= RTLD_NODELETE;
	if (draw(60) == 0)
		mode = (int)draw(2);
	return mode;
}

static void
step_open(unsigned int repeats)
{
	unsigned int object = draw(COUNT(objects)), by = draw(COUNT(objects));
	const char *file = spelling(object);
	int mode = draw_mode();
	unsigned int i;

	for (i = 0; i < repeats; i++) {
		const struct agent *agent = held[by].opens ? held[by].agent : NULL;
		void *handle = agent ? agent->open(file, mode) : dlopen(file, mode);

		say("open %s %#x: %s", objects[object], (unsigned int)mode,
		    handle ? handle_name(handle) : "NULL");
		if (!handle)
			continue;
		held[object].handle = handle;
		held[object].opens++;
		if (i + 1 < repeats && held[object].opens > 1) {
			held[object].opens--;
			say("close at once %d", dlclose(handle));
		}
	}
}

static void
step_agent(void)
{
	unsigned int object = draw(COUNT(objects));
	char name[64];

	if (!held[object].opens || held[object].agent)
		return;
	snprintf(name, sizeof(name), "agent_%s", objects[object]);
	held[object].agent = dlsym(held[object].handle, name);
	say("agent of %s: %s", objects[object], where(held[object].agent));
}

static void
step_close(void)
{
	unsigned int object = draw(COUNT(objects));

	if (!held[object].opens)
		return;
	if (--held[object].opens == 0)
		held[object].agent = NULL;
	say("close %s: %d", objects[object], dlclose(held[object].handle));
}

static void *
draw_handle(void)
{
	unsigned int object = draw(COUNT(objects) + 5);

	if (object >= COUNT(objects) + 3)
		return RTLD_DEFAULT;
	if (object == COUNT(objects) + 2)
		return RTLD_NEXT;
	if (object < COUNT(objects) && held[object].opens)
		return held[object].handle;
	return dlopen(NULL, RTLD_LAZY);
}

static void
step_look(unsigned int repeats)
{
	unsigned int name = draw(COUNT(names)), by = draw(COUNT(objects));
	const char *version = draw(6) ? NULL : versions[draw(COUNT(versions))];
	const struct agent *agent = held[by].opens ? held[by].agent : NULL;
	void *handle = draw_handle();
	unsigned int i;

	for (i = 0; i < repeats; i++) {
		const char *place = shape((int)i + (int)name, names[name]);
		void *value;

		errno = 77;
		if (version)
			value = agent ? agent->vsym(handle, place, version)
				      : dlvsym(handle, place, version);
		else
			value = agent ? agent->sym(handle, place) : dlsym(handle, place);
		say("%s: %s %s %s = %s errno %d", agent ? objects[by] : "main", handle_name(handle),
		    names[name], version ? version : "", where(value), errno);
	}
}

static void
step(void)
{
	unsigned int kind = draw(20), repeats = draw(4) ? 1 + draw(3) : 1 + draw(90);

	if (kind < 4)
		step_open(repeats);
	else if (kind < 7)
		step_close();
	else if (kind < 9)
		step_agent();
	else if (kind < 11)
		see_error("step");
	else
		step_look(repeats);
}

/* The helpers take a step each when told, so that their own error state and tables take part. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t told;
	unsigned int turn; /* which helper steps now, 0: the main thread */
	int stop;
} stage = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};

static void *
help(void *argument)
{
	unsigned int number = (unsigned int)(uintptr_t)argument;

	pthread_mutex_lock(&stage.lock);
	while (!stage.stop) {
		if (stage.turn == number) {
			step();
			stage.turn = 0;
			pthread_cond_broadcast(&stage.told);
		}
		pthread_cond_wait(&stage.told, &stage.lock);
	}
	pthread_mutex_unlock(&stage.lock);
	return NULL;
}

static void
dance(uint64_t seed)
{
	pthread_t helpers[HELPERS];
	unsigned int i;
	int steps;

	state = seed * 0x9e3779b97f4a7c15u + 1;
	for (i = 0; i < 8; i++)
		draw(2);
	for (i = 0; i < HELPERS; i++)
		pthread_create(&helpers[i], NULL, help, (void *)(uintptr_t)(i + 1));
	pthread_mutex_lock(&stage.lock);
	for (steps = 0; steps < reps * STEPS; steps++) {
		stage.turn = draw(4) ? 0 : 1 + draw(HELPERS);
		if (!stage.turn)
			step();
		pthread_cond_broadcast(&stage.told);
		while (stage.turn)
			pthread_cond_wait(&stage.told, &stage.lock);
	}
	stage.stop = 1;
	pthread_cond_broadcast(&stage.told);
	pthread_mutex_unlock(&stage.lock);
	for (i = 0; i < HELPERS; i++)
		pthread_join(helpers[i], NULL);
}

#define SEED(n)                                                                                    \
	static void seed_##n(void)                                                                 \
	{                                                                                          \
		dance(n);                                                                          \
	}
SEED(1)
SEED(2)
SEED(3)
SEED(4)
SEED(5)
SEED(6)
SEED(7)
SEED(8)

/* Any seed: SF_SEED=N. */
static void
seed_of_environment(void)
{
	const char *text_of_seed = getenv("SF_SEED");

	dance(text_of_seed ? strtoull(text_of_seed, NULL, 0) : 9);
}

const struct row rows[] = {
	{"dance 1", seed_1, 0},
	{"dance 2", seed_2, 0},
	{"dance 3", seed_3, 0},
	{"dance 4", seed_4, 0},
	{"dance 5", seed_5, 0},
	{"dance 6", seed_6, 0},
	{"dance 7", seed_7, 0},
	{"dance 8", seed_8, 0},
	{"dance of SF_SEED", seed_of_environment, 0},
	{0},
};
