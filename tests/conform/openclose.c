// SPDX-License-Identifier: BSD-2-Clause
// Rows 24 to 29 of the contract: which object dlopen finds, for whom, and how its count goes.
#include "row.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void
copy_file(const char *from, const char *to)
{
	char buffer[4096];
	FILE *in = fopen(from, "rb"), *out;
	size_t n;

	unlink(to);
	out = fopen(to, "wb");
	while (in && out && (n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		fwrite(buffer, 1, n, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

static void
value_of(const char *file)
{
	EACH
	{
		void *handle = dlopen(file, RTLD_LAZY);

		see_call(handle, "shared_fn");
		dlclose(handle);
	}
}

static void
by_name_string(void)
{
	void *held;

	copy_file(lab("alpha.so"), "one.so");
	held = dlopen("./one.so", RTLD_LAZY);
	value_of("./one.so");
	copy_file(lab("beta.so"), "one.so");
	value_of("./one.so");
	unlink("one.so");
	value_of("./one.so");
	if (mkdir("sub", 0755) || chdir("sub"))
		say("cannot enter sub");
	value_of("./one.so");
	copy_file(lab("gamma.so"), "one.so");
	value_of("./one.so");
	see_close(held);
	value_of("./one.so");
	see_open("./one.so", RTLD_LAZY | RTLD_NOLOAD);
}

static void
replaced_after_close(void)
{
	static const char *const files[] = {"alpha.so", "beta.so", "gamma.so"};
	int round;

	for (round = 0; round < 6; round++) {
		copy_file(lab(files[round % 3]), "one.so");
		value_of("./one.so");
	}
	unlink("one.so");
	see_open("./one.so", RTLD_LAZY);
}

static void
by_inode(void)
{
	void *held, *other;

	copy_file(lab("alpha.so"), "one.so");
	copy_file(lab("alpha.so"), "copy.so");
	if (symlink("one.so", "symbolic.so") || link("one.so", "hard.so"))
		say("cannot link");
	held = dlopen("./one.so", RTLD_LAZY);
	EACH
	{
		other = dlopen("./symbolic.so", RTLD_LAZY);
		say("symlink %s", other == held ? "same" : "other");
		other = dlopen("./hard.so", RTLD_LAZY);
		say("hard link %s", other == held ? "same" : "other");
		other = dlopen("./copy.so", RTLD_LAZY);
		say("copy %s", other == held ? "same" : "other");
		other = dlopen("././one.so", RTLD_LAZY);
		say("spelling %s", other == held ? "same" : "other");
	}
	unlink("symbolic.so");
	if (symlink("copy.so", "symbolic.so"))
		say("cannot link");
	EACH
	{
		other = dlopen("./symbolic.so", RTLD_LAZY);
		say("switched symlink %s", other == held ? "same" : "other");
	}
}

static void
by_soname(void)
{
	void *held;

	see_reopen("libdelta.so.7", RTLD_LAZY);
	held = must_open("delta.so", RTLD_LAZY);
	EACH
	{
		void *other = dlopen("libdelta.so.7", RTLD_LAZY);

		say("%s", other == held ? "same" : "other");
		if (other)
			dlclose(other);
	}
	see_reopen("delta.so", RTLD_LAZY);
	see_close(held);
	see_reopen("libdelta.so.7", RTLD_LAZY);
	see_sym(RTLD_DEFAULT, "only_delta");
}

static void
ask(const struct agent *agent, const char *who, const char *file)
{
	EACH
	{
		void *found = agent ? agent->open(file, RTLD_LAZY) : dlopen(file, RTLD_LAZY);
		const char *error = dlerror();

		say("%s opens %s: %s %s", who, file, found ? handle_name(found) : "NULL",
		    text(error));
		if (found) {
			see_call(found, "shared_fn");
			if (agent)
				agent->close(found);
			else
				dlclose(found);
		}
	}
}

static void
search_paths(void)
{
	const struct agent *runpath = agent_of(must_open("runpath.so", RTLD_LAZY), "runpath");
	const struct agent *rpath = agent_of(must_open("rpath.so", RTLD_LAZY), "rpath");
	const struct agent *asker = agent_of(must_open("org/asker.so", RTLD_LAZY), "asker");
	int round;

	for (round = 0; round < 2; round++) {
		ask(NULL, "main", "libfar.so");
		ask(runpath, "runpath", "libfar.so");
		ask(rpath, "rpath", "libfar.so");
		ask(NULL, "main", "$ORIGIN/near.so");
		ask(asker, "asker", "$ORIGIN/near.so");
		ask(runpath, "runpath", "$ORIGIN/near.so");
		ask(asker, "asker", "near.so");
		ask(NULL, "main", "${ORIGIN}/lab/alpha.so");
		ask(NULL, "main", "libm.so.6");
		ask(asker, "asker", "libm.so.6");
	}
}

static void
search_paths_in_turns(void)
{
	const struct agent *runpath = agent_of(must_open("runpath.so", RTLD_LAZY), "runpath");
	const struct agent *rpath = agent_of(must_open("rpath.so", RTLD_LAZY), "rpath");

	EACH
	{
		void *by_runpath = runpath->open("libfar.so", RTLD_LAZY);
		void *by_rpath = rpath->open("libfar.so", RTLD_LAZY);
		void *by_main = dlopen("libfar.so", RTLD_LAZY);

		say("%s %s %s", where(dlsym(by_runpath, "agent_far")),
		    where(dlsym(by_rpath, "agent_far")), by_main ? "found" : text(dlerror()));
		if (by_main)
			dlclose(by_main);
		if (each_ % 2)
			dlclose(by_runpath);
		dlclose(by_rpath);
		if (!(each_ % 2))
			dlclose(by_runpath);
	}
}

static void
modes(void)
{
	static const int each[] = {0,      1,       2,      3,      4,          8,          0x10,
				   0x100,  0x101,   0x1001, 0x1000, 0x40000000, 0x40000001, -1,
				   0x8001, 0x20001, 0x105,  0x5,    0x9,        0xd};
	static const char *const files[] = {"alpha.so", "noopen.so", NULL};
	int held;
	size_t m, f;

	for (f = 0; f < COUNT(files); f++)
		for (held = 0; held < 2; held++) {
			void *handle =
				held ? dlopen(files[f] ? lab(files[f]) : NULL, RTLD_LAZY) : NULL;

			for (m = 0; m < COUNT(each); m++)
				see_reopen(files[f] ? lab(files[f]) : NULL, each[m]);
			if (handle)
				dlclose(handle);
			if (files[f])
				see_loaded(lab(files[f]));
		}
}

static void
odd_names(void)
{
	static const char *const files[] = {"",
					    "/",
					    "//",
					    ".",
					    "./",
					    "/etc/passwd",
					    "none.so",
					    "a/b",
					    "$",
					    "$LIB",
					    "/proc/self/exe"};
	size_t i;

	for (i = 0; i < COUNT(files); i++)
		see_reopen(files[i], RTLD_LAZY);
}

static void
counted(void)
{
	int opened, i;

	for (opened = 1; opened < 5; opened++) {
		void *handle = NULL;

		EACH
		{
			for (i = 0; i < opened; i++)
				handle = dlopen(lab("ev1.so"), RTLD_LAZY);
			see_call(handle, "shared_fn");
			for (i = 0; i < opened; i++)
				see_close(handle);
			see_loaded(lab("ev1.so"));
		}
	}
}

static void
counted_with_noload(void)
{
	void *handle = must_open("ev1.so", RTLD_LAZY);
	int i;

	for (i = 0; i < 3; i++)
		EACH
		{
			see_open(lab("ev1.so"), RTLD_LAZY | RTLD_NOLOAD);
		}
	for (i = 0; i < 3; i++)
		EACH
		{
			see_close(handle);
			see_call(handle, "shared_fn");
		}
	see_close(handle);
	see_loaded(lab("ev1.so"));
}

static void
promotion_survives(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	void *held = must_open("alpha.so", RTLD_LAZY);
	void *again = dlopen(lab("alpha.so"), RTLD_LAZY | RTLD_GLOBAL);

	see_sym(self, "only_alpha");
	see_close(again);
	see_sym(self, "only_alpha");
	see_close(held);
	see_sym(self, "only_alpha");
	see_loaded(lab("alpha.so"));
}

static void
nodelete(void)
{
	void *first = must_open("nodelete.so", RTLD_LAZY);
	void *second = must_open("alpha.so", RTLD_LAZY | RTLD_NODELETE);

	EACH
	{
		see_close(first);
	}
	see_call(first, "shared_fn");
	EACH
	{
		see_close(second);
	}
	see_call(second, "shared_fn");
	see_reopen(lab("nodelete.so"), RTLD_LAZY);
	see_loaded(lab("alpha.so"));
	see_loaded(lab("nodelete.so"));
}

static void
nodelete_later(void)
{
	void *handle = must_open("beta.so", RTLD_LAZY);

	see_reopen(lab("beta.so"), RTLD_LAZY);
	see_reopen(lab("beta.so"), RTLD_LAZY | RTLD_NODELETE);
	see_close(handle);
	see_call(handle, "shared_fn");
	see_loaded(lab("beta.so"));
}

static void
surplus_close(void)
{
	void *held = must_open("down.so", RTLD_LAZY);
	void *leaf = dlopen(lab("libleaf.so"), RTLD_LAZY);
	void *self = dlopen(NULL, RTLD_LAZY);

	see_reopen(lab("libleaf.so"), RTLD_LAZY);
	see_close(leaf);
	EACH
	{
		see_close(leaf);
	}
	see_call(leaf, "shared_fn");
	see_close(self);
	EACH
	{
		see_close(self);
	}
	see_reopen(NULL, RTLD_LAZY);
	see_close(self);
	see_reopen(lab("libleaf.so"), RTLD_LAZY);
	see_close(held);
	see_loaded(lab("libleaf.so"));
}

static void
addresses_again(void)
{
	static const char *const files[] = {"churn10.so", "churn11.so", "churn12.so", "churn13.so"};
	int reused = 0, round;
	void *last = NULL;

	for (round = 0; round < 12; round++) {
		void *handle = must_open(files[round % COUNT(files)], RTLD_LAZY);

		reused += handle == last;
		last = handle;
		see_call(handle, "churn_id");
		EACH
		{
			say("%s %s", where(dlsym(handle, "churn_data")),
			    where(dlsym(handle, round % 2 ? "churn_only_11" : "churn_only_10")));
		}
		dlclose(handle);
	}
	say("reused %d", reused);
}

static void
addresses_again_by_main(void)
{
	static const char *const files[] = {"churn10.so", "churn11.so", "churn12.so", "churn13.so"};
	void *self = dlopen(NULL, RTLD_LAZY);
	int round;

	for (round = 0; round < 12; round++) {
		void *handle = must_open(files[round % COUNT(files)], RTLD_LAZY | RTLD_GLOBAL);

		see_call(self, "churn_id");
		see_sym(self, "churn_only_11");
		see_sym(handle, "churn_only_11");
		dlclose(handle);
		see_sym(self, "churn_id");
	}
}

const struct row rows[] = {
	{"C24 by name string", by_name_string, 0},
	{"C24 a file replaced after its close", replaced_after_close, 0},
	{"C24 by inode", by_inode, 0},
	{"C24 by soname", by_soname, 0},
	{"C25 search paths of the caller", search_paths, 0},
	{"C25 search paths, in turns", search_paths_in_turns, 0},
	{"C26 modes", modes, 0},
	{"C26 odd file names", odd_names, 0},
	{"C27 counts", counted, 0},
	{"C27 NOLOAD counts", counted_with_noload, 0},
	{"C27 promotion survives", promotion_survives, 0},
	{"C27 NODELETE", nodelete, 0},
	{"C27 NODELETE later", nodelete_later, 0},
	{"C28 surplus close", surplus_close, 0},
	{"C29 an address used again", addresses_again, 0},
	{"C29 an address used again, by the main handle", addresses_again_by_main, 0},
	{0},
};
