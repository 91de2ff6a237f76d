// SPDX-License-Identifier: BSD-2-Clause
// Exceptions that leave the callback of dl_iterate_phdr: no lock stays behind, at any depth.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#define ROUNDS  2000
#define THREADS 3

static std::atomic<long> wrong;

static int count(struct dl_phdr_info *, size_t, void *n)
{
	++*static_cast<int *>(n);
	return 0;
}

static int walk()
{
	int n = 0;

	dl_iterate_phdr(count, &n);
	return n;
}

static int throws(struct dl_phdr_info *, size_t, void *n)
{
	if (--*static_cast<int *>(n) == 0)
		throw std::runtime_error("left");
	return 0;
}

static int throws_deeper(struct dl_phdr_info *, size_t, void *n)
{
	int own = 2;

	try {
		return dl_iterate_phdr(throws, &own);
	} catch (const std::runtime_error &) {
		if (walk() < 3)
			wrong++;
	}
	if (*static_cast<int *>(n) > 1)
		throw;
	return throws(nullptr, 0, n);
}

static void leave(int (*callback)(struct dl_phdr_info *, size_t, void *))
{
	int n = 1;

	try {
		dl_iterate_phdr(callback, &n);
		wrong++;
	} catch (const std::runtime_error &) {
		if (walk() < 3)
			wrong++;
	}
}

static void leave_many()
{
	for (int i = 0; i < ROUNDS; i++)
		leave(i % 2 ? throws : throws_deeper);
}

/* Each unload waits for the walks of the others: one that was left open would hang it. */
static void reload()
{
	for (int i = 0; i < ROUNDS / 10; i++) {
		void *handle = dlopen(SF_LAB "/alpha.so", RTLD_NOW);

		if (!handle || dlclose(handle))
			wrong++;
	}
}

int main()
{
	std::thread crew[THREADS];

	alarm(60);
	for (auto &thread : crew)
		thread = std::thread(leave_many);
	reload();
	for (auto &thread : crew)
		thread.join();
	printf("wrong answers: %ld\n", wrong.load());
	return wrong ? 1 : 0;
}
