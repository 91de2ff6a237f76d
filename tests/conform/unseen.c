// SPDX-License-Identifier: BSD-2-Clause
// Row 36 and its kin: calls that reach libc past any preload, by DEEPBIND, raw pointer or
// namespace.
#include "raw.h"
#include "row.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Not here, because no preload can notice it: a program that reads libc's dlclose out of the symbol
 * table and closes what it opened by the wrapper, or loads globally that way, or reads its errors.
 *
 * An object opened with RTLD_DEEPBIND finds libc before the global scope, so its dl* calls are
 * libc's own. `deep` makes such calls; nobody handed them out.
 */
static const struct agent *deep;
static const struct agent raw_agent_empty;
static struct agent raw_agent;

static void
deepbind(void)
{
	deep = agent_of(must_open("deep.so", RTLD_LAZY | RTLD_DEEPBIND), "deep");
}

/* The same of an object that only came along as a dependency. */
static void
dependency(void)
{
	deep = agent_of(must_open("down.so", RTLD_LAZY | RTLD_DEEPBIND), "mid");
}

/* libc's functions as a program would hold them that read them out of a GOT or a symbol table. */
static void
from_table(void)
{
	union {
		void *value;
		void *(*sym)(void *, const char *);
		void *(*vsym)(void *, const char *, const char *);
		void *(*open)(const char *, int);
		int (*close)(void *);
		char *(*error)(void);
	} any;

	raw_agent = raw_agent_empty;
	any.value = raw_function("dlsym");
	raw_agent.sym = any.sym;
	any.value = raw_function("dlvsym");
	raw_agent.vsym = any.vsym;
	any.value = raw_function("dlopen");
	raw_agent.open = any.open;
	any.value = raw_function("dlclose");
	raw_agent.close = any.close;
	any.value = raw_function("dlerror");
	raw_agent.error = any.error;
	deep = &raw_agent;
}

static void
unseen_close(void)
{
	void *handle = must_open("ev1.so", RTLD_LAZY);

	see_reopen(lab("ev1.so"), RTLD_LAZY);
	must_open("ev1.so", RTLD_LAZY);
	must_open("ev1.so", RTLD_LAZY);
	see_call(handle, "shared_fn");
	say("unseen close %d", deep->close(handle));
	see_loaded(lab("ev1.so"));
	see_call(handle, "shared_fn");
	see_close(handle);
	see_loaded(lab("ev1.so"));
	see_close(handle);
	see_loaded(lab("ev1.so"));
}

static void
unseen_last_close(void)
{
	static const char *const files[] = {"churn10.so", "churn11.so", "churn12.so"};
	int round;

	for (round = 0; round < 9; round++) {
		void *handle = must_open(files[round % 3], RTLD_LAZY);

		see_call(handle, "churn_id");
		see_sym(handle, "churn_only_10");
		say("unseen close %d", deep->close(handle));
		see_loaded(lab(files[round % 3]));
	}
}

static void
unseen_reuse(void)
{
	static const char *const files[] = {"churn10.so", "churn11.so", "churn12.so"};
	int round;

	for (round = 0; round < 9; round++) {
		void *handle = deep->open(lab(files[round % 3]), RTLD_LAZY);

		see_call(handle, "churn_id");
		see_sym(handle, "churn_only_11");
		say("unseen close %d", deep->close(handle));
		see_loaded(lab(files[round % 3]));
	}
}

static void
unseen_global_load(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	int round;

	for (round = 0; round < 3; round++) {
		void *handle;

		see_sym(self, "only_alpha");
		see_sym(self, "shared_fn");
		handle = deep->open(lab("alpha.so"), RTLD_LAZY | RTLD_GLOBAL);
		see_sym(self, "only_alpha");
		see_sym(self, "shared_fn");
		say("unseen close %d", deep->close(handle));
		see_sym(self, "only_alpha");
	}
}

static void
unseen_global_load_default(void)
{
	void *handle;

	see_sym(RTLD_DEFAULT, "only_alpha");
	handle = deep->open(lab("alpha.so"), RTLD_LAZY | RTLD_GLOBAL);
	see_sym(RTLD_DEFAULT, "only_alpha");
	say("unseen close %d", deep->close(handle));
	see_loaded(lab("alpha.so"));
}

static void
unseen_error(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	EACH
	{
		dlsym(alpha, "missing_one");
		say("unseen dlerror: %s", text(deep->error()));
		say("own dlerror: %s", text(dlerror()));
		deep->sym(alpha, "missing_two");
		say("own dlerror: %s", text(dlerror()));
		dlsym(alpha, "missing_one");
		deep->sym(alpha, "only_alpha");
		say("cleared: %s", text(dlerror()));
	}
}

#define BY(name, how)                                                                              \
	static void name##_##how(void)                                                             \
	{                                                                                          \
		how();                                                                             \
		name();                                                                            \
	}
BY(unseen_close, deepbind)
BY(unseen_close, dependency)
BY(unseen_last_close, deepbind)
BY(unseen_last_close, dependency)
BY(unseen_reuse, deepbind)
BY(unseen_reuse, dependency)
BY(unseen_reuse, from_table)
BY(unseen_global_load, deepbind)
BY(unseen_global_load_default, deepbind)
BY(unseen_error, deepbind)
BY(unseen_error, dependency)

/* The references were counted before anybody could close them unseen. */
static void
counted_before(void)
{
	void *handle = must_open("ev1.so", RTLD_LAZY);
	void *self = dlopen(NULL, RTLD_LAZY);

	see_reopen(lab("ev1.so"), RTLD_LAZY);
	must_open("ev1.so", RTLD_LAZY);
	must_open("ev1.so", RTLD_LAZY);
	see_call(handle, "shared_fn");
	see_sym(self, "only_alpha");
	dlsym(handle, "pending");
	deepbind();
	say("unseen close %d", deep->close(handle));
	see_call(handle, "shared_fn");
	say("unseen close %d", deep->close(handle));
	see_loaded(lab("ev1.so"));
	see_call(handle, "shared_fn");
	say("unseen close %d", deep->close(handle));
	see_loaded(lab("ev1.so"));
	say("unseen open %s",
	    where(deep->sym(deep->open(lab("alpha.so"), RTLD_LAZY | RTLD_GLOBAL), "only_alpha")));
	see_sym(self, "only_alpha");
}

/* `own` by dlclose, the others by libc's own one, which no dl* call handed out: the last of all unloads. */
static void
close_from_table(int own, int unseen)
{
	int (*close)(void *) = (int (*)(void *))raw_function("dlclose");
	void *handle = NULL;

	for (int i = 0; i < own + unseen; i++)
		handle = dlopen(lab("ev1.so"), RTLD_LAZY);
	see_call(handle, "shared_fn");
	for (int i = 0; i < own + unseen; i++) {
		say("close %d", i < unseen ? close(handle) : dlclose(handle));
		if (i + 1 < own + unseen)
			see_call(handle, "shared_fn");
	}
	see_loaded(lab("ev1.so"));
	/* The address most likely comes again. */
	handle = dlopen(lab("alpha.so"), RTLD_LAZY);
	see_sym(handle, "only_alpha");
	see_sym(handle, "shared_fn");
	see_close(handle);
}

static void
unseen_closes_from_table(void)
{
	close_from_table(0, 6);
	close_from_table(0, 40);
}

static void
unseen_closes_before_seen(void)
{
	close_from_table(4, 2);
	close_from_table(1, 1);
}

static void
pending_before(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	see_sym(alpha, "missing_one");
	deep = agent_of(must_open("deep.so", RTLD_LAZY | RTLD_DEEPBIND), "deep");
	EACH
	{
		dlsym(alpha, "missing_one");
		say("unseen dlerror: %s", text(deep->error()));
		say("own dlerror: %s", text(dlerror()));
	}
}

/* A caller in another namespace gets its own copy of what the base has open. */
static void
namespace_open(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	const struct agent *inside;
	void *other;

	see_reopen(lab("alpha.so"), RTLD_LAZY);
	inside = agent_of(dlmopen(LM_ID_NEWLM, lab("beta.so"), RTLD_LAZY), "beta");
	EACH
	{
		other = inside->open(lab("alpha.so"), RTLD_LAZY);
		say("%s", other == alpha ? "the base's" : other ? "its own" : "NULL");
		say("%s", inside->sym(other, "only_alpha") == dlsym(alpha, "only_alpha")
				  ? "one value"
				  : "two");
		say("close %d", inside->close(other));
	}
	see_close(alpha);
	see_loaded(lab("alpha.so"));
}

const struct row rows[] = {
	{"C36 DEEPBIND: dlclose of a counted handle", unseen_close_deepbind, 0},
	{"C36 DEEPBIND dependency: dlclose of a counted handle", unseen_close_dependency, 0},
	{"C36 DEEPBIND: the last dlclose", unseen_last_close_deepbind, 0},
	{"C36 DEEPBIND dependency: the last dlclose", unseen_last_close_dependency, 0},
	{"C36 DEEPBIND: dlopen and dlclose, one address", unseen_reuse_deepbind, 0},
	{"C36 DEEPBIND dependency: dlopen and dlclose, one address", unseen_reuse_dependency, 0},
	{"C36 DEEPBIND: references counted before", counted_before, 0},
	{"C08 DEEPBIND: a text kept before", pending_before, 0},
	{"C36 table: closed by libc's own alone", unseen_closes_from_table, 0},
	{"C36 table: closed by libc's own, then by dlclose", unseen_closes_before_seen, 0},
	{"C36 table: dlopen and dlclose, one address", unseen_reuse_from_table, 0},
	{"C16 DEEPBIND: a global load", unseen_global_load_deepbind, 0},
	{"C20 DEEPBIND: a global load, by DEFAULT", unseen_global_load_default_deepbind, 0},
	{"C08 DEEPBIND: errors", unseen_error_deepbind, 0},
	{"C08 DEEPBIND dependency: errors", unseen_error_dependency, 0},
	{"C25 C40 a caller in a namespace opens what the base has open", namespace_open, 0},
	{0},
};
