// SPDX-License-Identifier: BSD-2-Clause
// Rows 1 to 8 of the contract: what dlerror says, to whom, and what clears it.
#include "row.h"
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *alpha;
static void *self;
static struct link_map *map_of_alpha;

static void
open_both(void)
{
	alpha = must_open("alpha.so", RTLD_LAZY);
	self = dlopen(NULL, RTLD_LAZY);
}

static void
fail_sym(void)
{
	dlsym(alpha, "missing_one");
}

static void
fail_main_sym(void)
{
	dlsym(self, "missing_main");
}

static void
fail_default(void)
{
	dlsym(RTLD_DEFAULT, "missing_default");
}

static void
fail_next(void)
{
	dlsym(RTLD_NEXT, "missing_next");
}

static void
fail_vsym(void)
{
	dlvsym(alpha, "shared_fn", "NO_SUCH_VERSION");
	dlvsym(alpha, "missing_v", "VER_1");
}

static void
fail_open(void)
{
	dlopen(lab("no_such_file.so"), RTLD_LAZY);
}

static void
fail_mode(void)
{
	dlopen(lab("alpha.so"), 0);
}

static void
fail_info(void)
{
	dlinfo(alpha, 9999, &map_of_alpha);
}

/* Names that are no IFUNC, because those are always passed on. */
static void
good_sym(void)
{
	dlsym(alpha, "shared_fn");
}

static void
good_default(void)
{
	dlsym(RTLD_DEFAULT, "strtol");
}

static void
good_next(void)
{
	dlsym(RTLD_NEXT, "strtol");
}

static void
good_vsym(void)
{
	dlvsym(self, "strtol", LIBC_FIRST);
}

static void
good_open(void)
{
	dlopen(lab("alpha.so"), RTLD_LAZY);
}

static void
good_close(void)
{
	void *again = dlopen(lab("alpha.so"), RTLD_LAZY);

	fail_sym();
	dlclose(again);
}

static void
good_main(void)
{
	dlopen(NULL, RTLD_LAZY);
}

static void
good_noload(void)
{
	dlopen(lab("beta.so"), RTLD_LAZY | RTLD_NOLOAD);
}

static void
good_dlmopen(void)
{
	dlmopen(LM_ID_BASE, lab("alpha.so"), RTLD_LAZY);
}

static void
good_info(void)
{
	dlinfo(alpha, RTLD_DI_LINKMAP, &map_of_alpha);
}

static int
count_objects(struct dl_phdr_info *info, size_t size, void *counter)
{
	(void)info;
	(void)size;
	++*(int *)counter;
	return 0;
}

static void
untouched(void)
{
	Dl_info info;
	int objects = 0;

	dladdr((void *)16, &info);
	dladdr((void *)fail_sym, &info);
	dl_iterate_phdr(count_objects, &objects);
}

struct step {
	const char *name;
	void (*run)(void);
};

static const struct step fails[] = {
	{"dlsym", fail_sym},        {"main dlsym", fail_main_sym}, {"DEFAULT", fail_default},
	{"NEXT", fail_next},        {"dlvsym", fail_vsym},         {"dlopen", fail_open},
	{"dlopen mode", fail_mode}, {"dlinfo", fail_info},
};

static const struct step goods[] = {
	{"dlsym", good_sym},         {"DEFAULT", good_default},      {"NEXT", good_next},
	{"dlvsym", good_vsym},       {"dlopen", good_open},          {"dlclose", good_close},
	{"dlopen(NULL)", good_main}, {"NOLOAD", good_noload},        {"dlmopen", good_dlmopen},
	{"dlinfo", good_info},       {"dladdr, iterate", untouched},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void
success_clears(void)
{
	size_t f, g;
	char line[64];

	open_both();
	for (f = 0; f < COUNT(fails); f++)
		for (g = 0; g < COUNT(goods); g++) {
			snprintf(line, sizeof(line), "%s then %s", fails[f].name, goods[g].name);
			EACH
			{
				fails[f].run();
				goods[g].run();
				see_error(line);
			}
		}
}

static void
success_clears_unread(void)
{
	size_t f, g;

	open_both();
	EACH
	{
		for (f = 0; f < COUNT(fails); f++)
			fails[f].run();
		for (g = 0; g < COUNT(goods); g++)
			goods[g].run();
		see_error("all");
		for (g = 0; g < COUNT(goods); g++) {
			fails[g % COUNT(fails)].run();
			goods[g].run();
		}
		see_error("turns");
	}
}

static void
last_failure_stays(void)
{
	size_t f, g;

	open_both();
	for (f = 0; f < COUNT(fails); f++)
		for (g = 0; g < COUNT(fails); g++)
			EACH
			{
				fails[f].run();
				fails[g].run();
				see_error(fails[f].name);
				see_error("second");
			}
}

static void
fail_elsewhere(void *argument)
{
	(void)argument;
	see_error("thread, before");
	EACH
	{
		fail_sym();
		see_error("thread, own");
		fail_main_sym();
	}
}

static void
per_thread(void)
{
	open_both();
	EACH
	{
		fail_vsym();
	}
	in_thread(fail_elsewhere, NULL);
	see_error("main, own");
	EACH
	{
		fail_sym();
	}
	in_thread(fail_elsewhere, NULL);
	see_error("main, own");
	see_error("main, second");
}

static void
text_stays(void)
{
	open_both();
	EACH
	{
		char *error;
		char copy[512];

		fail_sym();
		error = dlerror();
		snprintf(copy, sizeof(copy), "%s", text(error));
		in_thread(fail_elsewhere, NULL);
		say("text %s", error && strcmp(error, copy) == 0 ? "stays" : "changed");
		say("%s", error ? error : "NULL");
	}
}

static long
resident_pages(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*s %ld", &pages) != 1)
		_exit(92);
	fclose(file);
	return pages;
}

static void
text_is_freed(void)
{
	char name[256];
	long before = 0;
	int i;

	open_both();
	for (i = 0; i < 300000; i++) {
		memset(name, 'a' + i % 20, 200 + i % 50);
		name[200 + i % 50] = '\0';
		dlsym(alpha, name);
		if (i % 2)
			dlerror();
		if (i == 20000)
			before = resident_pages();
	}
	say("memory %s", resident_pages() - before > 1024 ? "grows" : "stays");
	see_error("last");
}

static void
texts(void)
{
	void *beta = must_open("beta.so", RTLD_LAZY);
	const struct agent *agent;

	open_both();
	agent = agent_of(beta, "beta");
	see_sym(alpha, "missing_one");
	see_sym(self, "missing_one");
	see_sym(RTLD_DEFAULT, "missing_one");
	see_sym(RTLD_NEXT, "missing_one");
	see_sym(alpha, "");
	see_sym(alpha, "a name with spaces, %s and \xc3\xa9");
	see_vsym(alpha, "missing_one", "VER_9");
	see_vsym(self, "strlen", "VER_9");
	see_vsym(RTLD_DEFAULT, "missing_one", "VER_9");
	see_vsym(RTLD_NEXT, "missing_one", "VER_9");
	see_agent(agent, "beta's dlsym", RTLD_DEFAULT, "missing_one");
	see_agent(agent, "beta's dlsym", RTLD_NEXT, "missing_one");
	see_agent(agent, "beta's dlsym", alpha, "missing_one");
	see_agent(agent, "beta's dlsym", self, "missing_one");
	see_agent(agent, "beta's dlsym", beta, "missing_one");
}

static void
name_is_copied(void)
{
	open_both();
	EACH
	{
		char name[64];

		snprintf(name, sizeof(name), "missing_%d", each_ % 2);
		dlsym(alpha, name);
		memset(name, 'X', sizeof(name) - 1);
		see_error("overwritten");
	}
	EACH
	{
		char name[32] = "missing_v", version[32] = "VER_5";

		dlvsym(alpha, name, version);
		strcpy(name, "other");
		strcpy(version, "other");
		see_error("overwritten");
	}
}

static void
text_names_file_as_opened(void)
{
	void *handle;

	if (symlink(lab("beta.so"), "link.so"))
		say("symlink failed");
	handle = dlopen("./link.so", RTLD_LAZY);
	see_sym(handle, "missing_one");
	if (chdir("/"))
		say("chdir failed");
	see_sym(handle, "missing_one");
	see_sym(handle, "missing_two");
}

extern char *program_invocation_name;

static void
text_after_new_argv0(void)
{
	char *first;

	open_both();
	see_sym(self, "missing_one");
	first = program_invocation_name;
	memcpy(first, "/renamed", 8);
	see_sym(self, "missing_one");
	see_sym(RTLD_DEFAULT, "missing_one");
	EACH
	{
		fail_main_sym();
		first[1] = (char)('a' + each_ % 3);
		see_error("renamed between");
	}
}

static void
errno_rules(void)
{
	size_t f, g;

	open_both();
	for (f = 0; f < COUNT(fails); f++)
		EACH
		{
			int number;

			errno = 55;
			fails[f].run();
			number = errno;
			say("fail %s errno %d", fails[f].name, number);
			errno = 56;
			dlerror();
			number = errno;
			say("dlerror %d", number);
			errno = 57;
			dlerror();
			number = errno;
			say("dlerror, none pending: %d", number);
		}
	for (g = 0; g < COUNT(goods); g++)
		EACH
		{
			int number;

			errno = 58;
			goods[g].run();
			number = errno;
			say("good %s errno %d", goods[g].name, number);
		}
}

static void
null_without_error(void)
{
	void *kinds = must_open("kinds.so", RTLD_LAZY);

	open_both();
	see_sym(kinds, "kind_abs_zero");
	EACH
	{
		fail_sym();
		say("zero: %s", where(dlsym(kinds, "kind_abs_zero")));
		see_error("zero");
		fail_sym();
		say("noload: %s", where(dlopen(lab("gamma.so"), RTLD_LAZY | RTLD_NOLOAD)));
		see_error("noload");
	}
}

/* libc's own dlerror, reached past any wrapper, is the same state. */
static void
raw_error(void)
{
	void *libc = dlopen(dl_file(), RTLD_LAZY);
	union {
		void *value;
		char *(*call)(void);
	} raw;
	size_t f;

	open_both();
	for (f = 0; f < COUNT(fails); f++)
		EACH
		{
			raw.value = dlsym(libc, "dlerror");
			fails[f].run();
			say("raw after %s: %s", fails[f].name, text(raw.call()));
			see_error("then");
			fails[f].run();
			see_error("own");
			say("raw then: %s", text(raw.call()));
		}
}

const struct row rows[] = {
	{"C01 success clears, every pair", success_clears, 0},
	{"C01 success clears, in turns", success_clears_unread, 0},
	{"C03 the last failure stays", last_failure_stays, 0},
	{"C03 state is per thread", per_thread, 0},
	{"C04 the text stays until the next dl call of this thread", text_stays, 0},
	{"C04 the text is freed", text_is_freed, 0},
	{"C05 texts and their FILE", texts, 0},
	{"C05 NAME is copied at call time", name_is_copied, 0},
	{"C05 FILE is the name as opened", text_names_file_as_opened, 0},
	{"C05 FILE of main follows argv[0]", text_after_new_argv0, 0},
	{"C06 errno", errno_rules, 0},
	{"C07 NULL without error", null_without_error, 0},
	{"C08 libc's own dlerror sees the pending error", raw_error, 0},
	{0},
};
