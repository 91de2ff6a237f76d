// SPDX-License-Identifier: BSD-2-Clause
// passed KIND...: instructions of one call of each kind that libc answers, with whatever is preloaded.
//
// Each kind runs in a thread that never had a hit: so many calls to warm up, then some under the CPU's trap
// flag, counted one by one. The counts repeat; what the loader itself does is part of them.
#include <dlfcn.h>
#include <err.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include "passed.h"

#define WARM      300
#define COUNTED   16
#define TRAP_FLAG 0x100

static volatile long steps;
static void *libm, *later;  /* a handle, and that of an object opened later */
static void *unseen_handle; /* of an object that only libc opened */
static struct passed_later *in_later;
static const char *const names[] = {"getenv", "atoi",   "qsort",  "fopen", "fclose", "printf",
				    "puts",   "open",   "close",  "write", "getpid", "fork",
				    "execve", "signal", "socket", "bind"};
#define NAME(i) names[(i) % 16]

static void
on_trap(int number)
{
	(void)number;
	steps++;
}

/* The flag takes effect after the instruction that sets it; what stands around the call is counted, too. */
#define FLAG(operation, bits)                                                                      \
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" operation                          \
			 " %0, (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp" ::"i"(bits)              \
			 : "memory", "cc")

struct kind {
	const char *name;
	void (*call)(int turn);
	void (*before)(int turn);
	void (*after)(void);
};

static void *got;
static int status;
static char text[64];
static Dl_info info;

static void
nothing(int turn)
{
	(void)turn;
}

static void
next(int turn)
{
	got = dlsym(RTLD_NEXT, NAME(turn));
}

/* Wrapped names begin so, too. */
static void
next_d(int turn)
{
	(void)turn;
	got = dlsym(RTLD_NEXT, "dup2");
}

static void
next_later(int turn)
{
	got = in_later->by_next(NAME(turn));
}

/* The same literal: what libc is to be asked for each time is known by its address. */
static void
next_missing(int turn)
{
	(void)turn;
	got = dlsym(RTLD_NEXT, "nobody_has");
}

static void
next_version(int turn)
{
	got = dlvsym(RTLD_NEXT, NAME(turn), "GLIBC_2.2.5");
}

static void
first_text(int turn)
{
	snprintf(text, sizeof(text), "nobody_has_%d", turn);
}

static void
first(int turn)
{
	(void)turn;
	got = dlsym(libm, text);
}

static void
first_default(int turn)
{
	(void)turn;
	got = dlsym(RTLD_DEFAULT, text);
}

static void
first_version(int turn)
{
	(void)turn;
	got = dlvsym(libm, text, "GLIBC_2.2.5");
}

static void
caller(int turn)
{
	got = in_later->by_default(NAME(turn));
}

static void
caller_version(int turn)
{
	got = in_later->by_version(NAME(turn), "GLIBC_2.2.5");
}

static void
definer(int turn)
{
	(void)turn;
	got = dlsym(RTLD_DEFAULT, "passed_later");
}

static void
resolver(int turn)
{
	got = dlsym(libm, turn % 2 ? "cos" : "sin");
}

static void
resolver_default(int turn)
{
	static const char *const its[] = {"memcpy", "strlen",  "strchr", "memset",
					  "strcmp", "memmove", "strcpy", "memchr"};

	got = dlsym(RTLD_DEFAULT, its[turn % 8]);
}

static void
resolver_version(int turn)
{
	(void)turn;
	got = dlvsym(libm, "cos", "GLIBC_2.2.5");
}

static void thread_local(int turn)
{
	(void)turn;
	got = dlsym(later, "passed_thread_local");
}

/* libc opened this object for itself. */
static void
handle(int turn)
{
	got = dlsym(unseen_handle, turn % 2 ? "_Unwind_GetIP" : "_Unwind_GetGR");
}

static void
handle_version(int turn)
{
	(void)turn;
	got = dlvsym(unseen_handle, "_Unwind_GetIP", "GCC_3.0");
}

static void
other_space(int turn)
{
	(void)turn;
	got = dlmopen(LM_ID_BASE, "libm.so.6", RTLD_NOW | RTLD_NOLOAD);
}

static void
give_back(void)
{
	if (got != NULL)
		dlclose(got);
}

static void
deep(int turn)
{
	(void)turn;
	got = dlopen("libm.so.6", RTLD_NOW | RTLD_DEEPBIND);
}

static void
origin(int turn)
{
	(void)turn;
	got = in_later->open("$ORIGIN/passed_needed.so", RTLD_NOW);
}

/* The caller has a RUNPATH of its own. */
static void
bare(int turn)
{
	(void)turn;
	got = in_later->open("passed_needed.so", RTLD_NOW);
}

/* This caller has none, and libm is linked with the program or not: here it was opened. */
static void
bare_later(int turn)
{
	(void)turn;
	got = in_later->needed_open("libm.so.6", RTLD_NOW);
}

static void
bare_initial(int turn)
{
	(void)turn;
	got = in_later->open("libc.so.6", RTLD_NOW);
}

static void
bare_missing(int turn)
{
	(void)turn;
	got = in_later->open("passed_nowhere.so", RTLD_NOW | RTLD_NOLOAD);
}

static void
bad_mode(int turn)
{
	(void)turn;
	got = dlopen("libm.so.6", 0);
}

static void
clear_error(void)
{
	dlerror();
}

static void
make_error(int turn)
{
	(void)turn;
	dlsym(RTLD_NEXT, "nobody_has");
}

static void
error(int turn)
{
	(void)turn;
	got = dlerror();
}

static void
facts(int turn)
{
	(void)turn;
	status = dlinfo(libm, RTLD_DI_LINKMAP, &got);
}

static void
nowhere(int turn)
{
	status = dladdr(text + turn % 32, &info);
}

static void
nowhere_more(int turn)
{
	status = dladdr1(&got + turn % 2, &info, &got, RTLD_DL_LINKMAP);
}

/* With SYMFAST_WATCH=0, or behind another wrapper of dladdr. */
static void
unseen(int turn)
{
	(void)turn;
	status = dladdr((void *)(size_t)in_later->open, &info);
}

static void
unseen_more(int turn)
{
	(void)turn;
	status = dladdr1((void *)(size_t)in_later->open, &info, &got, RTLD_DL_LINKMAP);
}

static void
trace(int turn)
{
	void *here[] = {(void *)(size_t)in_later->open};

	(void)turn;
	got = backtrace_symbols(here, 1);
}

static void
trace_done(void)
{
	free(got);
}

static void
walk(int turn)
{
	(void)turn;
	in_later->walk();
}

static void
path(int turn)
{
	static char room[4096];

	(void)turn;
	got = realpath("/", room);
}

static void
by_handle(int turn)
{
	got = dlsym(libm, turn % 2 ? "cbrt" : "hypot");
}

static void
by_default(int turn)
{
	got = dlsym(RTLD_DEFAULT, NAME(turn));
}

static void
by_version(int turn)
{
	got = dlvsym(libm, turn % 2 ? "cbrt" : "hypot", "GLIBC_2.2.5");
}

static void
reopen(int turn)
{
	(void)turn;
	got = dlopen("libm.so.6", RTLD_NOW);
}

static void
reopen_before(int turn)
{
	(void)turn;
	got = dlopen("libm.so.6", RTLD_NOW);
}

static void
reclose(int turn)
{
	(void)turn;
	status = dlclose(got);
}

static void
known(int turn)
{
	(void)turn;
	status = dladdr((void *)(size_t)qsort, &info);
}

static const struct kind kinds[] = {
	{"nothing", nothing, NULL, NULL},
	{"next", next, NULL, NULL},
	{"next-d", next_d, NULL, NULL},
	{"next-later", next_later, NULL, NULL},
	{"next-missing", next_missing, NULL, clear_error},
	{"next-version", next_version, NULL, NULL},
	{"first", first, first_text, clear_error},
	{"first-default", first_default, first_text, clear_error},
	{"first-version", first_version, first_text, clear_error},
	{"caller", caller, NULL, NULL},
	{"caller-version", caller_version, NULL, NULL},
	{"definer", definer, NULL, NULL},
	{"ifunc", resolver, NULL, NULL},
	{"ifunc-default", resolver_default, NULL, NULL},
	{"ifunc-version", resolver_version, NULL, NULL},
	{"thread-local", thread_local, NULL, NULL},
	{"handle", handle, NULL, NULL},
	{"handle-version", handle_version, NULL, NULL},
	{"dlmopen", other_space, NULL, give_back},
	{"deepbind", deep, NULL, give_back},
	{"origin", origin, NULL, give_back},
	{"bare", bare, NULL, give_back},
	{"bare-later", bare_later, NULL, give_back},
	{"bare-initial", bare_initial, NULL, give_back},
	{"bare-missing", bare_missing, NULL, clear_error},
	{"mode", bad_mode, NULL, clear_error},
	{"dlerror", error, make_error, NULL},
	{"dlerror-none", error, NULL, NULL},
	{"dlinfo", facts, NULL, NULL},
	{"dladdr-nowhere", nowhere, NULL, NULL},
	{"dladdr1-nowhere", nowhere_more, NULL, NULL},
	{"dladdr-unseen", unseen, NULL, NULL},
	{"dladdr1-unseen", unseen_more, NULL, NULL},
	{"backtrace", trace, NULL, trace_done},
	{"phdr", walk, NULL, NULL},
	{"realpath", path, NULL, NULL},
	{"by-handle", by_handle, NULL, NULL},
	{"by-default", by_default, NULL, NULL},
	{"by-version", by_version, NULL, NULL},
	{"reopen", reopen, NULL, give_back},
	{"reclose", reclose, reopen_before, NULL},
	{"dladdr", known, NULL, NULL},
};

static void
run(const struct kind *k, int turn, bool counted)
{
	if (k->before != NULL)
		k->before(turn);
	if (counted)
		FLAG("orq", TRAP_FLAG);
	k->call(turn);
	if (counted)
		FLAG("andq", ~TRAP_FLAG);
	if (k->after != NULL)
		k->after();
}

static void *
measure(void *arg)
{
	const struct kind *k = arg;

	for (int i = 0; i < WARM; i++)
		run(k, i, false);
	steps = 0;
	for (int i = 0; i < COUNTED; i++)
		run(k, WARM + i, true);
	printf("%s %.1f\n", k->name, (double)steps / COUNTED);
	return NULL;
}

static const struct kind *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	errx(2, "no such kind: %s", name);
}

static void
find_unseen(void)
{
	void *frames[2];

	backtrace(frames, 2);
	for (struct link_map *l = _r_debug.r_map; l != NULL; l = l->l_next)
		if (strstr(l->l_name, "libgcc_s") != NULL)
			unseen_handle = l;
}

int
main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 3)
		errx(2, "usage: passed LATER KIND");
	signal(SIGTRAP, on_trap);
	libm = dlopen("libm.so.6", RTLD_NOW);
	later = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (libm == NULL || later == NULL)
		errx(1, "%s", dlerror());
	find_unseen();
	in_later = dlsym(later, "passed_later");
	if (pthread_create(&thread, NULL, measure, (void *)(size_t)find(argv[2])) != 0)
		errx(1, "no thread");
	pthread_join(thread, NULL);
	return 0;
}
