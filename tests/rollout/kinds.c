// SPDX-License-Identifier: BSD-2-Clause
// kinds.c: one kind of question again and again; every answer is looked at.
//
// kinds KIND lie|truth PLUGIN ROUNDS [PROGRAM [WORD...]]
//	prints how many answers were wrong; then the process runs PROGRAM instead
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symfast.h>
#include <unistd.h>

int lie_default(void);
int truth_default(void);

int
lie_default(void)
{
	return 1;
}

int
truth_default(void)
{
	return 2;
}

void *ask_next(const char *name), *own_next(const char *name);

static const char *prefix, *plugin;
static void *first, *second; /* the two in the objects of behind.c */
static void *handle, *own, *value;
static int nowhere;
static size_t (*symbolize)(void *const *, size_t, struct symfast_symbol *, unsigned int);

static const char *
name_of(const char *rest)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s_%s", prefix, rest);
	return name;
}

/* NULL, with the text that says so. */
static int
missing(void *found, const char *name)
{
	const char *error = dlerror();

	return found == NULL && error != NULL && strstr(error, name) != NULL &&
	       strstr(error, "undefined symbol") != NULL;
}

static int
negative(void *of)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", name_of("missing"));
	return missing(dlsym(of, name), name);
}

static int
open_and_close(void)
{
	void *again = dlopen(plugin, RTLD_NOW);

	return again == handle && dlclose(again) == 0;
}

static int
named(const char *text)
{
	return text != NULL && strstr(text, name_of("default")) != NULL;
}

static int
address(int more)
{
	struct link_map *map = NULL;
	Dl_info info;
	int got = more ? dladdr1(own, &info, (void **)&map, RTLD_DL_LINKMAP) : dladdr(own, &info);

	return got && named(info.dli_sname) && info.dli_saddr == own && (!more || map != NULL);
}

static int
lines(void)
{
	char **text = backtrace_symbols(&own, 1);
	int good = text != NULL && named(text[0]);

	free(text);
	return good;
}

static int
lines_to_file(void)
{
	backtrace_symbols_fd(&own, 1, nowhere);
	return 1;
}

static int
symbol(void)
{
	struct symfast_symbol s;

	return symbolize(&own, 1, &s, 0) == 1 && named(s.symbol);
}

static int
ask(const char *kind)
{
	switch (kind[0]) {
	case 's':
		return dlsym(handle, name_of("value")) == value;
	case 'v':
		return dlvsym(handle, name_of("value"), "ANY_1.0") == value;
	case 'd':
		return dlsym(RTLD_DEFAULT, name_of("default")) == own;
	case 'x':
		return dlsym(RTLD_NEXT, name_of("next")) == first;
	case 'X': /* libc cannot be asked for it from here */
		return ask_next(name_of("next")) == second;
	case 'n':
		return negative(handle);
	case 'N':
		return negative(RTLD_DEFAULT);
	case 'o':
		return open_and_close();
	case 'a':
		return address(0);
	case 'A':
		return address(1);
	case 'b':
		return lines();
	case 'B':
		return lines_to_file();
	case 'y':
		return symbol();
	default:
		return 0;
	}
}

int
main(int argc, char **argv)
{
	unsigned long wrong = 0, rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	int null[2];

	if (rounds == 0 || pipe(null) != 0)
		return EXIT_FAILURE;
	prefix = argv[2];
	plugin = argv[3];
	nowhere = null[1];
	handle = dlopen(plugin, RTLD_NOW);
	own = strcmp(prefix, "lie") == 0 ? (void *)lie_default : (void *)truth_default;
	value = handle != NULL ? dlsym(handle, name_of("value")) : NULL;
	first = dlsym(RTLD_DEFAULT, name_of("next"));
	second = own_next(name_of("next"));
	symbolize = (size_t(*)(void *const *, size_t, struct symfast_symbol *, unsigned int))dlsym(
		RTLD_DEFAULT, "symfast_symbolize");
	if (value == NULL || symbolize == NULL || second == NULL || first == second)
		return EXIT_FAILURE;
	for (unsigned long i = 0; i < rounds; i++) {
		char drain[4096];

		wrong += !ask(argv[1]);
		if (argv[1][0] == 'B' && read(null[0], drain, sizeof(drain)) <= 0)
			wrong++;
	}
	printf("%lu wrong\n", wrong);
	fflush(stdout);
	if (argc > 5)
		execv(argv[5], argv + 5);
	return wrong != 0;
}
