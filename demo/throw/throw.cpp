// SPDX-License-Identifier: BSD-2-Clause
// Threads that throw and catch C++ exceptions through a few frames; prints ns per throw of one thread.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <thread>
#include <vector>

static std::atomic<long> caught;

static long depth(long n)
{
	if (n % 8 == 0)
		throw std::runtime_error("thrown");
	return depth(n - 1) + 1;
}

static void throw_many(long n)
{
	long own = 0;

	for (long i = 0; i < n; i++) {
		try {
			depth(i);
		} catch (const std::runtime_error &) {
			own++;
		}
	}
	caught += own;
}

int main(int argc, char **argv)
{
	long threads = argc > 1 ? atol(argv[1]) : 1, each = argc > 2 ? atol(argv[2]) : 1000;
	std::vector<std::thread> crew;
	timespec begin, end;

	throw_many(8);
	caught = 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < threads; i++)
		crew.emplace_back(throw_many, each);
	for (auto &thread : crew)
		thread.join();
	clock_gettime(CLOCK_MONOTONIC, &end);
	double ns = (end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec);

	printf("%ld thrown, %ld caught\n", threads * each, caught.load());
	if (argc > 3)
		dprintf(3, "metric %.1f ns %s\n", ns / each, argv[3]);
	return caught == threads * each ? 0 : 1;
}
