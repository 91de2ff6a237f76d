// SPDX-License-Identifier: BSD-2-Clause
// Look-ups in some threads while another one keeps loading and unloading an object.
#include <dlfcn.h>
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include "names.h"
#include "work.h"

static struct bench_set names;
static const char *object;
static unsigned pause_us;
static _Atomic bool stop; /* set by main, read by the loading thread; orders nothing else */

static void *
state_new(unsigned thread)
{
	struct bench_walk *w = malloc(sizeof(*w));

	if (!w)
		err(1, "state");
	w->set = &names;
	w->at = thread * 7919u % names.count;
	return w;
}

BENCH_INLINE unsigned
beside_call(void *arg)
{
	const struct bench_item *it = bench_walk_next(arg);

	return dlsym(it->handle, it->name) != it->want;
}

/*
 * Calls back to back mostly measure the moments between two loads, because one long wait counts
 * as one call while thousands of calls fit into a gap. Calls that come at their own pace, as a
 * service's requests do, see the lock as often as it is held.
 */
static void
rest(void)
{
	struct timespec pause = {0, pause_us * 1000L};

	nanosleep(&pause, NULL);
}

static uint64_t
paced_timed(void *state, struct bench_hist *h, unsigned groups, unsigned each)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < groups; i++) {
		rest();
		wrong += bench_loop_timed(state, h, 1, each, beside_call);
	}
	return wrong;
}

static uint64_t
beside_timed(void *state, struct bench_hist *h, unsigned groups, unsigned each)
{
	return bench_loop_timed(state, h, groups, each, beside_call);
}

/* The load must be real: an object that stays mapped would make the loop a mere counter. */
static void
demand_unload(void)
{
	void *handle = dlopen(object, RTLD_NOW);

	if (!handle)
		errx(1, "%s", dlerror());
	if (dlclose(handle) || dlopen(object, RTLD_NOW | RTLD_NOLOAD))
		errx(1, "%s does not unload", object);
}

/*
 * A service has asked for its names before; what a first look-up costs is another question. The
 * passes also hold stock libc to the truth before anything loads.
 */
static void
warm_up(void)
{
	void *state = state_new(0);

	bench_demand_right(bench_loop(state, 4 * names.count, beside_call));
	free(state);
}

static void *
keep_loading(void *arg)
{
	uint64_t *loads = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		void *handle = dlopen(object, RTLD_NOW);

		if (!handle || dlclose(handle))
			errx(1, "WRONG ANSWERS: %s no longer opens and closes", object);
		++*loads;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static const struct bench_work busy = {state_new, NULL, beside_timed, 10};
	static const struct bench_work paced = {state_new, NULL, paced_timed, 10};
	struct bench_options o;
	uint64_t loads = 0, began;
	pthread_t loader;

	bench_options_read(&o, argc, argv);
	bench_set_read(&names, &o);
	object = o.object;
	pause_us = o.pause_us;
	if (pause_us && prctl(PR_SET_TIMERSLACK, 1000UL))
		err(1, "timer slack");
	demand_unload();
	warm_up();
	began = bench_clock_ns();
	if (pthread_create(&loader, NULL, keep_loading, &loads))
		errx(1, "no thread");
	bench_crew_run(&o, pause_us ? &paced : &busy);
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	pthread_join(loader, NULL);
	bench_print("loads", "/s", (double)loads * 1e9 / (double)(bench_clock_ns() - began));
	return 0;
}
