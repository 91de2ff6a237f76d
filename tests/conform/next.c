// SPDX-License-Identifier: BSD-2-Clause
// Row 23 of the contract: RTLD_NEXT, which objects of the initial set ask again and again.
#include "row.h"
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
/* There are many names and callers, and all is cached after two questions. */
#define SOME for (int each_ = 0; each_ < reps && each_ < 5; each_++)

extern const struct agent agent_initial, agent_initsym;

/* Names of every kind: of the objects at the start, of libc, of nobody. */
static const char *const names[] = {"shared_fn",
				    "shared_data",
				    "only_initial",
				    "only_initsym",
				    "only_alpha",
				    "strtol",
				    "malloc",
				    "getppid",
				    "memcpy",
				    "strlen",
				    "time",
				    "environ",
				    "stdout",
				    "errno",
				    "pthread_create",
				    "realpath",
				    "__libc_start_main",
				    "_r_debug",
				    "kind_func",
				    "kind_alias",
				    "kind_weak",
				    "kind_hidden",
				    "kind_protected",
				    "kind_object",
				    "kind_common",
				    "kind_tls",
				    "kind_abs",
				    "kind_abs_zero",
				    "kind_label",
				    "kind_unique",
				    "kind_sizeless",
				    "foo",
				    "bar",
				    "plain",
				    "chosen_fn",
				    "none",
				    "a_name_that_is_longer_than_what_one_cell_of_the_map_can_hold"};

/* The executable has this name, too. */
int only_alpha(void);
int
only_alpha(void)
{
	return 7;
}

static const char *
preload(const char *before, const char *after)
{
	static char list[8192];
	const char *old = getenv("LD_PRELOAD");

	snprintf(list, sizeof(list), "%s%s%s%s%s", before ? lab(before) : "",
		 before && old ? ":" : "", old ? old : "", after && (old || before) ? ":" : "",
		 after ? lab(after) : "");
	return list;
}

static void
each_name(const struct agent *agent, const char *who)
{
	for (size_t n = 0; n < COUNT(names); n++) {
		SOME
		{
			const char *name = shape(each_, names[n]);

			say("%s: %s %s", who, names[n], where(agent->sym(RTLD_NEXT, name)));
			say("%s", text(agent->error()));
		}
	}
}

static void
by_main(void)
{
	for (size_t n = 0; n < COUNT(names); n++)
		SOME
		{
			say("main: %s %s", names[n], where(dlsym(RTLD_NEXT, names[n])));
			say("%s", text(dlerror()));
		}
}

/* An agent of an object that LD_PRELOAD may have brought. */
static void
perhaps(const char *object)
{
	char name[64];
	const struct agent *agent;

	snprintf(name, sizeof(name), "agent_%s", object);
	agent = dlsym(RTLD_DEFAULT, name);
	if (agent)
		each_name(agent, object);
	else
		dlerror();
}

static void
see_resolver(void)
{
	const int *runs = dlsym(RTLD_DEFAULT, "kind_resolved");

	EACH
	{
		int before = runs ? *runs : 0;
		void *value = agent_initial.sym(RTLD_NEXT, "kind_ifunc");

		say("ifunc %s, %d runs", where(value), runs ? *runs - before : 0);
		value = dlsym(RTLD_NEXT, "kind_ifunc");
		say("ifunc %s", where(value));
		dlerror();
	}
}

static void
everybody(void)
{
	by_main();
	each_name(&agent_initial, "initial");
	each_name(&agent_initsym, "initsym");
	perhaps("kinds");
	perhaps("versions");
	perhaps("sysv");
	perhaps("wrap");
	perhaps("wrap2");
	see_resolver();
}

static void
at_start(void)
{
	everybody();
	everybody();
}

/* With one object more before this library, or behind it. */
static void
preloaded(const char *file)
{
	in_process("everybody", "LD_PRELOAD", preload(file, NULL));
	in_process("everybody", "LD_PRELOAD", preload(NULL, file));
}

static void
kinds_preloaded(void)
{
	preloaded("kinds.so");
	preloaded("versions.so");
}

static void
odd_preloaded(void)
{
	preloaded("sysv.so");
	preloaded("weak.so");
	preloaded("filter.so");
	preloaded("missing.so");
	preloaded("libchosen.so");
}

static void
weak_at_start(void)
{
	setenv("LD_DYNAMIC_WEAK", "1", 1);
	preloaded("weak.so");
}

static void
see_wrappers(void)
{
	int (*call)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "shared_fn");
	long (*calls)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "calls_wrap");

	EACH
	{
		void *volatile memory = malloc(100);

		free(memory);
		say("parent %d", getppid() == getpid());
		say("shared %d", call());
	}
	say("wrapped %d", calls && calls() >= 2 * reps);
}

static void
wrappers(void)
{
	in_process("wrappers", "LD_PRELOAD", preload("allocates.so", NULL));
	in_process("wrappers", "LD_PRELOAD", preload(NULL, "allocates.so"));
	setenv("LD_PRELOAD", preload("wrap2.so", NULL), 1);
	in_process("wrappers", "LD_PRELOAD", preload("wrap.so", NULL));
	in_process("everybody", "LD_PRELOAD", preload(NULL, "wrap.so"));
}

/* What lies behind everything at the start comes, goes, and comes again elsewhere. */
static void
global_loads(void)
{
	static const char *const files[] = {"beta.so", "gamma.so", "bare.so"};

	everybody();
	for (size_t i = 0; i < COUNT(files); i++) {
		void *handle = must_open(files[i], RTLD_LAZY | RTLD_GLOBAL);

		see_sym(RTLD_NEXT, "only_beta");
		see_agent(&agent_initsym, "initsym", RTLD_NEXT, "only_beta");
		see_agent(&agent_initsym, "initsym", RTLD_NEXT, "shared_fn");
		see_agent(&agent_initsym, "initsym", RTLD_NEXT, "foo");
		everybody();
		see_close(handle);
		see_agent(&agent_initsym, "initsym", RTLD_NEXT, "shared_fn");
	}
}

/* Callers that come later have other lists. */
static void
later_callers(void)
{
	for (int round = 0; round < 3; round++) {
		void *alpha = must_open("alpha.so", RTLD_LAZY);
		void *beta = must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);

		each_name(agent_of(alpha, "alpha"), "alpha");
		each_name(&agent_initial, "initial");
		each_name(agent_of(beta, "beta"), "beta");
		see_close(beta);
		each_name(agent_of(alpha, "alpha"), "alpha");
		see_close(alpha);
	}
}

static void
other_namespace(void)
{
	void *handle = dlmopen(LM_ID_NEWLM, lab("alpha.so"), RTLD_NOW);

	if (!handle)
		_exit(92);
	each_name(agent_of(handle, "alpha"), "space");
	everybody();
	each_name(agent_of(handle, "alpha"), "space");
}

/* The object asked is the one that the jump came from. */
static void
tail_calls(void)
{
	void *handle = must_open("wrap.so", RTLD_LAZY);
	void *(*tail)(const char *) = (void *(*)(const char *))dlsym(handle, "tail_wrap");

	EACH
	{
		say("main %s", where(tail("shared_fn")));
		say("wrap %s", where(agent_of(handle, "wrap")->sym(RTLD_NEXT, "shared_fn")));
		say("%s", text(dlerror()));
		say("main %s", where(tail("only_initsym")));
	}
}

static void
versions_in_turn(void)
{
	static const char *const versions[] = {LIBC_FIRST, "GLIBC_2.34", "VER_1", "VER_2", "VER_3"};

	for (size_t i = 0; i < COUNT(versions); i++) {
		see_vsym(RTLD_NEXT, "foo", versions[i]);
		see_vsym(RTLD_NEXT, "strtol", versions[i]);
		see_vsym(RTLD_NEXT, "pthread_create", versions[i]);
		see_sym(RTLD_NEXT, "foo");
		EACH say("%s", where(agent_initsym.vsym(RTLD_NEXT, "strtol", versions[i])));
		dlerror();
	}
}

static void
with_versions(void)
{
	versions_in_turn();
	in_process("versions", "LD_PRELOAD", preload("versions.so", NULL));
	in_process("versions", "LD_PRELOAD", preload(NULL, "versions.so"));
}

static void
ask(void *unused)
{
	(void)unused;
	everybody();
}

static void
threads_and_forks(void)
{
	int status;
	pid_t child;

	in_thread(ask, NULL);
	everybody();
	in_thread(ask, NULL);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		everybody();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	everybody();
}

/* A pending error goes with an answer, and stays with none. */
static void
errors(void)
{
	EACH
	{
		dlsym(RTLD_NEXT, "nobody");
		say("%s", where(dlsym(RTLD_NEXT, "strtol")));
		say("%s", text(dlerror()));
		dlsym(RTLD_DEFAULT, "nobody");
		say("%s", where(agent_initsym.sym(RTLD_NEXT, "strtol")));
		dlsym(RTLD_NEXT, "nobody");
		say("%s", text(dlerror()));
		say("%s", text(dlerror()));
	}
}

/* A handle that the map uses for itself is none for the host. */
static void
own_handle(void)
{
	for (int i = 0; i < 100; i++)
		dlsym(RTLD_NEXT, "strtol");
	dlsym((void *)~(uintptr_t)_r_debug.r_map, "strtol");
}

static void
own_handle_version(void)
{
	for (int i = 0; i < 100; i++)
		dlsym(RTLD_NEXT, "strtol");
	dlvsym((void *)~(uintptr_t)_r_debug.r_map, "strtol", LIBC_FIRST);
}

void
inner_main(const char *inner)
{
	if (strcmp(inner, "everybody") == 0)
		everybody();
	else if (strcmp(inner, "wrappers") == 0)
		see_wrappers();
	else if (strcmp(inner, "versions") == 0)
		versions_in_turn();
}

const struct row rows[] = {
	{"C23 every caller of the start, every name", at_start, 0},
	{"C09 C10 C11 C12 C23 kinds and versions at the start", kinds_preloaded, 0},
	{"C23 other hash tables, weak ones, filters at the start", odd_preloaded, 0},
	{"C16 C23 LD_DYNAMIC_WEAK", weak_at_start, 0},
	{"C23 wrappers that ask at each call", wrappers, 0},
	{"C23 global loads", global_loads, 0},
	{"C23 callers that were loaded later", later_callers, 0},
	{"C23 C40 callers of another namespace", other_namespace, 3},
	{"C22 C23 tail calls", tail_calls, 0},
	{"C14 C23 with versions", with_versions, 0},
	{"C23 C46 threads and children", threads_and_forks, 0},
	{"C01 C23 pending errors", errors, 0},
	{"C23 the map's own handle", own_handle, 1},
	{"C23 the map's own handle, with a version", own_handle_version, 1},
	{NULL, NULL, 0},
};
