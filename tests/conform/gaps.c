// SPDX-License-Identifier: BSD-2-Clause
// Contract A2: look-ups of an executable whose segments do not adjoin are answered as those of any other.
//
// Preloaded only. libc then gives _dl_find_object one of the segments, by the address it asks for, and
// knows dynamic section and code as two.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TURNS 1000

static unsigned long
count_of(const char *one, const char *other)
{
	int (*counter)(const char *, uint64_t *) = 0;
	uint64_t a = 0, b = 0;

	*(void **)&counter = dlsym(RTLD_DEFAULT, "symfast_counter");
	if (counter == NULL || counter(one, &a) != 0 || counter(other, &b) != 0) {
		puts("the library is not preloaded");
		exit(EXIT_FAILURE);
	}
	return (unsigned long)(a + b);
}

static int
serves(void *handle, const char *what, const char *one, const char *other)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	unsigned long before = count_of(one, other), served;
	int wrong = 0;

	for (int i = 0; i < TURNS; i++)
		wrong += dlsym(handle, "qsort") != dlsym(libc, "qsort");
	served = count_of(one, other) - before;
	printf("%s: %lu of %d answered, %d wrong\n", what, served, TURNS, wrong);
	return served > TURNS / 2 && wrong == 0;
}

int
main(void)
{
	int ok = serves(RTLD_DEFAULT, "RTLD_DEFAULT", "default.hit", "default.shared");

	ok &= serves(RTLD_NEXT, "RTLD_NEXT", "next.hit", "next.shared");
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
