// SPDX-License-Identifier: BSD-2-Clause
// What was found from outside, each with others of its kind: names at round addresses, objects linked
// anywhere, filters, weak definitions, resolvers, names of the executable.
#include "row.h"
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
	static const char *const names[] = {"puts", "strtol", "no_such_name", "", "memcpy",
					    "a_name_of_more_than_thirty_two_characters"};
	void *handles[] = {RTLD_DEFAULT, dlopen(NULL, RTLD_LAZY),
			   must_open("alpha.so", RTLD_LAZY), RTLD_NEXT};
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

/* ---- inner parts ---- */

void
inner_main(const char *inner)
{
	if (strstr(inner, ".so"))
		see_object(inner);
}

const struct row rows[] = {
	{"C16 C20 names at round addresses", round_names, 0},
	{"C14 names and versions at round addresses", round_versions, 0},
	{"C24 paths at round addresses", round_paths, 0},
	{"C20 names at round addresses, first calls of threads", round_threads, 0},
	{"C12 C37 C42 objects linked at any address", linked_anywhere, 0},
	{"C37 a first page without rights, tables as linked", guarded, 0},
	{"C37 a header that the host takes away", header_taken, 0},
	{"C12 C37 such objects at start", linked_anywhere_at_start, 0},
	{NULL, NULL, 0},
};
