// SPDX-License-Identifier: BSD-2-Clause
// Bad input: NULL, wild and closed handles, NULL names and names of 1 MiB: whatever libc does.
#include "row.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The headers call a NULL name undefined; these keep the compiler from using that. */
static void *(*volatile any_dlsym)(void *, const char *) = dlsym;
static void *(*volatile any_dlvsym)(void *, const char *, const char *) = dlvsym;
static int (*volatile any_dlclose)(void *) = dlclose;

static char *
long_name(size_t size, char first)
{
	char *name = malloc(size + 1);

	if (!name)
		_exit(90);
	memset(name, first, size);
	name[size] = '\0';
	return name;
}

static void *
warm_alpha(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	see_sym(alpha, "only_alpha");
	see_sym(alpha, "none");
	return alpha;
}

static void
null_name(void)
{
	void *alpha = warm_alpha();

	EACH
	{
		say("%s", where(any_dlsym(alpha, NULL)));
	}
}

static void
null_name_default(void)
{
	see_sym(RTLD_DEFAULT, "strtol");
	say("%s", where(any_dlsym(RTLD_DEFAULT, NULL)));
}

static void
null_name_next(void)
{
	see_sym(RTLD_NEXT, "strtol");
	say("%s", where(any_dlsym(RTLD_NEXT, NULL)));
}

static void
unmapped_name(void)
{
	void *alpha = warm_alpha();

	say("%s", where(any_dlsym(alpha, (const char *)0x10)));
}

static void
null_name_vsym(void)
{
	void *alpha = warm_alpha();

	see_vsym(alpha, "only_alpha", "NONE");
	say("%s", where(any_dlvsym(alpha, NULL, "NONE")));
}

static void
null_version(void)
{
	void *bare = must_open("bare.so", RTLD_LAZY);
	void *self = dlopen(NULL, RTLD_LAZY);

	see_vsym(bare, "foo", "NONE");
	see_vsym(self, "strtol", LIBC_FIRST);
	EACH
	{
		say("%s %s", where(any_dlvsym(self, "strtol", NULL)), text(dlerror()));
	}
}

static void
null_both(void)
{
	say("%s", where(any_dlvsym(NULL, NULL, NULL)));
}

static void
wild_handle(void)
{
	warm_alpha();
	say("%s", where(any_dlsym((void *)0x1000, "only_alpha")));
}

static void
wild_odd_handle(void)
{
	void *alpha = warm_alpha();

	say("%s", where(any_dlsym((char *)alpha + 1, "only_alpha")));
}

static void
small_handles(void)
{
	EACH
	{
		say("%s %s", where(any_dlsym(NULL, "strtol")), text(dlerror()));
	}
	say("%s", where(any_dlsym((void *)1, "strtol")));
}

static void
handle_minus_two(void)
{
	say("%s", where(any_dlsym((void *)-2, "strtol")));
}

static void
handle_minus_three(void)
{
	say("%s", where(any_dlvsym((void *)-3, "strtol", LIBC_FIRST)));
}

/* Memory full of zeroes: libc reads a link map there. */
static void
zero_handle(void)
{
	static char zeroes[8192];

	say("%s", where(any_dlsym(zeroes, "strtol")));
}

static void
zero_handle_closed(void)
{
	static char zeroes[8192];

	EACH
	{
		say("%d", any_dlclose(zeroes));
		say("%s", text(dlerror()));
	}
}

static void
close_null(void)
{
	say("%d %s", any_dlclose(NULL), text(dlerror()));
}

static void
close_wild(void)
{
	say("%d %s", any_dlclose((void *)0x1000), text(dlerror()));
}

static void
close_next(void)
{
	say("%d %s", any_dlclose(RTLD_NEXT), text(dlerror()));
}

/* Nothing between the closes, so the freed link map is still as it was left. */
static void
close_twice(void)
{
	void *alpha = warm_alpha();
	int first, second;

	first = any_dlclose(alpha);
	second = any_dlclose(alpha);
	say("%d %d", first, second);
}

static void
close_many_times(void)
{
	void *alpha = warm_alpha();
	void *keep = must_open("down.so", RTLD_LAZY);
	void *leaf = dlopen("libleaf.so", RTLD_LAZY);
	int i, refused = 0;

	see_reopen(lab("alpha.so"), RTLD_LAZY);
	for (i = 0; i < 20; i++)
		refused += any_dlclose(leaf) != 0;
	say("refused %d", refused);
	see_error("refused");
	see_call(keep, "only_leaf");
	see_close(alpha);
}

/* A closed handle whose object another one still needs: its link map stays valid. */
static void
closed_but_needed(void)
{
	void *left = must_open("libleft.so", RTLD_LAZY);
	void *right = dlopen("libright.so", RTLD_LAZY);

	see_sym(right, "only_right");
	see_sym(right, "none");
	see_close(right);
	see_sym(right, "only_right");
	see_sym(right, "none");
	see_close(right);
	see_sym(left, "only_right");
}

/* A call with 1 MiB takes libc milliseconds; what a hundredth repetition shows, 64 KiB show as well. */
static int
fewer_of_large(size_t size)
{
	int all = reps;

	if (size > 65536 && reps > 4)
		reps = 4;
	return all;
}

static void
long_names(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	static const size_t sizes[] = {15,  16,  17,  31,  32,   63,   64,    95,    96,
				       127, 128, 255, 256, 4095, 4096, 65535, 65536, 1u << 20};
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *name = long_name(sizes[i], 'x');
		int all = fewer_of_large(sizes[i]);

		see_sym(alpha, name);
		name[sizes[i] - 1] = 'y';
		see_sym(alpha, name);
		see_sym(RTLD_DEFAULT, name);
		see_vsym(alpha, name, "VER_1");
		see_vsym(alpha, "foo", name);
		reps = all;
		free(name);
	}
}

static void
long_file_names(void)
{
	static const size_t sizes[] = {255, 256, 4095, 4096, 1u << 20};
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *name = long_name(sizes[i], 'x');
		int all = fewer_of_large(sizes[i]);

		see_reopen(name, RTLD_LAZY);
		name[0] = '/';
		see_reopen(name, RTLD_LAZY);
		reps = all;
		free(name);
	}
}

/* Names that differ in one byte only, in one buffer, at every place of the first 130. */
static void
near_names(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	char name[160];
	int i;

	EACH
	{
		for (i = 0; i < 130; i++) {
			memset(name, 'n', 140);
			name[140] = '\0';
			name[i] = 'm';
			if (dlsym(alpha, name) || !strstr(text(dlerror()), name))
				say("wrong at %d", i);
			strcpy(name, "only_alpha");
			name[10 + i % 2] = i % 2 ? '\0' : 'x';
			if (i % 2)
				name[10] = '\0';
			else
				name[11] = '\0';
			if (!dlsym(alpha, name) != !(i % 2))
				say("wrong length at %d", i);
		}
	}
	say("done");
}

static void
unique_names(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);
	char name[32];
	int i, wrong = 0;

	for (i = 0; i < reps * 1000; i++) {
		snprintf(name, sizeof(name), "unique_%d", i);
		wrong += dlsym(alpha, name) != NULL;
		wrong += !strstr(text(dlerror()), name);
	}
	say("wrong %d", wrong);
}

static void
null_file(void)
{
	see_reopen(NULL, 0);
	see_reopen(NULL, RTLD_LAZY | RTLD_NOLOAD);
	see_reopen(NULL, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
}

static void
unmapped_file(void)
{
	must_open("alpha.so", RTLD_LAZY);
	see_reopen(lab("alpha.so"), RTLD_LAZY);
	say("%s", dlopen((const char *)0x10, RTLD_LAZY) ? "handle" : "NULL");
}

static void
dlmopen_oddities(void)
{
	void *handle;

	EACH
	{
		handle = dlmopen(LM_ID_BASE, NULL, RTLD_LAZY);
		say("%s", handle ? handle_name(handle) : "NULL");
		see_error("base NULL");
		handle = dlmopen(17, lab("alpha.so"), RTLD_LAZY);
		say("%s", handle ? handle_name(handle) : "NULL");
		see_error("no such namespace");
		handle = dlmopen(LM_ID_NEWLM, NULL, RTLD_LAZY);
		say("%s", handle ? handle_name(handle) : "NULL");
		see_error("new NULL");
		handle = dlmopen(LM_ID_BASE, lab("alpha.so"), 0);
		say("%s", handle ? handle_name(handle) : "NULL");
		see_error("mode 0");
	}
}

const struct row rows[] = {
	{"bad NULL name", null_name, 1},
	{"bad NULL name, DEFAULT", null_name_default, 1},
	{"bad NULL name, NEXT", null_name_next, 1},
	{"bad unmapped name", unmapped_name, 1},
	{"bad NULL name, dlvsym", null_name_vsym, 1},
	{"bad NULL version", null_version, 1},
	{"bad NULL handle, name and version", null_both, 1},
	{"bad wild handle", wild_handle, 1},
	{"bad wild odd handle", wild_odd_handle, 1},
	{"bad small handles", small_handles, 1},
	{"bad handle -2", handle_minus_two, 1},
	{"bad handle -3, dlvsym", handle_minus_three, 1},
	{"bad handle, zeroes", zero_handle, 1},
	{"bad close of zeroes", zero_handle_closed, 0},
	{"bad close of NULL", close_null, 1},
	{"bad close, wild", close_wild, 1},
	{"bad close of RTLD_NEXT", close_next, 1},
	{"bad close twice", close_twice, 0},
	{"bad C28 close many times", close_many_times, 0},
	{"bad closed but needed handle", closed_but_needed, 0},
	{"bad long names", long_names, 0},
	{"bad long file names", long_file_names, 0},
	{"bad near names", near_names, 0},
	{"bad unique names", unique_names, 0},
	{"bad C26 NULL file", null_file, 0},
	{"bad unmapped file", unmapped_file, 1},
	{"bad dlmopen arguments", dlmopen_oddities, 0},
	{0},
};
