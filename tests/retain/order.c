// SPDX-License-Identifier: BSD-2-Clause
// R1, R6, R8, R9: constructors and destructors of each lifetime: what they get, their order, what they may do; groups.
#include "host.h"

#include <errno.h>
#include <sys/wait.h>

extern char **environ;

static void
environment(void)
{
	for (int i = 0; i < reps + 2; i++) {
		char value[16], other[40];

		snprintf(value, sizeof(value), "%d", i);
		if (i == 4)
			clearenv();
		else
			setenv("HOST_LIFE", value, 1);
		for (int k = 0; k < 50 * (i % 2); k++) { /* so that environ moves */
			snprintf(other, sizeof(other), "HOST_%d_%d", i, k);
			setenv(other, value, 1);
		}
		host_cycle("alpha", 1);
	}
}

#define CYCLE(name)                                                                                \
	static void name##_cycle(void)                                                             \
	{                                                                                          \
		host_cycle(#name, reps);                                                           \
	}
CYCLE(top)
CYCLE(circle1)
CYCLE(later)
CYCLE(objects)
CYCLE(asks)

static void
registered(void)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("registers.so", RTLD_NOW);

		if (i % 2)
			((void (*)(void))dlsym(h, "registers_more"))();
		host_close(h);
		if (i >= 3 && fork() == 0)
			_exit(0);
		wait(NULL);
	}
}

static void
registered_open(void)
{
	host_cycle("registers", 0);
	for (int i = 0; i < reps; i++) {
		void *h = host_open("registers.so", RTLD_NOW);
		int status = 0;

		if (fork() == 0)
			exit(3);
		wait(&status);
		say("child %d", WEXITSTATUS(status));
		host_close(h);
	}
	host_open("registers.so", RTLD_NOW);
}

/* Symbols of an object that is global bind one that does not name it: that holds it. */
static void
bound_loosely(void)
{
	for (int i = 0; i < reps; i++) {
		void *g = host_open("gamma.so", RTLD_NOW | RTLD_GLOBAL), *h;

		h = host_open("loose.so", RTLD_LAZY);
		host_touch(h, "loose");
		host_close(g);
		host_loaded("gamma.so");
		host_touch(h, "loose");
		host_close(h);
		host_loaded("gamma.so");
	}
}

/* ---- an outsider needs a part of the group ---- */

static void
outsider(int opened, int closed)
{
	for (int i = 0; i < reps; i++) {
		void *o = NULL, *l, *r;

		if (opened == 0)
			o = host_open("outside.so", RTLD_NOW);
		l = host_open("left.so", RTLD_NOW);
		if (opened == 1)
			o = host_open("outside.so", RTLD_NOW);
		r = host_open("right.so", RTLD_NOW);
		if (opened == 2)
			o = host_open("outside.so", RTLD_NOW);
		host_touch(l, "left");
		host_touch(r, "right");
		host_touch(o, "outside");
		if (closed == 0)
			host_close(o);
		host_close(i % 2 ? l : r);
		if (closed == 1)
			host_close(o);
		host_close(i % 2 ? r : l);
		host_loaded("base.so");
		if (closed == 2) {
			host_touch(o, "outside");
			host_close(o);
		}
		host_loaded("base.so");
	}
}
static void
outsiders(void)
{
	for (int opened = 0; opened < 3; opened++)
		for (int closed = 0; closed < 3; closed++) {
			say("opened %d, closed %d", opened, closed);
			outsider(opened, closed);
		}
}

static void
outsider_stays(void)
{
	void *o = host_open("outside.so", RTLD_NOW);

	host_cycle("left", reps);
	host_touch(o, "outside");
	host_close(o);
	host_cycle("left", reps);
	host_cycle("top", reps);
	o = host_open("outside.so", RTLD_NOW);
	host_cycle("left", 3);
	host_cycle("top", 3);
	host_close(o);
}

/* The dependency itself is opened by its name, too. */
static void
dependency_opened(void)
{
	for (int i = 0; i < reps; i++) {
		void *l = host_open("left.so", RTLD_NOW), *b = host_open("base.so", RTLD_NOW);

		host_touch(l, "left");
		host_touch(b, "base");
		host_close(i % 2 ? l : b);
		host_close(i % 2 ? b : l);
		host_loaded("base.so");
		host_cycle("base", i % 3);
	}
}

/* Several plugins are open, and are closed in all orders. */
static void
interleaved(void)
{
	static const char *const names[] = {"alpha.so", "left.so", "top.so"};
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (int i = 0; i < 36; i++) {
		void *h[3];

		for (int k = 0; k < 3; k++)
			h[orders[i % 6][k]] = host_open(names[orders[i % 6][k]], RTLD_NOW);
		for (int k = 0; k < 3; k++)
			host_close(h[orders[i / 6][k]]);
	}
}

/* ---- errors ---- */

static void
fails(const char *who)
{
	if (strcmp(who, "alpha") == 0)
		dlsym(RTLD_DEFAULT, "a_name_that_is_nowhere");
}
static void
fails_in_its_end(const char *who)
{
	if (strcmp(who, "alpha") == 0)
		dlopen("/a/file/that/is/nowhere.so", RTLD_NOW);
}
static void
errors(void)
{
	for (int i = 0; i < reps; i++) {
		void *h;

		host_on_begin = fails;
		host_on_end = i % 2 ? fails_in_its_end : fails;
		h = dlopen(lab("alpha.so"), RTLD_NOW);
		host_error("after dlopen");
		host_error("after dlopen");
		errno = 0;
		say("dlclose %d, errno %d", dlclose(h), errno);
		host_error("after dlclose");
		host_error("after dlclose");
		dlsym(RTLD_DEFAULT, "pending");
		host_on_begin = host_on_end = NULL;
		h = dlopen(lab("alpha.so"), RTLD_NOW);
		host_error("after dlopen, before it one was pending");
		dlsym(h, "pending_again");
		dlclose(h);
		host_error("after dlclose, before it one was pending");
	}
}

/* ---- dlopen and dlclose within ---- */

static void *nested_handle;
static void
opens_beta(const char *who)
{
	if (strcmp(who, "alpha") == 0)
		nested_handle = host_open("beta.so", RTLD_NOW);
}
static void
closes_beta(const char *who)
{
	if (strcmp(who, "alpha") == 0 && nested_handle) {
		host_close(nested_handle);
		nested_handle = NULL;
		say("closed within");
	}
}
static void
nested_plugins(void)
{
	host_on_begin = opens_beta;
	host_on_end = closes_beta;
	host_cycle("alpha", reps);
	host_loaded("beta.so");
}

static void
cycles_beta(const char *who)
{
	if (strcmp(who, "alpha") == 0)
		host_cycle("beta", 1);
}
static void
nested_cycles(void)
{
	host_on_begin = host_on_end = cycles_beta;
	host_cycle("alpha", reps);
	host_cycle("beta", 2);
	host_cycle("alpha", 2);
}

static void
opens_itself(const char *who)
{
	if (strcmp(who, "alpha") == 0)
		nested_handle = host_open("alpha.so", RTLD_NOW);
}
static void
opens_itself_in_its_end(void)
{
	host_on_end = opens_itself;
	for (int i = 0; i < reps; i++) {
		void *h = host_open("alpha.so", RTLD_NOW);

		host_touch(h, "alpha");
		host_close(h);
		host_loaded("alpha.so");
	}
}

static void
opens_and_closes_itself(const char *who)
{
	if (strcmp(who, "alpha") == 0) {
		void *h = host_open("alpha.so", RTLD_NOW);

		if (h)
			host_close(h);
	}
}
static void
itself_in_both(void)
{
	host_on_begin = host_on_end = opens_and_closes_itself;
	host_cycle("alpha", reps);
	host_loaded("alpha.so");
}

static void *mine;
static void
closes_itself(const char *who)
{
	if (strcmp(who, "alpha") == 0 && mine)
		say("dlclose of itself %d", dlclose(mine));
}
static void
closes_itself_in_its_end(void)
{
	host_on_end = closes_itself;
	for (int i = 0; i < reps; i++) {
		mine = host_open("alpha.so", RTLD_NOW);
		host_close(mine);
		host_error("after");
	}
	mine = NULL;
}

static void
asks_of_itself(const char *who)
{
	Dl_info info;

	if (strcmp(who, "alpha") != 0)
		return;
	host_loaded("alpha.so");
	say("dladdr of itself %d", mine ? dladdr(((struct link_map *)mine)->l_ld, &info) : -1);
	say("dlsym in itself %d", mine ? dlsym(mine, "alpha_add") != NULL : -1);
	host_error("asked");
}
static void
asks_in_its_end(void)
{
	host_on_end = asks_of_itself;
	for (int i = 0; i < reps; i++) {
		mine = host_open("alpha.so", RTLD_NOW);
		host_close(mine);
	}
	mine = NULL;
}

static void
throwing(void)
{
	host_cycle("throws", 4);
	host_throws = true;
	host_cycle("throws", 1);
	say("not reached");
}
static void
catching(void)
{
	host_cycle("throws", reps);
}

/* Needs base.so and never goes, though nobody holds it open: what it needs stays, and those who come and go need it, too. */
static void
beside_a_stayer(void)
{
	void *h = host_open("outside.so", RTLD_NOW | RTLD_NODELETE);

	host_close(h);
	for (int i = 0; i < 2 * reps; i++) {
		h = host_open(i % 3 ? "left.so" : "right.so", RTLD_NOW);
		host_touch(h, i % 3 ? "left" : "right");
		host_close(h);
	}
}

/* The same with one that goes in the end: then base.so is theirs alone. */
static void
beside_a_goer(void)
{
	void *h, *nss;

	host_copy("outside.so", "./libnss_outside.so");
	host_copy("left.so", "./left.so");
	host_copy("base.so", "./base.so");
	for (int turn = 0; turn < 2; turn++) {
		nss = host_open("./libnss_outside.so", RTLD_NOW);
		for (int i = 0; i < 2 * reps; i++) {
			h = host_open("./left.so", RTLD_NOW);
			host_touch(h, "left");
			if (i == reps)
				host_close(nss);
			host_close(h);
		}
	}
}

const struct row rows[] = {
	{"R1 order: arguments and environment of the moment", environment, 0},
	{"R1 group: a diamond", top_cycle, 0},
	{"R1 group: a circle", circle1_cycle, 0},
	{"R1 group: one that is first by its flag (libc)", later_cycle, 0},
	{"R1 group: bound without naming it (libc)", bound_loosely, 0},
	{"R1 group: by soname", asks_cycle, 0},
	{"R1 order: C++ objects", objects_cycle, 0},
	{"R1 order: C++, a constructor that could throw", catching, 0},
	{"R1 order: C++, a constructor throws", throwing, 2},
	{"R1 order: atexit, pthread_atfork", registered, 0},
	{"R7 exit: registered and open", registered_open, 0},
	{"R6 shared: an outsider opened and closed at all times", outsiders, 0},
	{"R6 shared: an outsider that stays", outsider_stays, 0},
	{"R6 shared: a dependency opened by name", dependency_opened, 0},
	{"R6 shared: several, in all orders", interleaved, 0},
	{"R8 errors: left by constructors and destructors", errors, 0},
	{"R9 nested: a plugin that opens and closes another", nested_plugins, 0},
	{"R9 nested: cycles of another within", nested_cycles, 0},
	{"R9 nested: a destructor opens its own object", opens_itself_in_its_end, 0},
	{"R9 nested: opens and closes itself in both", itself_in_both, 0},
	{"R9 nested: a destructor closes its own object", closes_itself_in_its_end, 0},
	{"R9 nested: a destructor asks for its own object", asks_in_its_end, 0},
	{"R6 shared: with one that stays and nobody holds", beside_a_stayer, 0},
	{"R6 shared: with one that is never retained, and goes", beside_a_goer, 0},
	{NULL, NULL, 0},
};
