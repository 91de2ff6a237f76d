// SPDX-License-Identifier: BSD-2-Clause
// What was found from outside, each with others of its kind: names at round addresses, objects linked
// anywhere, filters, weak definitions, resolvers, names of the executable.
#include "row.h"
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ---- keys whose low half is zero ---- */

/* Two pages from an address on whose low half is zero, and again, until the kernel gives them. */
static char *
round_pages(int turn)
{
	char *at;

	for (uintptr_t high = 5 + 16 * (uintptr_t)turn;; high++) {
		at = mmap((void *)(high << 32), 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (at == (void *)(high << 32))
			return at;
	}
}

static void
see_at(void *handle, const char *name)
{
	EACH
	{
		void *value = dlsym(handle, name);
		const char *error = dlerror();

		say("%s of %s: %s, %s", name, handle_name(handle), where(value), text(error));
	}
}

static void
round_names(void)
{
	static const char *const names[] = {
		"puts", "strtol", "no_such_name",
		"",     "memcpy", "a_name_of_more_than_thirty_two_characters"};
	void *handles[] = {RTLD_DEFAULT, dlopen(NULL, RTLD_LAZY), must_open("alpha.so", RTLD_LAZY),
			   RTLD_NEXT};
	char *at = round_pages(0);

	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t k = 0; k < COUNT(handles); k++)
			see_at(handles[k], strcpy(at, names[i]));
		/* The same handle first under another name. */
		for (size_t k = 0; k < COUNT(handles); k++)
			see_at(handles[k], strcpy(round_pages(1), names[i]));
	}
}

static void
round_versions(void)
{
	char *name = round_pages(2), *version = round_pages(3);
	void *handles[] = {RTLD_DEFAULT, dlopen("libc.so.6", RTLD_LAZY)};

	for (size_t i = 0; i < COUNT(handles); i++) {
		EACH
		{
			strcpy(name, each_ % 2 ? "puts" : "no_such_name");
			strcpy(version, LIBC_FIRST);
			say("%s", where(dlvsym(handles[i], name, version)));
			say("%s", text(dlerror()));
			say("%s", where(dlvsym(handles[i], name, LIBC_FIRST)));
			say("%s", where(dlvsym(handles[i], "puts", version)));
			say("%s", text(dlerror()));
		}
	}
}

static void
round_paths(void)
{
	char *path = strcpy(round_pages(4), lab("alpha.so"));

	see_reopen(path, RTLD_LAZY);
	see_open(path, RTLD_LAZY);
	see_reopen(path, RTLD_LAZY);
	see_reopen(strcpy(path, "/no/such/file"), RTLD_LAZY);
}

/* A thread's very first look-ups, at whatever its tables hold. */
static void
round_first(void *unused)
{
	(void)unused;
	see_at(RTLD_DEFAULT, strcpy(round_pages(5), "puts"));
}

static void
round_threads(void)
{
	for (int i = 0; i < 4; i++)
		in_thread(round_first, NULL);
}

/* ---- objects linked anywhere, and parts of them that cannot be read ---- */

static void
see_addresses(const char *what, const char *from, const char *to, ptrdiff_t step)
{
	for (const char *at = from; at < to; at += step) {
		for (int i = 0; i < 100 + reps; i++) {
			Dl_info info = {"", NULL, "", NULL};
			int result = dladdr(at, &info);

			say("%s: %d %s at %td, %s", what, result, where(info.dli_fbase),
			    info.dli_saddr ? at - (const char *)info.dli_saddr : -1,
			    text(info.dli_sname));
		}
	}
}

static void
see_text(void *address)
{
	EACH
	{
		char **line = backtrace_symbols(&address, 1), *end = strrchr(line[0], '[');

		if (end != NULL)
			*end = '\0';
		say("%s", strrchr(line[0], '/') ? strrchr(line[0], '/') : line[0]);
		free(line);
	}
}

static void
see_object(const char *file)
{
	static const char *const names[] = {"shared_fn", "shared_data", "foo", "strlen", "nothing"};
	void *handle = must_open(file, RTLD_LAZY);
	char *at = dlsym(handle, "shared_fn");

	for (size_t i = 0; i < COUNT(names); i++) {
		see_sym(handle, names[i]);
		see_vsym(handle, names[i], "VER");
	}
	see_call(handle, "shared_fn");
	see_addresses(file, at - 8, at + 16, 4);
	see_text(at);
	see_text(at + 1);
	see_text(at - 1);
	see_close(handle);
}

static void
linked_anywhere(void)
{
	static const char *const files[] = {"high.so", "higher.so", "linked.so"};

	for (size_t i = 0; i < COUNT(files); i++) {
		see_object(files[i]);
		see_object(files[i]);
	}
}

static void
guarded(void)
{
	see_object("guard.so");
	see_object("guard.so");
}

static const char *
preloads(const char *file)
{
	static char value[2 * 4096];
	const char *own = getenv("LD_PRELOAD");

	snprintf(value, sizeof(value), "%s %s", own ? own : "", lab(file));
	return value;
}

static void
linked_anywhere_at_start(void)
{
	in_process("high.so", "LD_PRELOAD", preloads("high.so"));
	setenv("LD_BIND_NOW", "1", 1);
	in_process("guard.so", "LD_PRELOAD", preloads("guard.so"));
}

/* The host takes the header from its object: libc never looks there again. */
static void
header_taken(void)
{
	char *at = dlsym(must_open("header.so", RTLD_LAZY), "shared_fn");
	struct dl_find_object found;

	if (_dl_find_object(at, &found) != 0 ||
	    mprotect(found.dlfo_map_start, 4096, PROT_NONE) != 0)
		_exit(92);
	see_object("header.so");
	if (mprotect(found.dlfo_map_start, 4096, PROT_READ) != 0)
		_exit(92);
	see_object("header.so");
}

/* ---- others come first: filters, weak definitions; resolvers ---- */

/* Calls what it finds, and tells how often the resolver has run. */
static void
see_choice(void *handle, const char *name, const int *runs)
{
	EACH
	{
		union {
			void *value;
			int (*call)(void);
		} found = {dlsym(handle, shape(each_, name))};

		say("%s of %s gives %d, %d runs", name, handle_name(handle),
		    found.value ? found.call() : -1, runs ? *runs : -1);
		if (!found.value)
			say("%s", text(dlerror()));
	}
}

static void
filters(void)
{
	static const char *const files[] = {"auxiliary.so", "filter.so", "missing.so",
					    "needsaux.so"};

	for (size_t i = 0; i < COUNT(files); i++) {
		void *handle = must_open(files[i], RTLD_LAZY);
		int *runs = dlsym(handle, "chosen_runs");

		if (!runs)
			dlerror();
		see_choice(handle, "shared_fn", runs);
		see_choice(handle, "chosen_fn", runs);
		see_sym(handle, "strlen");
		see_sym(handle, "strtol");
		see_sym(handle, "nothing");
		see_choice(handle, "shared_fn", runs);
		see_close(handle);
	}
}

/* The filtee comes when the filter, which was there at the start, is opened. */
static void
filters_at_start(void)
{
	in_process("filters", "LD_PRELOAD", preloads("missing.so"));
	in_process("filters", "LD_PRELOAD", preloads("auxiliary.so"));
}

static void
resolvers(int mode)
{
	void *handle = must_open("libchosen.so", mode), *self = dlopen(NULL, RTLD_LAZY);
	const int *runs = dlsym(handle, "chosen_runs");

	see_choice(RTLD_DEFAULT, "chosen_fn", runs);
	see_choice(self, "chosen_fn", runs);
	see_choice(handle, "chosen_fn", runs);
	see_choice(RTLD_DEFAULT, "shared_fn", runs);
	see_choice(RTLD_NEXT, "chosen_fn", runs);
	EACH
	{
		say("dlvsym %d", dlvsym(handle, "chosen_fn", "VER") != NULL);
		say("dlvsym %d, %d runs", dlvsym(RTLD_DEFAULT, "chosen_fn", "VER") != NULL, *runs);
	}
	see_close(handle);
}

static void
resolvers_global(void)
{
	resolvers(RTLD_LAZY | RTLD_GLOBAL);
}

static void
resolvers_local(void)
{
	resolvers(RTLD_LAZY);
}

/* Names that are missing before, beside and after objects that define them. */
static void
missing_by_default(void)
{
	void *handle;

	see_choice(RTLD_DEFAULT, "only_alpha", NULL);
	handle = must_open("alpha.so", RTLD_LAZY);
	see_choice(RTLD_DEFAULT, "only_alpha", NULL);
	see_choice(RTLD_DEFAULT, "only_beta", NULL);
	must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	see_choice(RTLD_DEFAULT, "only_alpha", NULL);
	see_choice(RTLD_DEFAULT, "only_beta", NULL);
	see_close(handle);
	see_choice(RTLD_DEFAULT, "only_alpha", NULL);
	must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);
	see_choice(RTLD_DEFAULT, "only_alpha", NULL);
}

static void
weak_look_ups(void)
{
	void *self = dlopen(NULL, RTLD_LAZY), *weak = must_open("weak.so", RTLD_LAZY);

	see_choice(RTLD_DEFAULT, "shared_fn", NULL);
	see_choice(self, "shared_fn", NULL);
	see_choice(weak, "shared_fn", NULL);
	must_open("alpha.so", RTLD_LAZY | RTLD_GLOBAL);
	see_choice(RTLD_DEFAULT, "shared_fn", NULL);
	see_choice(self, "shared_fn", NULL);
	see_choice(weak, "shared_fn", NULL);
}

static void
weak_at_start(void)
{
	setenv("LD_PRELOAD", preloads("weak.so"), 1);
	in_process("weak", NULL, NULL);
	in_process("weak", "LD_DYNAMIC_WEAK", "1");
	in_process("weak", "LD_DYNAMIC_WEAK", "");
}

/* ---- what the executable is called ---- */

static void
see_texts(void *self, const char *when)
{
	void *at = (void *)(uintptr_t)see_texts;

	for (int i = 0; i < 100 + reps; i++) {
		char **line = backtrace_symbols(&at, 1), *end = strchr(line[0], '(');
		Dl_info info;

		dladdr(at, &info);
		say("%s: dladdr %s, text %.*s", when, text(info.dli_fname),
		    end ? (int)(end - line[0]) : 4, line[0]);
		free(line);
		dlsym(self, "nothing");
		say("%s: %s", when, text(dlerror()));
		dlsym(RTLD_DEFAULT, "nothing");
		say("%s: %s", when, text(dlerror()));
		dlvsym(self, "nothing", "VER");
		say("%s: %s", when, text(dlerror()));
	}
}

static void
titles(void)
{
	static char other[] = "other";
	void *self = dlopen(NULL, RTLD_LAZY);

	see_texts(self, "at first");
	strcpy(row_argv[0], "t: 1");
	see_texts(self, "title");
	program_invocation_name = other;
	program_invocation_short_name = other;
	see_texts(self, "invocation name");
	row_argv[0][0] = '\0';
	see_texts(self, "empty");
	row_argv[0] = other;
	see_texts(self, "elsewhere");
	row_argv[0] = NULL;
	see_texts(self, "none");
}

/* ---- inner parts ---- */

void
inner_main(const char *inner)
{
	if (strstr(inner, ".so"))
		see_object(inner);
	else if (strcmp(inner, "filters") == 0)
		filters();
	else if (strcmp(inner, "weak") == 0)
		weak_look_ups();
}

const struct row rows[] = {
	{"C16 C20 names at round addresses", round_names, 0},
	{"C14 names and versions at round addresses", round_versions, 0},
	{"C24 paths at round addresses", round_paths, 0},
	{"C20 names at round addresses, first calls of threads", round_threads, 0},
	{"C12 C37 C42 objects linked at any address", linked_anywhere, 0},
	{"C37 a first page without rights, tables as linked", guarded, 3},
	{"C37 a header that the host takes away", header_taken, 3},
	{"C12 C37 such objects at start", linked_anywhere_at_start, 0},
	{"C12 C15 filters and auxiliary filters", filters, 3},
	{"C12 C15 filters of the initial set", filters_at_start, 3},
	{"C10 resolvers run as often, global", resolvers_global, 0},
	{"C10 resolvers run as often, local", resolvers_local, 0},
	{"C16 C20 names that come and go", missing_by_default, 0},
	{"C16 LD_DYNAMIC_WEAK", weak_at_start, 0},
	{"C05 C39 C42 titles over argv", titles, 0},
	{NULL, NULL, 0},
};
