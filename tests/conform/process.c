// SPDX-License-Identifier: BSD-2-Clause
// Rows 46 to 53 of the contract: what concerns the process: fork, audit, preloads, threads, exec.
#include "row.h"
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
warm(void *handle)
{
	see_sym(handle, "only_alpha");
	see_sym(handle, "none");
	see_sym(RTLD_DEFAULT, "strtol");
}

static void
in_child(void (*f)(void *), void *argument)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		f(argument);
		say("child done");
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("child status %d", status);
}

static void
child_looks_up(void *alpha)
{
	void *beta;

	warm(alpha);
	beta = must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	see_call(beta, "shared_fn");
	see_sym(dlopen(NULL, RTLD_LAZY), "only_beta");
	see_close(beta);
	see_close(alpha);
	see_loaded(lab("alpha.so"));
}

static void
forked(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	warm(alpha);
	dlsym(alpha, "pending");
	in_child(child_looks_up, alpha);
	see_error("pending");
	warm(alpha);
	see_close(alpha);
	see_loaded(lab("alpha.so"));
}

static void
forked_twice(void *alpha)
{
	child_looks_up(alpha);
	in_child(child_looks_up, must_open("alpha.so", RTLD_LAZY));
}

static void
forked_deep(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	warm(alpha);
	in_child(forked_twice, alpha);
	warm(alpha);
}

static void
thread_forks(void *alpha)
{
	warm(alpha);
	in_child(child_looks_up, alpha);
}

static void
forked_in_thread(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	warm(alpha);
	in_thread(thread_forks, alpha);
	warm(alpha);
}

static void
executed(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	pid_t child;
	int status = 0;

	warm(alpha);
	dlsym(alpha, "pending");
	child = vfork();
	if (child == 0) {
		execl("/bin/true", "/bin/true", NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	say("status %d", status);
	see_error("pending");
	warm(alpha);
}

static void *
small_thread(void *alpha)
{
	warm(alpha);
	return NULL;
}

static void
small_stack(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	pthread_attr_t attributes;
	pthread_t thread;
	int result;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	result = pthread_create(&thread, &attributes, (void *(*)(void *))getenv, (void *)"PATH");
	say("create with the smallest stack: %s", strerror(result));
	if (!result)
		pthread_join(thread, NULL);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	result = pthread_create(&thread, &attributes, small_thread, alpha);
	if (!result)
		pthread_join(thread, NULL);
	say("create with 64 KiB: %s", strerror(result));
}

static void
namespaces(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	void *other, *base;

	warm(alpha);
	other = dlmopen(LM_ID_NEWLM, lab("alpha.so"), RTLD_LAZY);
	say("other namespace: %s", other && other != alpha ? "another handle" : text(dlerror()));
	warm(alpha);
	see_sym(other, "only_alpha");
	see_sym(other, "none");
	see_sym(other, "only_beta");
	base = dlmopen(LM_ID_BASE, lab("alpha.so"), RTLD_LAZY);
	say("base namespace: %s", base == alpha ? "same handle" : "other");
	see_close(base);
	must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	see_sym(other, "only_beta");
	see_sym(RTLD_DEFAULT, "only_beta");
	see_close(other);
	warm(alpha);
	see_close(alpha);
	see_loaded(lab("alpha.so"));
}

static void
namespace_agent(void)
{
	void *other = dlmopen(LM_ID_NEWLM, lab("runpath.so"), RTLD_LAZY);
	const struct agent *agent = agent_of(other, "runpath");
	void *far;

	must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	see_agent(agent, "inside", RTLD_DEFAULT, "only_beta");
	see_agent(agent, "inside", RTLD_DEFAULT, "only_runpath");
	see_agent(agent, "inside", RTLD_NEXT, "shared_fn");
	EACH
	{
		far = agent->open("libfar.so", RTLD_LAZY);
		say("far: %s", far ? handle_name(far) : text(agent->error()));
		say("value %s", where(dlsym(far, "only_far")));
		say("inside %s", where(agent->sym(RTLD_DEFAULT, "only_far")));
		say("outside %s", where(dlsym(RTLD_DEFAULT, "only_far")));
		see_error("outside");
		if (far)
			say("close %d", agent->close(far));
	}
}

#ifdef __x86_64__
extern char *first_realpath(const char *, char *);
__asm__(".symver first_realpath, realpath@" LIBC_FIRST);

/* libc's first realpath refuses a NULL buffer, whoever asks for it and how. */
static void
old_realpath(void)
{
	char *(*by_name)(const char *, char *) =
		(char *(*)(const char *, char *))dlvsym(RTLD_DEFAULT, "realpath", LIBC_FIRST);
	char room[4096], *path;

	EACH
	{
		errno = 0;
		path = first_realpath("/proc/..", NULL);
		say("first %s, %s", text(path), strerror(errno));
		path = first_realpath("/proc/..", room);
		say("first, with room %s", text(path));
		errno = 0;
		say("by name %s, %s", text(by_name("/proc/..", NULL)), strerror(errno));
		path = realpath("/proc/..", NULL);
		say("newest %s", text(path));
		free(path);
	}
}
#endif

static void
old_references(void)
{
	const struct agent *agent = agent_of(must_open("oldref.so", RTLD_LAZY), "oldref");
	void *alpha;

	EACH
	{
		alpha = agent->open(lab("alpha.so"), RTLD_LAZY);
		say("%s", where(agent->sym(alpha, "only_alpha")));
		say("%s", where(agent->sym(alpha, "none")));
		say("old error %s", text(agent->error()));
		agent->sym(alpha, "none");
		say("new error %s", text(dlerror()));
		dlsym(alpha, "none");
		say("old error %s", text(agent->error()));
		say("close %d", each_ % 2 ? dlclose(alpha) : agent->close(alpha));
		see_loaded(lab("alpha.so"));
	}
}

static const char *
preloads(const char *before, const char *after)
{
	static char value[3 * 4096];
	const char *own = getenv("LD_PRELOAD");

	snprintf(value, sizeof(value), "%s %s %s", before ? lab(before) : "", own ? own : "",
		 after ? lab(after) : "");
	return value;
}

static void
earlier_constructors(void)
{
	in_process("early", "LD_PRELOAD", preloads("early.so", NULL));
	in_process("early", "LD_PRELOAD", preloads(NULL, "early.so"));
}

static void
earlier_resolvers(void)
{
	in_process("resolved", "LD_PRELOAD", preloads("resolved.so", "resolver.so"));
	in_process("resolved", "LD_PRELOAD", preloads("resolved_now.so", "resolver_now.so"));
	setenv("LD_BIND_NOW", "1", 1);
	in_process("resolved", "LD_PRELOAD", preloads("resolved.so", "resolver.so"));
}

static void
earlier_resolvers_after(void)
{
	char both[8192];

	snprintf(both, sizeof(both), "resolved.so %s", lab("resolver.so"));
	in_process("resolved", "LD_PRELOAD", preloads(both, NULL));
	in_process("resolved", "LD_PRELOAD", preloads(NULL, both));
}

static void
audited(void)
{
	in_process("audit", "LD_AUDIT", lab("audit.so"));
}

static void
bound_now(void)
{
	in_process("plain", "LD_BIND_NOW", "1");
}

static void
many_exits(void)
{
	in_process("plain", NULL, NULL);
	in_process("abort", NULL, NULL);
	in_process("quick", NULL, NULL);
}

static void
no_environment(void)
{
	environ = NULL;
	warm(must_open("alpha.so", RTLD_LAZY));
}

static void
see_number(const char *name)
{
	union {
		void *value;
		int (*call)(void);
	} found = {dlsym(RTLD_DEFAULT, name)};

	say("%s %d", name, found.value ? found.call() : -1);
}

void
inner_main(const char *inner)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	if (!strcmp(inner, "early"))
		see_number("early_found");
	if (!strcmp(inner, "resolved"))
		see_number("early_result");
	if (!strcmp(inner, "audit")) {
		see_call(alpha, "only_alpha");
		see_call(alpha, "shared_fn");
		see_sym(alpha, "none");
		return;
	}
	warm(alpha);
	see_close(alpha);
	if (!strcmp(inner, "abort"))
		abort();
	if (!strcmp(inner, "quick"))
		_exit(3);
}

const struct row rows[] = {
	{"C46 fork", forked, 0},
	{"C46 fork in fork", forked_deep, 0},
	{"C46 fork in a thread", forked_in_thread, 0},
	{"C46 vfork and exec", executed, 0},
	{"C47 audit", audited, 0},
	{"C48 references under the old version", old_references, 0},
#ifdef __x86_64__
	{"C48 libc's first realpath", old_realpath, 0},
#endif
	{"C51 look-ups in earlier and later constructors", earlier_constructors, 0},
	{"C51 look-ups in IFUNC resolvers", earlier_resolvers, 0},
	{"C51 look-ups in IFUNC resolvers of other preloads", earlier_resolvers_after, 0},
	{"C51 bound now", bound_now, 0},
	{"C51 ways to end", many_exits, 0},
	{"C50 no environment", no_environment, 0},
	{"C53 small stacks", small_stack, 0},
	{"C26 C40 namespaces", namespaces, 0},
	{"C25 C40 a caller in a namespace", namespace_agent, 3},
	{0},
};
