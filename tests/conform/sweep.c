// SPDX-License-Identifier: BSD-2-Clause
// Every dynamic symbol of big libraries, by every kind of handle, against libc's own answer.
#include "raw.h"
#include "row.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSES 3

struct oracle {
	void *(*sym)(void *, const char *);
	void *(*vsym)(void *, const char *, const char *);
	char *(*error)(void);
};

struct sweep {
	struct raw_table table;
	void *handle;
	void *self;
	unsigned long asked, found, mismatches;
};

static struct oracle libc;

static void
find_oracle(void)
{
	union {
		void *value;
		void *(*sym)(void *, const char *);
		void *(*vsym)(void *, const char *, const char *);
		char *(*error)(void);
	} any;

	any.value = raw_function("dlsym");
	libc.sym = any.sym;
	any.value = raw_function("dlvsym");
	libc.vsym = any.vsym;
	any.value = raw_function("dlerror");
	libc.error = any.error;
}

static void
mismatch(struct sweep *sweep, const char *kind, const char *name, void *got, void *truth)
{
	if (sweep->mismatches++ < 5)
		fprintf(stderr, "%s %s: %p, libc says %p\n", kind, name, got, truth);
}

static void
compare(struct sweep *sweep, const char *kind, const char *name, void *got, void *truth)
{
	sweep->asked++;
	sweep->found += truth != NULL;
	if (got != truth)
		mismatch(sweep, kind, name, got, truth);
}

/* libc frees a text at the thread's next dl* call, hence the copy. */
static void
compare_missing(struct sweep *sweep, const char *name)
{
	char missing[8192], first[8448];

	snprintf(missing, sizeof(missing), "%s?", name);
	compare(sweep, "missing", missing, dlsym(sweep->handle, missing),
		libc.sym(sweep->handle, missing));
	dlsym(sweep->handle, missing);
	snprintf(first, sizeof(first), "%s", text(dlerror()));
	libc.sym(sweep->handle, missing);
	if (strcmp(first, text(libc.error())))
		mismatch(sweep, "text", first, NULL, NULL);
}

static void
compare_name(struct sweep *sweep, size_t index)
{
	const char *name = sweep->table.strings + sweep->table.symbols[index].st_name;
	const char *version = raw_version(&sweep->table, index);

	compare(sweep, "handle", name, dlsym(sweep->handle, name), libc.sym(sweep->handle, name));
	compare(sweep, "main", name, dlsym(sweep->self, name), libc.sym(sweep->self, name));
	compare(sweep, "default", name, dlsym(RTLD_DEFAULT, name), libc.sym(RTLD_DEFAULT, name));
	compare(sweep, "next", name, dlsym(RTLD_NEXT, name), libc.sym(RTLD_NEXT, name));
	if (!version)
		version = "NO_SUCH_VERSION";
	compare(sweep, "version", name, dlvsym(sweep->handle, name, version),
		libc.vsym(sweep->handle, name, version));
	compare(sweep, "default version", name, dlvsym(RTLD_DEFAULT, name, version),
		libc.vsym(RTLD_DEFAULT, name, version));
	if (index % 4 == 0)
		compare_missing(sweep, name);
}

static void *
sweep_all(void *argument)
{
	struct sweep *sweep = argument;
	size_t i;
	int pass;

	for (pass = 0; pass < PASSES; pass++)
		for (i = 1; i < sweep->table.count; i++)
			compare_name(sweep, i);
	return NULL;
}

static void
sweep_object(const char *file, int mode, int threads)
{
	pthread_t thread[8];
	struct sweep sweep[8];
	void *handle = dlopen(file, mode);
	int i;

	find_oracle();
	if (!handle) {
		say("%s is not here", file);
		return;
	}
	memset(sweep, 0, sizeof(sweep));
	for (i = 0; i < threads; i++) {
		sweep[i].handle = handle;
		sweep[i].self = dlopen(NULL, RTLD_LAZY);
		if (raw_table_read(&sweep[i].table, handle))
			say("no table");
	}
	for (i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, sweep_all, &sweep[i]);
	for (i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		say("%s, thread %d of %d: asked %lu, found %lu, mismatches %lu", file, i, threads,
		    sweep[i].asked, sweep[i].found, sweep[i].mismatches);
		if (sweep[i].mismatches)
			exit(1);
	}
}

static void
libc_alone(void)
{
	sweep_object("libc.so.6", RTLD_LAZY, 1);
}

static void
libc_threads(void)
{
	sweep_object("libc.so.6", RTLD_LAZY, 4);
}

static void
libm_alone(void)
{
	sweep_object("libm.so.6", RTLD_LAZY, 1);
	sweep_object("libm.so.6", RTLD_LAZY | RTLD_GLOBAL, 4);
}

static void
libstdcxx(void)
{
	sweep_object("libstdc++.so.6", RTLD_LAZY, 1);
	sweep_object("libstdc++.so.6", RTLD_LAZY, 4);
}

static void
libllvm(void)
{
	sweep_object(SF_LLVM, RTLD_LAZY, 1);
}

static void
libllvm_threads(void)
{
	sweep_object(SF_LLVM, RTLD_LAZY, 4);
}

const struct row rows[] = {
	{"C12 every symbol of libc", libc_alone, 0},
	{"C12 every symbol of libc, 4 threads", libc_threads, 0},
	{"C12 C16 every symbol of libm, local then global", libm_alone, 0},
	{"C12 every symbol of libstdc++", libstdcxx, 0},
	{"C12 every symbol of libLLVM", libllvm, 0},
	{"C12 every symbol of libLLVM, 4 threads", libllvm_threads, 0},
	{0},
};
