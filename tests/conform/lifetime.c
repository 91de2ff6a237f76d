// SPDX-License-Identifier: BSD-2-Clause
// Rows 29 to 36 of the contract: constructors, destructors, libc's own loads, dlclose handed out.
#include "row.h"
#include <errno.h>
#include <iconv.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the objects of the lab call back. */
void lab_event(const char *object, int step);
void lab_say(const char *format, ...);
const char *lab_path(const char *file);
int lab_reps(void);
void lab_slow_inside(void);

static sem_t inside;

void
lab_event(const char *object, int step)
{
	say("%s %s", object, step > 0 ? "is constructed" : "is destructed");
}

void
lab_say(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say("%s", line);
}

const char *
lab_path(const char *file)
{
	return lab(file);
}

int
lab_reps(void)
{
	return reps;
}

void
lab_slow_inside(void)
{
	sem_post(&inside);
}

static void
constructors_and_destructors(void)
{
	int round;

	for (round = 0; round < 3; round++) {
		void *held = must_open("ev1.so", RTLD_LAZY);
		void *reenter = must_open("reenter.so", RTLD_LAZY | RTLD_GLOBAL);

		see_call(reenter, "reenter_fn");
		see_sym(dlopen(NULL, RTLD_LAZY), "reenter_late");
		see_close(held);
		see_close(reenter);
		see_sym(dlopen(NULL, RTLD_LAZY), "reenter_late");
		see_loaded(lab("reenter.so"));
		see_loaded(lab("ev1.so"));
	}
}

static void
slow_opener(void *argument)
{
	(void)argument;
	must_open("slow.so", RTLD_LAZY);
}

static void *
open_slow(void *argument)
{
	slow_opener(argument);
	return NULL;
}

static void
half_constructed(void)
{
	pthread_t first;
	void *handle;
	int *ready;

	sem_init(&inside, 0, 0);
	pthread_create(&first, NULL, open_slow, NULL);
	sem_wait(&inside);
	handle = dlopen(lab("slow.so"), RTLD_LAZY);
	ready = dlsym(handle, "slow_ready");
	say("constructor finished: %s", ready && *ready ? "yes" : "no");
	see_call(handle, "slow_fn");
	pthread_join(first, NULL);
	see_reopen(lab("slow.so"), RTLD_LAZY);
}

static void
half_constructed_noload(void)
{
	pthread_t first;
	void *handle;
	int *ready;

	sem_init(&inside, 0, 0);
	pthread_create(&first, NULL, open_slow, NULL);
	sem_wait(&inside);
	handle = dlopen(lab("slow.so"), RTLD_LAZY | RTLD_NOLOAD);
	ready = handle ? dlsym(handle, "slow_ready") : NULL;
	say("constructor finished: %s", ready && *ready ? "yes" : "no");
	pthread_join(first, NULL);
}

static void
order_of_events(void)
{
	int round;

	for (round = 0; round < 3; round++) {
		void *down = must_open("down.so", RTLD_LAZY);
		void *two = must_open("ev2.so", RTLD_LAZY);

		see_reopen(lab("ev2.so"), RTLD_LAZY);
		see_reopen(lab("libleaf.so"), RTLD_LAZY);
		see_reopen(lab("down.so"), RTLD_LAZY);
		see_sym(down, "only_leaf");
		see_close(two);
		see_sym(down, "only_leaf");
		see_close(down);
	}
}

static void
dependency_outlives(void)
{
	void *down = must_open("down.so", RTLD_LAZY);
	void *leaf = dlopen(lab("libleaf.so"), RTLD_LAZY);

	see_call(down, "only_leaf");
	see_call(leaf, "only_leaf");
	see_close(down);
	see_call(leaf, "only_leaf");
	see_close(leaf);
	see_loaded(lab("libleaf.so"));
	down = must_open("down.so", RTLD_LAZY);
	see_call(down, "only_leaf");
	see_close(down);
}

static void
closed_at_exit(void)
{
	must_open("ev1.so", RTLD_LAZY);
	see_reopen(lab("ev1.so"), RTLD_LAZY);
	must_open("ev2.so", RTLD_LAZY | RTLD_GLOBAL);
	see_reopen(lab("ev2.so"), RTLD_LAZY);
	must_open("reenter.so", RTLD_LAZY);
}

static struct link_map *
initial_map(const char *part)
{
	struct link_map *map;

	for (map = _r_debug.r_map; map; map = map->l_next)
		if (strstr(map->l_name, part))
			return map;
	return NULL;
}

static void
never_opened(void)
{
	see_sym(initial_map("libc.so"), "strtol");
	see_sym(initial_map("ld-linux"), "strtol");
}

static void
never_opened_closed(void)
{
	EACH
	{
		see_close(initial_map("libc.so"));
	}
}

static void
opened_initial(void)
{
	struct link_map *libc = initial_map("libc.so");

	EACH
	{
		void *handle = dlopen("libc.so.6", RTLD_LAZY);

		say("%s", handle == libc ? "the link map" : "other");
	}
	see_sym(libc, "strtol");
	EACH
	{
		see_close(libc);
	}
	see_close(libc);
	see_sym(libc, "strtol");
}

static int
objects(void)
{
	struct link_map *map;
	int n = 0;

	for (map = _r_debug.r_map; map; map = map->l_next)
		n++;
	return n;
}

static void
convert(const char *from, const char *to)
{
	int before = objects();
	iconv_t conversion = iconv_open(to, from);

	say("%s to %s: %s, %d more", from, to, conversion == (iconv_t)-1 ? "none" : "open",
	    objects() - before);
	if (conversion != (iconv_t)-1)
		iconv_close(conversion);
	say("closed: %d more", objects() - before);
}

static const char *
converter(const char *name)
{
	static char path[4096];
	const char *libc = initial_map("libc.so")->l_name;

	snprintf(path, sizeof(path), "%.*s/gconv/%s", (int)(strrchr(libc, '/') - libc), libc, name);
	return path;
}

static void
libc_loads(void)
{
	static const char *const codes[] = {"KOI8-R", "CP1251", "EUC-JP", "SHIFT_JIS", "CP1252"};
	void *self = dlopen(NULL, RTLD_LAZY);
	int round;
	size_t i;

	for (round = 0; round < 3; round++)
		for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
			void *handle;

			convert(codes[i], "UTF-16");
			see_sym(self, "gconv");
			handle = dlopen(converter("KOI8-R.so"), RTLD_LAZY | RTLD_NOLOAD);
			say("KOI8-R %s", handle ? "loaded" : "not loaded");
			if (handle) {
				see_sym(handle, "gconv_init");
				see_close(handle);
			}
			see_reopen(converter("EUC-JP.so"), RTLD_LAZY);
			see_sym(self, "gconv");
		}
}

/* A handle that nobody opened for the host: the link map of an object that libc loaded. */
static void
libc_loads_by_map(void)
{
	static const char *const codes[] = {"CP1251", "EUC-JP", "SHIFT_JIS", "CP1252", "IBM037"};
	iconv_t conversion;
	int round;
	size_t i;

	for (round = 0; round < 2; round++) {
		conversion = iconv_open("UTF-8", "KOI8-R");
		see_sym(initial_map("KOI8-R.so"), "gconv_init");
		see_sym(initial_map("KOI8-R.so"), "none");
		iconv_close(conversion);
		for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
			iconv_close(iconv_open("UTF-8", codes[i]));
		say("KOI8-R %s", initial_map("KOI8-R.so") ? "loaded" : "not loaded");
	}
}

static void
raw_close(void)
{
	void *libc = dlopen(dl_file(), RTLD_LAZY);
	void *handle = NULL;
	union {
		void *value;
		int (*call)(void *);
	} raw;
	int i;

	handle = must_open("ev1.so", RTLD_LAZY);
	see_reopen(lab("ev1.so"), RTLD_LAZY);
	for (i = 0; i < 2; i++)
		must_open("ev1.so", RTLD_LAZY);
	raw.value = dlsym(libc, "dlclose");
	say("raw close %d", raw.call(handle));
	see_call(handle, "shared_fn");
	say("raw close %d", raw.call(handle));
	see_call(handle, "shared_fn");
	say("raw close %d", raw.call(handle));
	see_loaded(lab("ev1.so"));
	EACH
	{
		handle = must_open("ev1.so", RTLD_LAZY);
		must_open("ev1.so", RTLD_LAZY);
		say("raw close %d", raw.call(handle));
		see_close(handle);
	}
}

static void
raw_close_by_next(void)
{
	union {
		void *value;
		int (*call)(void *);
	} raw;
	void *handle = must_open("ev1.so", RTLD_LAZY);

	see_reopen(lab("ev1.so"), RTLD_LAZY);
	must_open("ev1.so", RTLD_LAZY);
	raw.value = dlvsym(RTLD_NEXT, "dlclose", LIBC_FIRST);
	say("raw close %d", raw.call(handle));
	see_call(handle, "shared_fn");
	say("raw close %d", raw.call(handle));
	see_loaded(lab("ev1.so"));
}

static void
raw_open(void)
{
	void *libc = dlopen(dl_file(), RTLD_LAZY);
	union {
		void *value;
		void *(*call)(const char *, int);
	} raw = {dlsym(libc, "dlopen")};
	void *handle = raw.call(lab("ev1.so"), RTLD_LAZY);

	see_call(handle, "shared_fn");
	see_reopen(lab("ev1.so"), RTLD_LAZY);
	see_close(handle);
	see_loaded(lab("ev1.so"));
	EACH
	{
		handle = raw.call(lab("ev2.so"), RTLD_LAZY | RTLD_GLOBAL);
		say("%s", where(dlsym(RTLD_DEFAULT, "only_ev2")));
		see_sym(dlopen(NULL, RTLD_LAZY), "only_ev2");
		see_close(handle);
	}
}

const struct row rows[] = {
	{"C30 C33 constructors and destructors that look up", constructors_and_destructors, 0},
	{"C31 no handle of a half-constructed object", half_constructed, 0},
	{"C31 nor by NOLOAD", half_constructed_noload, 0},
	{"C33 the order of constructors and destructors", order_of_events, 0},
	{"C33 a dependency outlives its user", dependency_outlives, 0},
	{"C33 destructors at exit", closed_at_exit, 0},
	{"C34 a link map that was never opened", never_opened, 1},
	{"C34 closing a link map that was never opened", never_opened_closed, 0},
	{"C34 an initial object opened by name", opened_initial, 0},
	{"C35 loads that libc makes by itself", libc_loads, 0},
	{"C35 the link map of a load that libc makes", libc_loads_by_map, 0},
	{"C36 libc's own dlclose", raw_close, 0},
	{"C36 libc's own dlclose by NEXT and version", raw_close_by_next, 0},
	{"C36 libc's own dlopen", raw_open, 0},
	{0},
};
