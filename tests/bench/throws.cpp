// SPDX-License-Identifier: BSD-2-Clause
// Throws and catches C++ exceptions through a few frames, so many times in each of so many threads: throws CALLS [THREADS].
// Prints ns of the clock per throw of all threads together. Each is caught with the value that was thrown, or the
// status is 1.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <pthread.h>

static __attribute__((noinline)) long deep(long n, long left)
{
	if (left == 0)
		throw n;
	return deep(n, left - 1) + 1;
}

static bool one(long n)
{
	try {
		deep(n, 6);
	} catch (long value) {
		return value == n;
	}
	return false;
}

static long calls = 1000;
static pthread_barrier_t begin;

static void *thrower(void *)
{
	long wrong = !one(0); // the first one binds symbols

	pthread_barrier_wait(&begin);
	for (long i = 0; i < calls; i++)
		wrong += !one(i);
	return reinterpret_cast<void *>(wrong);
}

int main(int argc, char **argv)
{
	long threads = argc > 2 ? atol(argv[2]) : 1, wrong = 0;
	timespec from, to;
	void *result;

	if (argc > 1)
		calls = atol(argv[1]);
	if (threads < 1 || threads > 256)
		return 2;
	pthread_t all[256];
	pthread_barrier_init(&begin, NULL, (unsigned)threads);
	for (long i = 1; i < threads; i++)
		if (pthread_create(&all[i], NULL, thrower, NULL) != 0)
			return 2;
	clock_gettime(CLOCK_MONOTONIC, &from);
	wrong += reinterpret_cast<long>(thrower(NULL));
	for (long i = 1; i < threads; i++) {
		pthread_join(all[i], &result);
		wrong += reinterpret_cast<long>(result);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.1f\n", ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
				 ((double)calls * (double)threads));
	return wrong != 0;
}
