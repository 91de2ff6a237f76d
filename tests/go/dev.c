// SPDX-License-Identifier: BSD-2-Clause
// A preload library with nothing in it but the Go room: so that the Go tests need no other part of
// symfast, and can read the room's counters from inside the host.
#include "../../shim/go/go.h"
#include "../../shim/go/leaf.h"
#include "../../shim/image/elf.h"
#include <symfast_shm.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

SF_EXPORT int symfast_counter(const char *name, uint64_t *value);
SF_EXPORT void sf_dev_go_serve(int on);

struct wanted {
	const char *name;
	uint64_t *value;
	bool found;
};

static void
pick(void *arg, const char *name, uint64_t value)
{
	struct wanted *w = arg;

	if (strcmp(w->name, name))
		return;
	*w->value = value;
	w->found = true;
}

// As in include/symfast.h, for the room's counters alone.
SF_EXPORT int
symfast_counter(const char *name, uint64_t *value)
{
	struct wanted w = {name, value, false};

	sf_go_counters(pick, &w);
	return w.found ? 0 : -1;
}

// The live switch, for a host that turns it while others open.
SF_EXPORT void
sf_dev_go_serve(int on)
{
	sf_go_serve(on != 0);
}

static void
to_stderr(const char *line)
{
	fprintf(stderr, "symfast: %s\n", line);
}

static struct symfast_shm_histogram rows[4];
static int (*real_clock)(clockid_t, struct timespec *);
static long slow_turns;

#if __GNUC__ >= 11
#define DEV_PLAIN __attribute__((target("general-regs-only")))
#else
#define DEV_PLAIN /* older gcc knows no such target of one function; it takes no vector register for these lines */
#endif

// The clock of a leaf made slow on purpose, so that signals land in it; on a goroutine's stack.
DEV_PLAIN static int
slow_clock(clockid_t id, struct timespec *ts)
{
	for (long i = 0; i < slow_turns; i++)
		__builtin_ia32_pause();
	return real_clock(id, ts);
}

static void
slow_down(void)
{
	const char *turns = getenv("SYMFAST_GO_DEV_SLOW");

	if (!turns || !sf_go_table.clock)
		return;
	slow_turns = atol(turns);
	real_clock = sf_go_table.clock;
	sf_go_table.clock = slow_clock;
}

static enum sf_go_mode
mode_from(const char *word)
{
	static const char *const words[] = {"off", "libc", "strict", "on"};

	for (int i = 0; word && i < 4; i++) {
		if (!strcmp(word, words[i]))
			return (enum sf_go_mode)i;
	}
	return SF_GO_ON;
}

__attribute__((constructor)) static void
start(void)
{
	const char *ttl = getenv("SYMFAST_GO_TTL_MS"), *verbose = getenv("SYMFAST_VERBOSE");
	const char *modules = getenv("SYMFAST_GO_MODULES");
	const char *ab = getenv("SYMFAST_GO_DEV_AB");
	struct sf_go_env env = {
		.main = _r_debug.r_map,
		.phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR),
		.phnum = getauxval(AT_PHNUM),
		.page = getauxval(AT_PAGESZ),
		.mode = mode_from(getenv("SYMFAST_GO")),
		.ttl_ms = ttl ? (unsigned int)atoi(ttl) : 100,
		.modules = modules && *modules == '1',
		.verbose = verbose && *verbose == '1',
		.log = to_stderr,
		.realpath = (char *(*)(const char *, char *))dlsym(RTLD_NEXT, "realpath"),
		.errno_location = __errno_location,
		.ab_share = ab ? (uint32_t)atoi(ab) : 0,
		.ab_mask = 3,
		.ab_open = {&rows[0], &rows[1]},
		.ab_realpath = {&rows[2], &rows[3]},
	};

	for (const struct link_map *l = env.main; l; l = l->l_next) {
		struct sf_elf e;

		if (sf_elf_open(&e, l->l_addr, l->l_ld) && e.soname &&
		    !strcmp(e.soname, "libc.so.6"))
			env.libc = l;
	}
	sf_go_init(&env);
	slow_down();
}
