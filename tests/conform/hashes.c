// SPDX-License-Identifier: BSD-2-Clause
// hashes.c: asks objects of any hash style for the same names, and prints what the functions behind them return:
// hashes PLUGIN NEEDED, of lab/hashed.c. How they were linked must not show (CONTRACT 12, 41).
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES  24
#define ROUNDS 40

static unsigned long sum;

static void
count(void *f)
{
	sum = sum * 31 + (f != NULL ? (unsigned long)((int (*)(void))f)() : 7);
	dlerror();
}

/* The same names of a handle, with and without a version; every fourth is not there. */
static void
ask(void *handle)
{
	for (int i = 0; i < NAMES; i++) {
		char name[32];

		snprintf(name, sizeof(name), i % 4 ? "hashed_%d" : "hashed_missing_%d", i);
		count(dlsym(handle, name));
		count(dlvsym(handle, name, "HASHED_1"));
		count(dlvsym(handle, name, "HASHED_9"));
	}
	count(dlsym(handle, "hashed_twice"));
	count(dlvsym(handle, "hashed_twice", "HASHED_1"));
	count(dlvsym(handle, "hashed_twice", "HASHED_2"));
	count(dlsym(handle, "hashed_weak"));
}

static void
tell(const char *what)
{
	printf("%s %016lx\n", what, sum);
	sum = 0;
}

static void
see(const char *what, void *address)
{
	Dl_info info;

	if (address == NULL || !dladdr(address, &info))
		printf("%s nothing\n", what);
	else
		printf("%s %s +%ld\n", what, info.dli_sname ? info.dli_sname : "no name",
		       info.dli_saddr ? (long)((char *)address - (char *)info.dli_saddr) : 0);
}

/* Defined here as well: what is behind it is the library's. */
__attribute__((visibility("default"), noinline)) int
hashed_1(void)
{
	return -1;
}

int
main(int argc, char **argv)
{
	void *plugin = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
	void *needed = argc == 3 ? dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) : NULL;

	if (plugin == NULL || needed == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	for (int i = 0; i < ROUNDS; i++)
		ask(plugin);
	tell("plugin");
	for (int i = 0; i < ROUNDS; i++)
		ask(needed);
	tell("needed");
	for (int i = 0; i < ROUNDS; i++)
		ask(RTLD_DEFAULT);
	tell("default");
	for (int i = 0; i < ROUNDS; i++) {
		count(dlsym(RTLD_NEXT, "hashed_1"));
		count(dlsym(RTLD_NEXT, "hashed_2"));
	}
	tell("next");
	for (int i = 0; i < ROUNDS; i++) {
		void *again = dlopen(argv[1], RTLD_NOW);

		count(dlsym(again, "hashed_5"));
		dlclose(again);
	}
	tell("opened");
	for (int i = 0; i < ROUNDS; i++) {
		see("plugin", dlsym(plugin, "hashed_3"));
		see("needed", dlsym(needed, "hashed_3"));
	}
	for (int i = 0; i < ROUNDS; i++) {
		dlclose(plugin);
		plugin = dlopen(argv[1], RTLD_NOW);
		ask(plugin);
	}
	tell("after");
	return 0;
}
