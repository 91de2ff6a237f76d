// SPDX-License-Identifier: BSD-2-Clause
// stack KIND: how many bytes of stack a kind of call takes at most, with whatever is preloaded.
//
// A coroutine runs it on a painted stack: as many bytes as are no longer of that colour were used.
#include <dlfcn.h>
#include <err.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define ROOM   (256 << 10)
#define COLOUR 0xa5
#define TURNS  400

static ucontext_t home, coroutine;
static unsigned char memory[ROOM] __attribute__((aligned(64)));
static char names[TURNS][80], longs[TURNS][3100];
static void *libm, *got;
static void (*call)(int turn);
static int status;
static Dl_info info;

static void
hit(int turn)
{
	(void)turn;
	got = dlsym(libm, "cbrt");
}

static void
version(int turn)
{
	(void)turn;
	got = dlvsym(libm, "cbrt", "GLIBC_2.2.5");
}

static void
by_default(int turn)
{
	(void)turn;
	got = dlsym(RTLD_DEFAULT, "getenv");
}

static void
next(int turn)
{
	(void)turn;
	got = dlsym(RTLD_NEXT, "getenv");
}

/* Four times each: seen, learnt, answered. */
static void
missing(int turn)
{
	got = dlsym(libm, names[turn / 4]);
}

static void
missing_default(int turn)
{
	got = dlsym(RTLD_DEFAULT, names[turn / 4]);
}

static void
missing_long(int turn)
{
	got = dlsym(libm, longs[turn / 4]);
}

static void
error(int turn)
{
	(void)turn;
	got = dlsym(libm, "nobody_has");
	got = dlerror();
}

static void
reopen(int turn)
{
	(void)turn;
	got = dlopen("libm.so.6", RTLD_NOW);
	status = dlclose(got);
}

static void
address(int turn)
{
	status = dladdr((char *)(size_t)qsort + turn, &info);
}

static void
trace(int turn)
{
	void *frames[] = {(void *)(size_t)qsort, (void *)(size_t)getenv, (void *)(size_t)trace};

	(void)turn;
	got = backtrace_symbols(frames, 3);
	free(got);
}

static const struct kind {
	const char *name;
	void (*call)(int turn);
} kinds[] = {{"hit", hit},
	     {"version", version},
	     {"default", by_default},
	     {"next", next},
	     {"missing", missing},
	     {"missing-default", missing_default},
	     {"missing-long", missing_long},
	     {"error", error},
	     {"reopen", reopen},
	     {"address", address},
	     {"trace", trace}};

static void
run(void)
{
	for (int i = 0; i < TURNS; i++)
		call(i);
}

static void
find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			call = kinds[i].call;
	if (call == NULL)
		errx(2, "no such kind: %s", name);
}

int
main(int argc, char **argv)
{
	volatile size_t unused = 0;

	if (argc != 2)
		errx(2, "usage: stack KIND");
	find(argv[1]);
	libm = dlopen("libm.so.6", RTLD_NOW);
	for (int i = 0; i < TURNS; i++) {
		snprintf(names[i], sizeof(names[i]), "a_name_that_nobody_has_%d", i);
		memset(longs[i], 'x', sizeof(longs[i]) - 1);
		memcpy(longs[i], names[i], strlen(names[i]));
	}
	memset(memory, COLOUR, sizeof(memory));
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = memory;
	coroutine.uc_stack.ss_size = sizeof(memory);
	coroutine.uc_link = &home;
	makecontext(&coroutine, run, 0);
	swapcontext(&home, &coroutine);
	while (unused < sizeof(memory) && memory[unused] == COLOUR)
		unused++;
	printf("%s %zu\n", argv[1], sizeof(memory) - unused);
	return 0;
}
