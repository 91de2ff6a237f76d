// SPDX-License-Identifier: BSD-2-Clause
// A program whose malloc opens, uses and closes plugins, in the middle of each dlopen and dlclose that libc makes: while
// it maps an object. Later, or with dependencies, or global, libc itself is damaged by that.
#include "host.h"

extern void *__libc_malloc(size_t size);

static const char *busy_file; /* opened by each malloc, NULL: none */
static int busy_mode;
static unsigned int busy_calls, busy_wrong,
	busy_left; /* mallocs that still do so, in this dlopen or dlclose */

static void
busy_use(const char *file)
{
	char path[4096], symbol[64];
	int (*add)(int);
	void *h;

	snprintf(path, sizeof(path), "%s/%s.so", SF_LAB, file);
	snprintf(symbol, sizeof(symbol), "%s_add", file);
	h = dlopen(path, busy_mode);
	add = h != NULL ? (int (*)(int))dlsym(h, symbol) : NULL;
	if (add == NULL || add(0) < 0 || dlclose(h) != 0)
		busy_wrong++;
	busy_calls++;
}

void *
malloc(size_t size)
{
	const char *file = busy_file;

	if (file != NULL && busy_left > 0) {
		busy_left--;
		busy_file = NULL;
		busy_use(file);
		busy_file = file;
	}
	return __libc_malloc(size);
}

/* Names that libc has not loaded before, so that it maps each of them, while each malloc has a cycle of another plugin. */
static void
busy(const char *outer, const char *inner, int mode)
{
	host_quiet = true;
	busy_mode = mode;
	for (int i = 0; i < reps * 2; i++) {
		char path[32];
		void *h;

		snprintf(path, sizeof(path), "./outer%d.so", i);
		if (symlink(lab(outer), path) != 0)
			busy_wrong++;
		for (int k = 0; k < 3;
		     k++) { /* what the library knows of it is of a load with a busy malloc, and is used */
			busy_left = 2;
			busy_file = k == 0 ? inner : NULL;
			h = dlopen(path, mode);
			busy_left = 2;
			busy_file = i & 1 ? inner : NULL;
			if (h == NULL || dlclose(h) != 0)
				busy_wrong++;
			busy_file = NULL;
		}
		unlink(path);
	}
	say("%s within %s: %u wrong, %s", inner, outer, busy_wrong,
	    busy_calls > 0 ? "called" : "not called");
	host_quiet = false;
	host_cycle("alpha", 4);
	host_loaded("beta.so");
}

static void
local(void)
{
	busy("alpha.so", "beta", RTLD_NOW);
}
static void
lazy(void)
{
	busy("lazy.so", "now", RTLD_LAZY);
}
static void
itself(void)
{
	busy("alpha.so", "alpha", RTLD_LAZY);
}
/* Plugins were retained before the malloc began with it; now libc looks whether one of them is meant. */
static void
looked(void)
{
	host_cycle("alpha", 4);
	busy("alpha.so", "alpha", RTLD_NOW);
}
static void
looked_other(void)
{
	host_cycle("alpha", 4);
	busy("alpha.so", "beta", RTLD_NOW);
}
static void
unfit(void)
{
	busy("alpha.so", "tlsie", RTLD_NOW);
}

const struct row rows[] = {
	{"R20 malloc opens and closes: another plugin", local, 0},
	{"R20 malloc opens and closes: bound lazily", lazy, 0},
	{"R20 malloc opens and closes: the one that is being loaded", itself, 0},
	{"R20 malloc opens and closes: one that libc unloads", unfit, 0},
	{"R20 malloc opens and closes, later: one that is retained", looked, 0},
	{"R20 malloc opens and closes, later: another than the retained one", looked_other, 0},
	{NULL, NULL, 0},
};
