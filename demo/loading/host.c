// SPDX-License-Identifier: BSD-2-Clause
// host MODULE THREADS PAUSE MS: threads look names up for MS milliseconds while one thread keeps opening and
// closing a real PAM module, with PAUSE microseconds between (0: none).
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "latency.h"
#include "names.h"

#define REQUEST_PAUSE_NS 100000
#define EARLIER_ROUNDS   4

struct reader {
	pthread_t thread;
	unsigned long wrong;
	struct latency latency;
};

static const char *module;
static struct timespec load_pause;
static void *handle;
static void *expected[NAMES];
static atomic_bool stop;
static unsigned long reloads, failed, run_ms;

// As a server does per request: a look-up, then something else.
static void *
run_reader(void *arg)
{
	struct reader *r = arg;
	const struct timespec pause = {.tv_nsec = REQUEST_PAUSE_NS};

	for (unsigned i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
		uint64_t begin = latency_now();
		void *value = dlsym(handle, names[i % NAMES]);

		latency_add(&r->latency, latency_now() - begin);
		r->wrong += value != expected[i % NAMES];
		nanosleep(&pause, NULL);
	}
	return NULL;
}

// A PAM application does this for every login.
static void *
run_loader(void *unused)
{
	(void)unused;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		void *pam = dlopen(module, RTLD_NOW);

		if (!pam || !dlsym(pam, "pam_sm_authenticate") || dlclose(pam))
			failed++;
		reloads++;
		if (load_pause.tv_nsec)
			nanosleep(&load_pause, NULL);
	}
	return NULL;
}

// The requests that came before the measured ones, while nothing was being loaded.
static int
learn_expected(void)
{
	handle = dlopen("libc.so.6", RTLD_LAZY);
	for (unsigned i = 0; handle && i < EARLIER_ROUNDS * NAMES; i++) {
		expected[i % NAMES] = dlsym(handle, names[i % NAMES]);
		if (!expected[i % NAMES])
			return -1;
	}
	return handle ? 0 : -1;
}

static void
print_metrics(const struct latency *l)
{
	const char *kind = load_pause.tv_nsec ? "pausing" : "constant";

	dprintf(3, "metric %.1f ns dlsym beside %s loads, p50\n", latency_quantile(l, 0.5), kind);
	dprintf(3, "metric %.1f ns dlsym beside %s loads, p99\n", latency_quantile(l, 0.99), kind);
	dprintf(3, "metric %.1f ns dlsym beside %s loads, p99.9\n", latency_quantile(l, 0.999),
		kind);
	if (!load_pause.tv_nsec)
		dprintf(3, "metric %lu N/s %s loads done meanwhile\n", reloads * 1000 / run_ms,
			kind);
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	unsigned threads = (unsigned)atoi(argv[2]);
	run_ms = strtoul(argv[4], NULL, 10);
	const struct timespec length = {.tv_sec = (time_t)(run_ms / 1000),
					.tv_nsec = (long)(run_ms % 1000 * 1000000)};
	struct reader *readers = calloc(threads + 1, sizeof(*readers));
	struct reader *all = &readers[threads];
	pthread_t loader;

	module = argv[1];
	load_pause.tv_nsec = atol(argv[3]) * 1000;
	if (!readers || learn_expected() || pthread_create(&loader, NULL, run_loader, NULL)) {
		fprintf(stderr, "cannot start\n");
		return 1;
	}
	for (unsigned t = 0; t < threads; t++)
		if (pthread_create(&readers[t].thread, NULL, run_reader, &readers[t]))
			return 1;
	nanosleep(&length, NULL);
	atomic_store(&stop, 1);
	pthread_join(loader, NULL);
	for (unsigned t = 0; t < threads; t++) {
		pthread_join(readers[t].thread, NULL);
		all->wrong += readers[t].wrong;
		latency_merge(&all->latency, &readers[t].latency);
	}
	printf("%u threads: %lu wrong answers; the loader: %lu failures, reloaded: %s\n", threads,
	       all->wrong, failed, reloads > 4 ? "yes" : "no");
	print_metrics(&all->latency);
	return all->wrong || failed ? 1 : 0;
}
