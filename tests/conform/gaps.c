// SPDX-License-Identifier: BSD-2-Clause
// Contract A2: look-ups of an executable whose segments do not adjoin are answered as those of any other, and each of its
// addresses has its build id.
//
// Preloaded only. libc then gives _dl_find_object one of the segments, by the address it asks for, and
// knows dynamic section and code as two.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symfast.h>

#define TURNS 1000

static int datum = 1;
static const int constant = 1;

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

/* The data comes first: nobody has asked for an address beside the header by then. */
static int
identifies(void)
{
	void *const addresses[] = {&datum, (void *)(uintptr_t)&constant,
				   (void *)(uintptr_t)count_of};
	size_t (*symbolize)(void *const *, size_t, struct symfast_symbol *, unsigned int) = 0;
	struct symfast_symbol s[3] = {{.build_id_size = 0}};
	int ok = 1;

	*(void **)&symbolize = dlsym(RTLD_DEFAULT, "symfast_symbolize");
	for (int i = 0; symbolize != NULL && i < 3; i++) {
		symbolize(&addresses[i], 1, &s[i], 0);
		printf("address %d: %u bytes of build id\n", i, (unsigned int)s[i].build_id_size);
		ok &= s[i].build_id_size == 20 && memcmp(s[i].build_id, s[0].build_id, 20) == 0;
	}
	return ok && symbolize != NULL;
}

int
main(void)
{
	int ok = identifies();

	ok &= serves(RTLD_DEFAULT, "RTLD_DEFAULT", "default.hit", "default.shared");
	ok &= serves(RTLD_NEXT, "RTLD_NEXT", "next.hit", "next.shared");
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
