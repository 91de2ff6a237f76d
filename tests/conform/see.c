// SPDX-License-Identifier: BSD-2-Clause
// The observers: one dl* call each, repeated, with its result, errno and both dlerror answers
// printed.
#include "row.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EDGE_SIZE (2u << 20)

static const char *
at_edge(const char *name)
{
	static char *end;
	size_t size = strlen(name) + 1;

	if (!end) {
		char *start = mmap(NULL, EDGE_SIZE + 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (start == MAP_FAILED)
			_exit(95);
		end = start + EDGE_SIZE;
		mprotect(end, 4096, PROT_NONE);
	}
	return memcpy(end - size, name, size);
}

const char *
shape(int turn, const char *name)
{
	static char same_place[EDGE_SIZE];

	switch (turn % 3) {
	case 1:
		return strcpy(same_place, name);
	case 2:
		return at_edge(name);
	default:
		return name;
	}
}

/* Enough of a long name to tell it, so that a row about 1 MiB prints one line. */
static const char *
short_form(const char *name)
{
	static char buffer[4][96];
	static int turn;
	char *out = buffer[turn++ % 4];
	size_t size = strlen(name);

	if (size < 80)
		return name;
	snprintf(out, 96, "%.40s...(%zu)", name, size);
	return out;
}

static void
say_result(const char *call, void *handle, const char *name, const char *result, int number)
{
	char first[512];
	int number_first;
	const char *error;

	errno = 0;
	error = dlerror();
	number_first = errno;
	snprintf(first, sizeof(first), "%.300s (%zu)", text(error), error ? strlen(error) : 0);
	errno = 0;
	error = dlerror();
	say("%s(%s, %s) = %s errno %d; dlerror %s errno %d; then %s errno %d", call,
	    handle_name(handle), short_form(name), result, number, first, number_first, text(error),
	    errno);
}

void
see_sym(void *handle, const char *name)
{
	EACH
	{
		const char *place = shape(each_, name);
		void *value;
		int number;

		errno = 77;
		value = dlsym(handle, place);
		number = errno;
		say_result("dlsym", handle, name, where(value), number);
	}
}

void
see_vsym(void *handle, const char *name, const char *version)
{
	char call[128];

	snprintf(call, sizeof(call), "dlvsym[%s]", version ? short_form(version) : "NULL");
	EACH
	{
		const char *place = shape(each_, name);
		void *value;
		int number;

		errno = 77;
		value = dlvsym(handle, place, version);
		number = errno;
		say_result(call, handle, name, where(value), number);
	}
}

void
see_call(void *handle, const char *name)
{
	EACH
	{
		union {
			void *value;
			int (*call)(void);
		} found = {dlsym(handle, shape(each_, name))};

		if (found.value)
			say("%s of %s gives %d", name, handle_name(handle), found.call());
		else
			say("%s of %s is not there: %s", name, handle_name(handle),
			    text(dlerror()));
	}
}

void
see_agent(const struct agent *agent, const char *who, void *handle, const char *name)
{
	EACH
	{
		const char *place = shape(each_, name);
		void *value;
		int number;

		errno = 77;
		value = agent->sym(handle, place);
		number = errno;
		say_result(who, handle, name, where(value), number);
	}
}

void
see_error(const char *when)
{
	const char *error;
	int number;

	errno = 0;
	error = dlerror();
	number = errno;
	say("%s: dlerror %s errno %d", when, text(error), number);
}

void
see_close(void *handle)
{
	int result, number;

	errno = 77;
	result = dlclose(handle);
	number = errno;
	say("dlclose = %d errno %d", result, number);
	see_error("dlclose");
}

void *
see_open(const char *file, int mode)
{
	void *handle;
	int number;

	errno = 77;
	handle = dlopen(file, mode);
	number = errno;
	say("dlopen(%s, %#x) = %s errno %d", file ? short_form(file) : "NULL", (unsigned int)mode,
	    handle ? handle_name(handle) : "NULL", number);
	see_error("dlopen");
	return handle;
}

void
see_reopen(const char *file, int mode)
{
	EACH
	{
		void *handle = see_open(file, mode);

		if (handle)
			see_close(handle);
	}
}

void
see_loaded(const char *file)
{
	void *handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
	const char *slash = strrchr(file, '/');

	say("%s is %s", slash ? slash + 1 : file, handle ? "loaded" : "not loaded");
	if (handle)
		dlclose(handle);
	see_error("noload");
}

void *
must_open(const char *file, int mode)
{
	void *handle = dlopen(lab(file), mode);

	if (!handle) {
		say("cannot open %s: %s", file, text(dlerror()));
		_exit(94);
	}
	return handle;
}

const struct agent *
agent_of(void *handle, const char *object)
{
	char name[64];
	const struct agent *agent;

	snprintf(name, sizeof(name), "agent_%s", object);
	agent = dlsym(handle, name);
	if (!agent) {
		say("no agent: %s", text(dlerror()));
		_exit(93);
	}
	return agent;
}
