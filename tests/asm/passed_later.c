// SPDX-License-Identifier: BSD-2-Clause
// An object that is opened later, has a search path of its own and brings another one along.
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include "passed.h"

__thread int passed_thread_local = 1;

static void *
by_default(const char *name)
{
	void *volatile got = dlsym(RTLD_DEFAULT, name); /* no tail call: the caller matters */

	return got;
}

static void *
by_next(const char *name)
{
	void *volatile got = dlsym(RTLD_NEXT, name);

	return got;
}

static void *
by_version(const char *name, const char *version)
{
	void *volatile got = dlvsym(RTLD_DEFAULT, name, version);

	return got;
}

static void *
open_it(const char *name, int mode)
{
	void *volatile got = dlopen(name, mode);

	return got;
}

static int
first_only(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	return 1;
}

static int
walk(void)
{
	volatile int got = dl_iterate_phdr(first_only, NULL);

	return got;
}

struct passed_later passed_later = {by_default,         by_next, by_version, open_it,
				    passed_needed_open, walk};
