// SPDX-License-Identifier: BSD-2-Clause
// smoke.c: a program under the preloaded library on another CPU: every kind of look-up, checked.
//
// Prints the same with and without the shim; smoke compares the two runs.
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
fail(void *handle, const char *name)
{
	char text[256];
	const char *error;

	errno = 77;
	if (dlsym(handle, name) != NULL)
		puts("found what is not there");
	error = dlerror();
	snprintf(text, sizeof(text), "%s, errno %d", error != NULL ? error : "no error", errno);
	printf("%s, then %s\n", text, dlerror() == NULL ? "nothing" : "an error");
}

/* ---- objects that come and go, one where another was ---- */

static const struct {
	const char *file, *names[2];
} objects[] = {
	{"libBrokenLocale.so.1", {"__ctype_get_mb_cur_max", "strtol"}},
	{"libgcc_s.so.1", {"_Unwind_Backtrace", "__addtf3"}},
	{"libpcprofile.so", {"__cyg_profile_func_enter", "__cyg_profile_func_exit"}},
	{"libresolv.so.2", {"__sym_ntop", "inet_net_pton"}},
	{"libm.so.6", {"cos", "strtod"}},
};
#define OBJECTS (sizeof(objects) / sizeof(objects[0]))

/* Where a name was found in the first of an object's loads, from the start of what it was found in. */
static size_t first[OBJECTS][2];

static int
is_as_at_first(unsigned int i, unsigned int k, const struct link_map *map)
{
	void *found = dlsym((void *)(uintptr_t)map, objects[i].names[k]);
	Dl_info info;
	size_t at;

	if (found == NULL || dladdr(found, &info) == 0 || info.dli_saddr != found)
		return 0;
	at = (size_t)((char *)found - (char *)info.dli_fbase);
	if (first[i][k] == 0)
		first[i][k] = at;
	return at == first[i][k] && (strncmp(objects[i].names[k], "strto", 5) == 0) ==
					    (info.dli_fbase != (void *)map->l_addr);
}

/* One is open all the time, by turns, so that the others lie now here, now there. */
static void
come_and_go(unsigned int rounds)
{
	unsigned int right = 0, wrong = 0;

	for (unsigned int round = 0; round < rounds; round++) {
		unsigned int i = round % OBJECTS;
		void *stays = dlopen(objects[(round / 7) % OBJECTS].file, RTLD_NOW);
		void *handle = dlopen(objects[i].file, RTLD_NOW);

		for (unsigned int turn = 0; handle != NULL && turn < 65; turn++)
			for (unsigned int k = 0; k < 2; k++) {
				int ok = is_as_at_first(i, k, handle);

				right += ok != 0;
				wrong += ok == 0;
			}
		if (handle != NULL)
			dlclose(handle);
		if (stays != NULL)
			dlclose(stays);
	}
	printf("%u right, %u wrong\n", right, wrong);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"strtod", "qsort", "getenv", "memcpy", "stdout"};
	void *libm = dlopen("libm.so.6", RTLD_NOW), *again;
	double (*cosine)(double);
	unsigned int right = 0;

	if (libm == NULL)
		return EXIT_FAILURE;
	for (int i = 0; i < 1000; i++) {
		void *libc = dlopen("libc.so.6", RTLD_NOW);

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			right += dlsym(libc, names[k]) == dlsym(RTLD_DEFAULT, names[k]);
		right += dlsym(libm, "cos") == dlvsym(libm, "cos", "GLIBC_2.17");
		right += dlsym(RTLD_NEXT, "qsort") == (void *)qsort;
		right += dlclose(libc) == 0;
	}
	printf("%u right\n", right);
	cosine = (double (*)(double))dlsym(libm, "cos");
	come_and_go(argc > 1 ? (unsigned int)atoi(argv[1]) : 600);
	printf("cos 0 is %.1f\n", cosine(0));
	for (int i = 0; i < 4; i++) {
		fail(libm, "no_such_symbol");
		fail(RTLD_DEFAULT, "no_such_symbol");
		fail(dlopen(NULL, RTLD_NOW), "nothing_either");
	}
	again = dlopen("libm.so.6", RTLD_NOW);
	printf("%s, %d %d", again == libm ? "same" : "other", dlclose(again), dlclose(libm));
	printf(" %s\n", dlopen("/no/such/file.so", RTLD_NOW) == NULL ? dlerror() : "opened");
	return EXIT_SUCCESS;
}
