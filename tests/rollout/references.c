// SPDX-License-Identifier: BSD-2-Clause
// references.c: references are counted while the shim is switched off: whatever was opened and
// closed meanwhile, a host that holds the plugin is served again as before, and its last dlclose
// unloads (CONTRACT 33 to 35).
//
// references PLUGIN MODE   under the library, with a live segment; MODE: the mode word of the time between
#include "../stress/ctl.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAIRS 40

static const char *plugin;
static struct symfast_shm_header *segment;
static int failures;

#define CHECK(fact)                                                                                \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			printf("FAIL line %d: %s\n", __LINE__, #fact);                             \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static void *
opened(void)
{
	void *handle = dlopen(plugin, RTLD_NOW);

	CHECK(handle != NULL && dlsym(handle, "truth_value") != NULL);
	return handle;
}

static void
pairs(void)
{
	for (int i = 0; i < PAIRS; i++)
		CHECK(dlclose(opened()) == 0);
}

static uint64_t
hits(void)
{
	return stress_counter(segment, "dlopen.hit");
}

static uint32_t
word_of(const char *mode)
{
	return strcmp(mode, "observe") == 0  ? SYMFAST_SHM_OBSERVE
	       : strcmp(mode, "verify") == 0 ? SYMFAST_SHM_VERIFY
					     : SYMFAST_SHM_OFF;
}

int
main(int argc, char **argv)
{
	void *held, *before, *between, *global;
	uint64_t seen;

	if (argc != 3)
		return EXIT_FAILURE;
	plugin = argv[1];
	segment = stress_segment(getpid());
	if (segment == NULL) {
		printf("FAIL no segment\n");
		return EXIT_FAILURE;
	}
	held = opened();
	pairs();
	seen = hits();
	pairs();
	CHECK(hits() == seen + PAIRS);
	before = opened(); /* elided, closed while off */
	stress_set(segment, word_of(argv[2]));
	seen = hits();
	between = opened(); /* libc's, closed while on */
	CHECK(dlclose(before) == 0);
	pairs();
	CHECK(hits() == seen);
	global = dlopen(plugin, RTLD_NOW | RTLD_GLOBAL);
	CHECK(global == held && dlclose(global) == 0);
	stress_set(segment, SYMFAST_SHM_ON);
	seen = hits();
	pairs(); /* libc has no more than the host has by now: the first is libc's again */
	CHECK(hits() == seen + PAIRS - 1);
	CHECK(dlclose(between) == 0);
	pairs();
	CHECK(hits() == seen + 2 * PAIRS - 1);
	seen = stress_counter(segment, "default.negative");
	for (int i = 0; i < PAIRS; i++)
		CHECK(dlsym(RTLD_DEFAULT, "books_no_such_value") == NULL);
	CHECK(stress_counter(segment, "default.negative") > seen);
	CHECK(dlopen(plugin, RTLD_NOW | RTLD_NOLOAD) == held && dlclose(held) == 0);
	CHECK(dlclose(held) == 0);
	CHECK(dlopen(plugin, RTLD_NOW | RTLD_NOLOAD) == NULL);
	printf("%s\n", failures == 0 ? "ok" : "FAIL");
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
