// SPDX-License-Identifier: BSD-2-Clause
// The cost of finding the object at an address: our own table (libc/mapped.c) beside libc's _dl_find_object, if it has one.
//
// mapped own|libc CALLS [FILE...]   so many look-ups of addresses in each object that is loaded, FILEs opened before;
// prints their number and ns for each. Under callgrind the difference of two numbers of calls tells instructions.
#include "libc/changes.h"
#include "libc/mapped.h"
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char sf_next_wanted_old[1]; /* see sf_next_as_old() */

static uintptr_t at[1024];
static unsigned int count;

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int
main(int argc, char **argv)
{
	int (*find)(void *, struct dl_find_object *) = sf_mapped_find;
	struct dl_find_object found;
	unsigned long calls = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, missed = 0;
	uint64_t from;

	if (calls == 0 || !sf_next_boot() || sf_mapped_init() != NULL || !sf_changes_init())
		errx(2, "mapped own|libc CALLS [FILE...]");
	sf_mapped_begin();
	for (int i = 3; i < argc; i++)
		if (dlopen(argv[i], RTLD_NOW) == NULL)
			warnx("%s", dlerror());
	for (struct link_map *l = sf_next.main; l != NULL && count < 1024; l = l->l_next)
		at[count++] = (uintptr_t)l->l_ld;
	if (strcmp(argv[1], "libc") == 0)
		*(void **)&find = dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (find == NULL)
		return 77;
	from = now();
	for (unsigned long i = 0; i < calls; i++)
		missed += find((void *)at[i % count], &found) != 0;
	printf("%lu look-ups in %u objects, %lu missed: %.1f ns each\n", calls, count, missed,
	       (double)(now() - from) / (double)calls);
	return missed != 0;
}
