// SPDX-License-Identifier: BSD-2-Clause
// Rows 17 to 23 of the contract: RTLD_DEFAULT and RTLD_NEXT, which depend on who asks.
#include "row.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

extern const struct agent agent_initial, agent_initsym;
int shared_fn(void);
int only_initial(void);

/* Linked with libinitial.so and libinitsym.so, so both are in the initial set. */
static const struct agent *const initial[] = {&agent_initial, &agent_initsym};
static const char *const initial_names[] = {"initial", "initsym"};
static const char *const names[] = {"shared_fn", "only_initial", "only_initsym", "only_alpha",
				    "only_beta", "shared_data",  "strtol",       "none"};

static void
each_name(const struct agent *agent, const char *who)
{
	size_t n;

	for (n = 0; n < COUNT(names); n++) {
		see_agent(agent, who, RTLD_DEFAULT, names[n]);
		see_agent(agent, who, RTLD_NEXT, names[n]);
	}
}

static void
by_main(void)
{
	size_t n;

	for (n = 0; n < COUNT(names); n++) {
		see_sym(RTLD_DEFAULT, names[n]);
		see_sym(RTLD_NEXT, names[n]);
	}
}

static void
who_asks(void)
{
	static const char *const objects[] = {"alpha", "symbolic", "deep", "beta"};
	static const int modes[] = {RTLD_LAZY, RTLD_LAZY, RTLD_LAZY | RTLD_DEEPBIND,
				    RTLD_LAZY | RTLD_GLOBAL};
	char file[32];
	size_t i;

	by_main();
	for (i = 0; i < COUNT(initial); i++)
		each_name(initial[i], initial_names[i]);
	for (i = 0; i < COUNT(objects); i++) {
		void *handle;

		snprintf(file, sizeof(file), "%s.so", objects[i]);
		handle = must_open(file, modes[i]);
		each_name(agent_of(handle, objects[i]), objects[i]);
		by_main();
	}
}

static void
who_asks_in_turns(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	void *symbolic = must_open("symbolic.so", RTLD_LAZY);
	void *deep = must_open("deep.so", RTLD_LAZY | RTLD_DEEPBIND);
	const struct agent *const agents[] = {&agent_initial, &agent_initsym,
					      agent_of(alpha, "alpha"), agent_of(deep, "deep"),
					      agent_of(symbolic, "symbolic")};
	size_t n, a;

	EACH
	{
		for (n = 0; n < COUNT(names); n++) {
			const char *name = shape(each_ + (int)n, names[n]);

			say("main %s %s", names[n], where(dlsym(RTLD_DEFAULT, name)));
			for (a = 0; a < COUNT(agents); a++) {
				say("%zu %s %s", a, names[n],
				    where(agents[a]->sym(RTLD_DEFAULT, name)));
				say("next %s", where(agents[a]->sym(RTLD_NEXT, name)));
			}
			say("error %s", text(dlerror()));
		}
	}
}

static void
positive_changes(void)
{
	int round;

	for (round = 0; round < 3; round++) {
		void *alpha = must_open("alpha.so", RTLD_LAZY);
		const struct agent *agent = agent_of(alpha, "alpha");
		void *beta;

		see_agent(agent, "alpha", RTLD_DEFAULT, "only_alpha");
		see_agent(agent, "alpha", RTLD_DEFAULT, "agent_alpha");
		see_agent(agent, "alpha", RTLD_DEFAULT, "foo");
		beta = must_open("bare.so", RTLD_LAZY | RTLD_GLOBAL);
		see_agent(agent, "alpha", RTLD_DEFAULT, "foo");
		see_agent(agent, "alpha", RTLD_DEFAULT, "only_alpha");
		dlclose(beta);
		see_agent(agent, "alpha", RTLD_DEFAULT, "foo");
		dlclose(alpha);
		see_loaded(lab("bare.so"));
	}
}

/* agent_gamma is local to gamma; opening another gamma globally puts that one first. */
static void
own_symbol_is_overtaken(void)
{
	void *handle = must_open("org/near.so", RTLD_LAZY);
	const struct agent *agent = agent_of(handle, "near");
	void *copy;

	see_agent(agent, "near", RTLD_DEFAULT, "only_near");
	see_agent(agent, "near", RTLD_DEFAULT, "data_near");
	copy = dlopen("./copy.so", RTLD_LAZY | RTLD_GLOBAL);
	see_agent(agent, "near", RTLD_DEFAULT, "only_near");
	if (copy)
		dlclose(copy);
	see_agent(agent, "near", RTLD_DEFAULT, "only_near");
}

static void
copy_file(const char *from, const char *to)
{
	char buffer[4096];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t n;

	while (in && out && (n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		fwrite(buffer, 1, n, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

static void
overtaken(void)
{
	copy_file(lab("org/near.so"), "copy.so");
	own_symbol_is_overtaken();
	own_symbol_is_overtaken();
}

static void
pin_by_main(const char *how, int by_handle, int by_default)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	void *alpha = must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);

	EACH
	{
		if (by_handle)
			say("%s: handle %s", how, where(dlsym(self, "only_alpha")));
		if (by_default && each_ >= reps - by_default)
			say("%s: DEFAULT %s", how, where(dlsym(RTLD_DEFAULT, "only_alpha")));
	}
	see_close(alpha);
	see_loaded(lab("alpha.so"));
	see_sym(self, "only_alpha");
	see_sym(RTLD_DEFAULT, "only_alpha");
}

static void
pinned_not(void)
{
	pin_by_main("by handle", 1, 0);
	pin_by_main("by handle again", 1, 0);
}

static void
pinned(void)
{
	pin_by_main("by both", 1, 1);
}

static void
pinned_always(void)
{
	pin_by_main("by default", 0, 1000);
}

/* The first look-up of many processes: a call that is sampled pins like all others (V4). */
static void
pinned_in_each_process(void)
{
	int stay = 0;

	for (int i = 0; i < 160; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			void *handle = dlopen(lab("bare.so"), RTLD_LAZY | RTLD_GLOBAL);
			void *found = dlsym(RTLD_DEFAULT, "bar");

			dlclose(handle);
			_exit(found != NULL &&
			      dlopen(lab("bare.so"), RTLD_LAZY | RTLD_NOLOAD) != NULL);
		}
		waitpid(child, &status, 0);
		stay += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	say("%d of 160 stay", stay);
}

static void
pinned_by_object(void)
{
	int round;

	for (round = 0; round < 3; round++) {
		void *beta = must_open("beta.so", RTLD_LAZY);
		void *alpha = must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);
		const struct agent *agent = agent_of(beta, "beta");

		see_agent(agent, "beta", RTLD_DEFAULT, "only_alpha");
		see_close(alpha);
		see_loaded(lab("alpha.so"));
		see_agent(agent, "beta", RTLD_DEFAULT, "only_alpha");
		see_close(beta);
		see_loaded(lab("alpha.so"));
		see_loaded(lab("beta.so"));
	}
}

/* One object asked before; another one's later question must pin for itself. */
static void
pinned_by_each_object(void)
{
	void *beta = must_open("beta.so", RTLD_LAZY);
	void *gamma = must_open("gamma.so", RTLD_LAZY);
	void *alpha = must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);

	see_agent(agent_of(beta, "beta"), "beta", RTLD_DEFAULT, "only_alpha");
	see_agent(agent_of(gamma, "gamma"), "gamma", RTLD_DEFAULT, "only_alpha");
	see_close(alpha);
	see_close(beta);
	see_loaded(lab("alpha.so"));
	see_agent(agent_of(gamma, "gamma"), "gamma", RTLD_DEFAULT, "only_alpha");
	see_close(gamma);
	see_loaded(lab("alpha.so"));
}

static void
pinned_by_next(void)
{
	void *beta = must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	void *alpha = must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);

	see_sym(RTLD_NEXT, "only_alpha");
	see_agent(agent_of(beta, "beta"), "beta", RTLD_NEXT, "only_alpha");
	see_agent(agent_of(beta, "beta"), "beta", RTLD_NEXT, "shared_fn");
	see_close(alpha);
	see_loaded(lab("alpha.so"));
}

static void
default_and_main_handle(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	const struct agent *agent = agent_of(alpha, "alpha");
	int round;
	size_t n;

	for (round = 0; round < 2; round++) {
		for (n = 0; n < COUNT(names); n++) {
			see_sym(self, names[n]);
			see_sym(RTLD_DEFAULT, names[n]);
			see_agent(&agent_initial, "initial", RTLD_DEFAULT, names[n]);
			see_agent(&agent_initsym, "initsym", RTLD_DEFAULT, names[n]);
			see_agent(agent, "alpha", RTLD_DEFAULT, names[n]);
		}
		must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	}
}

static void
default_opened_globally_later(void)
{
	void *alpha;
	int round;

	for (round = 0; round < 3; round++) {
		see_sym(RTLD_DEFAULT, "only_alpha");
		see_sym(RTLD_DEFAULT, "only_initial");
		alpha = must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);
		see_sym(RTLD_DEFAULT, "only_initial");
		see_sym(RTLD_DEFAULT, "shared_fn");
		see_agent(&agent_initsym, "initsym", RTLD_DEFAULT, "shared_fn");
		dlclose(alpha);
	}
}

#ifdef __x86_64__
/* sub $8,%rsp; call *%rdx; add $8,%rsp; ret: a caller that lies in no object. */
static const unsigned char thunk[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd2,
				      0x48, 0x83, 0xc4, 0x08, 0xc3};
#else
/* stp x29,x30,[sp,#-16]!; blr x2; ldp x29,x30,[sp],#16; ret */
static const unsigned char thunk[] = {0xfd, 0x7b, 0xbf, 0xa9, 0x40, 0x00, 0x3f, 0xd6,
				      0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
#endif

typedef void *(*generated)(const void *first, const void *second, void *(*function)(void));

static generated
make_caller(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union {
		void *page;
		generated call;
	} out = {page};

	if (page == MAP_FAILED)
		_exit(91);
	memcpy(page, thunk, sizeof(thunk));
	return out.call;
}

static void
generated_code(void)
{
	generated call = make_caller();
	void *(*function)(void) = (void *(*)(void))(void (*)(void))dlsym;
	size_t n;

	must_open("alpha.so", RTLD_LAZY);
	must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	for (n = 0; n < COUNT(names); n++)
		EACH
		{
			say("DEFAULT %s %s", names[n],
			    where(call(RTLD_DEFAULT, names[n], function)));
			say("error %s", text(dlerror()));
			say("NEXT %s %s", names[n], where(call(RTLD_NEXT, names[n], function)));
			say("error %s", text(dlerror()));
		}
	function = (void *(*)(void))(void (*)(void))dlopen;
	EACH
	{
		say("open %s", call("libfar.so", (void *)RTLD_LAZY, function) ? "handle" : "NULL");
		say("error %s", text(dlerror()));
		say("open %s",
		    call(lab("alpha.so"), (void *)RTLD_LAZY, function) ? "handle" : "NULL");
	}
}

static void
next_chain(void)
{
	static const char *const files[] = {"alpha", "beta", "gamma"};
	const struct agent *agents[3];
	char file[32];
	size_t i, n;

	for (i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s.so", files[i]);
		agents[i] = agent_of(must_open(file, RTLD_LAZY | RTLD_GLOBAL), files[i]);
	}
	for (i = 0; i < 3; i++)
		for (n = 0; n < COUNT(names); n++)
			see_agent(agents[i], files[i], RTLD_NEXT, names[n]);
	for (n = 0; n < COUNT(names); n++) {
		see_agent(&agent_initial, "initial", RTLD_NEXT, names[n]);
		see_agent(&agent_initsym, "initsym", RTLD_NEXT, names[n]);
	}
}

const struct row rows[] = {
	{"C17 who asks", who_asks, 0},
	{"C17 who asks, in turns", who_asks_in_turns, 0},
	{"C18 a positive answer changes with a global load", positive_changes, 0},
	{"C18 an own symbol is overtaken by a global copy", overtaken, 0},
	{"C19 the main handle does not pin", pinned_not, 0},
	{"C19 one DEFAULT look-up after many by handle pins", pinned, 0},
	{"C19 DEFAULT pins", pinned_always, 0},
	{"C19 DEFAULT pins in each process", pinned_in_each_process, 0},
	{"C19 an object pins until it unloads", pinned_by_object, 0},
	{"C19 each object pins for itself", pinned_by_each_object, 0},
	{"C19 C23 NEXT pins", pinned_by_next, 0},
	{"C20 DEFAULT beside the main handle", default_and_main_handle, 0},
	{"C16 C20 DEFAULT under global loads", default_opened_globally_later, 0},
	{"C21 a caller in no object", generated_code, 0},
	{"C22 C23 NEXT along the chain", next_chain, 0},
	{0},
};
