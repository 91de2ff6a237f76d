// SPDX-License-Identifier: BSD-2-Clause
// Throws and catches C++ exceptions through a few frames.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>

static long depth(long n)
{
	if (n % 8 == 0)
		throw std::runtime_error("thrown");
	return depth(n - 1) + 1;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000, caught = 0;
	timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < n; i++) {
		try {
			depth(i);
		} catch (const std::runtime_error &) {
			caught++;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	double ns = (end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec);

	printf("%ld thrown, %ld caught\n", n, caught);
	dprintf(3, "metric %.1f ns C++ throw and catch\n", ns / n);
	return n == caught ? 0 : 1;
}
