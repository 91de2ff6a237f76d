// SPDX-License-Identifier: BSD-2-Clause
// A plain host: THREADS threads look names of libc up, ROUNDS times each, and check each answer.
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "latency.h"
#include "names.h"

#define SAMPLED_ROUNDS 64

struct worker {
	pthread_t thread;
	unsigned long wrong;
	uint64_t begun, finished;
	struct latency latency;
};

static void *handle;
static void *expected[NAMES];
static unsigned rounds;
static pthread_barrier_t barrier;

static void *
run_worker(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&barrier);
	w->begun = latency_now();
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < NAMES; i++)
			w->wrong += dlsym(handle, names[i]) != expected[i];
	w->finished = latency_now();

	// Timed one by one only now, so that the clock's own cost is not in the throughput.
	pthread_barrier_wait(&barrier);
	for (unsigned r = 0; r < SAMPLED_ROUNDS; r++) {
		for (unsigned i = 0; i < NAMES; i++) {
			uint64_t begin = latency_now();
			void *value = dlsym(handle, names[i]);

			latency_add(&w->latency, latency_now() - begin);
			w->wrong += value != expected[i];
		}
	}
	return NULL;
}

static bool
learn_expected(void)
{
	handle = dlopen("libc.so.6", RTLD_LAZY);
	for (unsigned i = 0; handle && i < NAMES; i++) {
		expected[i] = dlsym(handle, names[i]);
		if (!expected[i])
			return false;
	}
	return handle != NULL;
}

static void
print_metrics(unsigned threads, double lookups, double ns, const struct latency *l)
{
	if (threads == 1) {
		dprintf(3, "metric %.2f ns dlsym call, 1 thread\n", ns / lookups);
		return;
	}
	dprintf(3, "metric %.0f N/s dlsym calls, %u threads\n", lookups * 1e9 / ns, threads);
	dprintf(3, "metric %.1f ns one call of %u threads, p99.9\n", latency_quantile(l, 0.999),
		threads);
}

int
main(int argc, char **argv)
{
	unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 64;

	rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	struct worker *workers = calloc(threads + 1, sizeof(*workers));
	struct worker *all = &workers[threads];

	if (!threads || !rounds || !workers || !learn_expected()) {
		fprintf(stderr, "cannot start: %s\n", dlerror());
		return 1;
	}
	pthread_barrier_init(&barrier, NULL, threads + 1);
	for (unsigned t = 0; t < threads; t++)
		if (pthread_create(&workers[t].thread, NULL, run_worker, &workers[t]))
			return 1;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (unsigned t = 0; t < threads; t++) {
		pthread_join(workers[t].thread, NULL);
		all->wrong += workers[t].wrong;
		// The first to begin, not this thread, which may be the last to run.
		if (!all->begun || workers[t].begun < all->begun)
			all->begun = workers[t].begun;
		if (workers[t].finished > all->finished)
			all->finished = workers[t].finished;
		latency_merge(&all->latency, &workers[t].latency);
	}
	double lookups = (double)threads * rounds * NAMES;

	printf("%u threads, %.0f look-ups of %d names, %lu wrong answers\n", threads, lookups,
	       NAMES, all->wrong);
	print_metrics(threads, lookups, (double)(all->finished - all->begun), &all->latency);
	return all->wrong ? 1 : 0;
}
