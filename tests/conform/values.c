// SPDX-License-Identifier: BSD-2-Clause
// Rows 9 to 16 of the contract: which values dlsym and dlvsym give, by kind of symbol and handle.
#include "row.h"
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void *kinds;

static int *
int_of(void *handle, const char *name)
{
	return dlsym(handle, name);
}

static void
tls_in_thread(void *main_value)
{
	EACH
	{
		void *value = dlsym(kinds, shape(each_, "kind_tls"));

		say("thread: %s, content %d", value == main_value ? "main's" : "own",
		    *(int *)value);
		*(int *)value = 99;
	}
}

static void
tls(void)
{
	int *value;

	kinds = must_open("kinds.so", RTLD_LAZY);
	value = int_of(kinds, "kind_tls");
	EACH
	{
		say("main: %s, content %d",
		    int_of(kinds, shape(each_, "kind_tls")) == value ? "same" : "other", *value);
	}
	*value = 77;
	in_thread(tls_in_thread, value);
	in_thread(tls_in_thread, value);
	EACH
	{
		int *now = int_of(kinds, shape(each_, "kind_tls"));

		say("main: %s, content %d", now == value ? "same" : "other", *now);
	}
}

static void
tls_after_close(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		kinds = must_open("kinds.so", RTLD_LAZY);
		EACH
		{
			say("content %d", *int_of(kinds, "kind_tls"));
		}
		*int_of(kinds, "kind_tls") = 1000 + i;
		dlclose(kinds);
	}
}

static void
ifunc_of(const char *file)
{
	int *resolved, *pick;

	kinds = must_open(file, RTLD_LAZY);
	resolved = int_of(kinds, "kind_resolved");
	pick = int_of(kinds, "kind_pick");
	EACH
	{
		int before = *resolved;
		void *value = dlsym(kinds, shape(each_, "kind_ifunc"));

		say("%s, resolver ran %d times", where(value), *resolved - before);
	}
	EACH
	{
		*pick = each_ % 2;
		see_call(kinds, "kind_ifunc");
	}
	say("ran %d times in all", *resolved);
}

static void
ifunc(void)
{
	ifunc_of("kinds.so");
}

/* It has the name and the versions of glibc's libm. */
static void
ifunc_of_a_liar(void)
{
	ifunc_of("private.so");
}

static void
ifunc_of_libc(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY), *libm = dlopen("libm.so.6", RTLD_LAZY);
	static const char *const versions[] = {LIBC_FIRST, "GLIBC_2.14", "GLIBC_2.17", "NONE"};
	static const char *const names[] = {"memcpy", "strlen", "time", "gettimeofday", "strchr"};
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		see_sym(libc, names[i]);
		see_sym(RTLD_DEFAULT, names[i]);
		for (size_t v = 0; v < COUNT(versions); v++) {
			see_vsym(libc, names[i], versions[v]);
			see_vsym(libm, names[i], versions[v]);
			see_vsym(dlopen(NULL, RTLD_LAZY), names[i], versions[v]);
			see_vsym(RTLD_DEFAULT, names[i], versions[v]);
		}
	}
	/* Opened later, and not in the global scope. */
	see_vsym(libm, "cos", LIBC_FIRST);
	see_vsym(libm, "cos", "GLIBC_2.14");
	see_vsym(RTLD_DEFAULT, "cos", LIBC_FIRST);
}

static const char *const kind_names[] = {
	"kind_func",      "kind_alias",  "kind_weak",     "kind_hidden", "kind_protected",
	"kind_object",    "kind_common", "kind_const",    "kind_abs",    "kind_abs_zero",
	"kind_label",     "kind_unique", "kind_sizeless", "_end",        "_edata",
	"__bss_start",    "_init",       "_fini",         "_DYNAMIC",    "_GLOBAL_OFFSET_TABLE_",
	"__gmon_start__", "dlsym",
};

static void
every_kind(void)
{
	size_t i;

	kinds = must_open("kinds.so", RTLD_LAZY);
	for (i = 0; i + 1 < COUNT(kind_names); i++)
		see_sym(kinds, kind_names[i]);
}

static void
every_kind_in_turns(void)
{
	size_t i;

	kinds = must_open("kinds.so", RTLD_LAZY);
	EACH
	{
		for (i = 0; i + 1 < COUNT(kind_names); i++) {
			void *value = dlsym(kinds, shape(each_ + (int)i, kind_names[i]));

			say("%s %s %s", kind_names[i], where(value), text(dlerror()));
		}
	}
}

static void
every_kind_reopened(void)
{
	int round;
	size_t i;

	for (round = 0; round < 3; round++) {
		kinds = must_open("sysv.so", RTLD_LAZY);
		for (i = 0; i < COUNT(kind_names); i++)
			EACH
			{
				say("%s %s", kind_names[i], where(dlsym(kinds, kind_names[i])));
			}
		dlclose(kinds);
	}
}

static void
hash_styles(void)
{
	static const char *const files[] = {"sysv.so", "both.so", "bare.so", "bindnow.so"};
	static const char *const names[] = {"shared_fn", "shared_data", "only_sysv",   "only_both",
					    "foo",       "none",        "only_bindnow"};
	size_t f, n;

	for (f = 0; f < COUNT(files); f++) {
		void *handle = must_open(files[f], RTLD_LAZY);

		for (n = 0; n < COUNT(names); n++)
			see_sym(handle, names[n]);
	}
}

static void
hidden_version(void)
{
	void *versions = must_open("versions.so", RTLD_LAZY);

	see_sym(versions, "bar");
	see_vsym(versions, "bar", "VER_1");
	see_sym(versions, "bar");
	see_sym(versions, "foo");
	see_call(versions, "foo");
}

static void
dlvsym_matrix(void)
{
	static const char *const files[] = {"versions.so", "bare.so", "alpha.so", NULL};
	static const char *const names[] = {"foo", "bar", "plain", "shared_fn", "memcpy", "none"};
	static const char *const versions[] = {"VER_1", "VER_2",    "VER",
					       "NONE",  LIBC_FIRST, "GLIBC_2.14"};
	size_t f, n, v;

	for (f = 0; f < COUNT(files); f++) {
		void *handle = files[f] ? must_open(files[f], RTLD_LAZY) : dlopen(NULL, RTLD_LAZY);

		for (n = 0; n < COUNT(names); n++) {
			see_sym(handle, names[n]);
			for (v = 0; v < COUNT(versions); v++)
				see_vsym(handle, names[n], versions[v]);
		}
	}
}

/* An unversioned symbol's record has a NULL name and hash 0, as "" has: libc up to 2.40 compares and dies. */
static void
dlvsym_empty_version(void)
{
	void *versions = must_open("versions.so", RTLD_LAZY);

	see_vsym(must_open("bare.so", RTLD_LAZY), "foo", "");
	see_vsym(versions, "foo", "");
	see_sym(versions, "plain");
	see_vsym(versions, "plain", "");
}

static void
dlvsym_in_turns(void)
{
	void *versions = must_open("versions.so", RTLD_LAZY);
	char version[8];

	EACH
	{
		say("plain %s", where(dlsym(versions, "foo")));
		strcpy(version, "VER_1");
		say("first %s", where(dlvsym(versions, "foo", version)));
		strcpy(version, "VER_2");
		say("second %s", where(dlvsym(versions, "foo", version)));
		strcpy(version, "VER_3");
		say("third %s", where(dlvsym(versions, "foo", version)));
		see_error("third");
	}
}

static void
dlvsym_scopes(void)
{
	static const char *const names[] = {"memcpy", "strlen", "shared_fn", "none", "dlsym"};
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		see_vsym(RTLD_DEFAULT, names[i], LIBC_FIRST);
		see_vsym(RTLD_NEXT, names[i], LIBC_FIRST);
		see_vsym(RTLD_DEFAULT, names[i], "GLIBC_2.14");
		see_vsym(RTLD_DEFAULT, names[i], "NONE");
	}
}

static void
callers_do_not_matter(void)
{
	static const char *const files[] = {"beta.so", "symbolic.so", "deep.so"};
	static const char *const objects[] = {"beta", "symbolic", "deep"};
	static const char *const names[] = {"shared_fn", "only_alpha", "only_beta", "strlen",
					    "none"};
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	size_t f, n;

	for (f = 0; f < COUNT(files); f++) {
		void *caller = must_open(files[f], f == 2 ? RTLD_LAZY | RTLD_DEEPBIND : RTLD_LAZY);

		for (n = 0; n < COUNT(names); n++)
			see_agent(agent_of(caller, objects[f]), files[f], alpha, names[n]);
	}
}

static void
frozen_list(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	void *down = must_open("down.so", RTLD_LAZY);
	void *beta;

	see_sym(alpha, "only_beta");
	see_sym(down, "only_beta");
	see_sym(down, "only_leaf");
	see_sym(down, "only_mid");
	see_call(down, "chain_down");
	beta = must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	see_sym(alpha, "only_beta");
	see_sym(down, "only_beta");
	dlclose(beta);
	see_sym(alpha, "only_beta");
}

static void
dependency_handles(void)
{
	void *left = must_open("libleft.so", RTLD_LAZY);
	void *right = dlopen("libright.so", RTLD_LAZY);

	see_call(left, "only_right");
	see_call(right, "only_left");
	see_call(right, "chain_left");
	dlclose(left);
	see_call(right, "only_left");
	see_sym(right, "chain_left");
	dlclose(right);
	see_loaded(lab("libleft.so"));
	see_loaded(lab("libright.so"));
}

static void
main_handle_grows(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	void *other;
	int round;

	for (round = 0; round < 3; round++) {
		void *local, *global;

		see_sym(self, "only_alpha");
		local = must_open("alpha.so", RTLD_LAZY);
		see_sym(self, "only_alpha");
		global = must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);
		see_sym(self, "only_alpha");
		see_sym(self, "shared_fn");
		other = must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
		see_sym(self, "shared_fn");
		dlclose(local);
		see_sym(self, "only_alpha");
		dlclose(global);
		see_sym(self, "only_alpha");
		see_sym(self, "shared_fn");
		dlclose(other);
		see_sym(self, "shared_fn");
	}
}

static void
main_handle_promoted(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	see_sym(self, "only_alpha");
	see_open(lab("alpha.so"), RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
	see_sym(self, "only_alpha");
	see_close(alpha);
	see_sym(self, "only_alpha");
	see_close(alpha);
	see_sym(self, "only_alpha");
}

static void
main_handle_dependencies(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);
	void *down;

	see_sym(self, "only_leaf");
	down = must_open("down.so", RTLD_LAZY | RTLD_GLOBAL);
	see_call(self, "only_leaf");
	dlclose(down);
	see_sym(self, "only_leaf");
}

static void
initial_answer_never_changes(void)
{
	void *self = dlopen(NULL, RTLD_LAZY);

	see_sym(self, "strtol");
	see_sym(self, "main");
	must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);
	see_sym(self, "strtol");
	see_sym(self, "agent_alpha");
}

const struct row rows[] = {
	{"C09 TLS differs per thread", tls, 0},
	{"C09 TLS of a reopened object", tls_after_close, 0},
	{"C10 IFUNC resolver runs every time", ifunc, 0},
	{"C10 IFUNC of libc", ifunc_of_libc, 0},
	{"C10 IFUNC of what looks like glibc", ifunc_of_a_liar, 0},
	{"C11 C12 every kind of symbol", every_kind, 0},
	{"C11 C12 every kind, in turns", every_kind_in_turns, 0},
	{"C12 names of another object after reopening", every_kind_reopened, 0},
	{"C12 C41 hash styles", hash_styles, 0},
	{"C13 hidden version is undefined", hidden_version, 0},
	{"C14 dlvsym, every pair", dlvsym_matrix, 0},
	{"C14 dlvsym, empty version", dlvsym_empty_version, 2},
	{"C14 dlvsym, in turns in one buffer", dlvsym_in_turns, 0},
	{"C14 C48 dlvsym by scope", dlvsym_scopes, 0},
	{"C15 callers do not matter to a handle", callers_do_not_matter, 0},
	{"C15 the search list is frozen", frozen_list, 0},
	{"C15 circular dependencies", dependency_handles, 0},
	{"C16 main handle follows global loads", main_handle_grows, 0},
	{"C16 main handle follows promotion", main_handle_promoted, 0},
	{"C16 main handle follows dependencies", main_handle_dependencies, 0},
	{"C16 an initial answer never changes", initial_answer_never_changes, 0},
	{0},
};
