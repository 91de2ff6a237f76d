// SPDX-License-Identifier: BSD-2-Clause
// Throws and catches C++ exceptions through a few frames, so many times: throws CALLS. Prints ns per
// throw. Each is caught with the value that was thrown, or the status is 1.
#include <cstdio>
#include <cstdlib>
#include <ctime>

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

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1000, wrong = 0;
	timespec from, to;

	one(0); // the first one binds symbols
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < calls; i++)
		wrong += !one(i);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.1f\n", ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
				 (double)calls);
	return wrong != 0;
}
