// SPDX-License-Identifier: BSD-2-Clause
// The C level: realpath(3) answered from the table, proved by one stat in place of one readlink for
// each component. For Go hosts whose plugin.open cannot be patched: plugin.open calls realpath
// first.
//
// A path is given out again only for a plain file with one link whose identity (mount, device,
// inode, change time) is still the one that the path had; see leaf.c.
#include "level.h"

#include "../base/sys.h"
#include "arms.h"

#define PATHS_ARENA (256u << 10)

// One canonical path; kept for ever, never changed.
struct path {
	struct path *next;
	size_t len;
	int err; // what realpath left in errno, 0 if it left errno alone
	char text[];
};

static struct {
	char *(*realpath)(const char *, char *);
	int *(*errno_location)(void);
	void (*look)(void); // or NULL
	char *arena;
	size_t used;
	struct path *paths; // writer's own
	uint32_t keeping;
} level;

bool
sf_go_level_init(const struct sf_go_env *env)
{
	if (!env->realpath || !env->errno_location)
		return false;
	level.realpath = env->realpath;
	level.errno_location = env->errno_location;
	level.look = env->look;
	level.arena = sf_sys_map(PATHS_ARENA);
	sf_go_table.half_ttl = 0;
	return level.arena != NULL;
}

bool
sf_go_level_watch(const struct sf_go_env *env)
{
	level.realpath = env->observed ? env->observed : env->realpath;
	level.look = env->look;
	sf_go_table.looks = env->realpath && env->look;
	return env->realpath && (env->look || env->observed);
}

void
sf_go_level_forked(void)
{
	level.keeping = 0;
}

static size_t
realpath_length(const char *s)
{
	size_t n = 0;

	while (n <= SF_GO_NAME_MAX && s[n])
		n++;
	return n;
}

static const struct path *
realpath_path_locked(const char *text, size_t len, int err)
{
	struct path *p;

	for (p = level.paths; p; p = p->next) {
		if (p->len == len && p->err == err && same(p->text, text, len))
			return p;
	}
	size_t size = (sizeof(*p) + len + 1 + 15) & ~(size_t)15;
	if (size > PATHS_ARENA - level.used)
		return NULL;
	p = (struct path *)(level.arena + level.used);
	level.used += size;
	p->len = len;
	p->err = err;
	__builtin_memcpy(p->text, text, len);
	p->next = level.paths;
	level.paths = p;
	return p;
}

static void
realpath_keep(const char *name, size_t len, const char *text, int err)
{
	if (__atomic_exchange_n(&level.keeping, 1, __ATOMIC_ACQUIRE))
		return;
	size_t n = realpath_length(text);
	const struct path *p = n <= SF_GO_NAME_MAX ? realpath_path_locked(text, n, err) : NULL;
	if (p)
		sf_go_table_put(&sf_go_table, name, len, text, n, (uint64_t)(uintptr_t)p);
	__atomic_store_n(&level.keeping, 0, __ATOMIC_RELEASE);
}

// libc's answer, with libc's errno, kept.
static char *
realpath_ask(const char *name, size_t len, char *out)
{
	int *err = level.errno_location(), before = *err;

	*err = 0;
	char *answer = level.realpath(name, out);
	int after = *err;
	if (!after)
		*err = before;
	if (answer)
		realpath_keep(name, len, answer, after);
	return answer;
}

static char *
realpath_answer(const char *name, char *out)
{
	size_t len = realpath_length(name);
	const struct path *p =
		(const struct path *)(uintptr_t)sf_go_table_get(&sf_go_table, name, len);

	if (!p)
		return LOAD(&sf_go_table.era) ? realpath_ask(name, len, out)
					      : level.realpath(name, out);
	__builtin_memcpy(out, p->text, p->len + 1);
	if (p->err)
		*level.errno_location() = p->err;
	return out;
}

// Drawn and timed as plugin.Open is where the detour serves; leaf.c.
static char *
realpath_answer_split(const char *name, char *out)
{
	struct sf_go_arms *a = &sf_go_arms;
	uint64_t drawn = draw(a, &sf_go_table), from = sf_ticks();
	bool fast = in_fast_arm(a, drawn);
	char *path = fast ? realpath_answer(name, out) : level.realpath(name, out);

	if (!fast)
		count(&sf_go_table, SF_GO_BYPASS_STOCK);
	if (!(drawn & a->mask) && path)
		record(a, fast ? SF_ARM_MAP : SF_ARM_LIBC, sf_ticks_since(from));
	return path;
}

char *
sf_go_realpath(const char *name, char *out)
{
	if (level.look)
		level.look();
	if (!name || !out || !level.arena)
		return level.realpath(name, out);
	return sf_go_arms.share && LOAD(&sf_go_table.era) ? realpath_answer_split(name, out)
							  : realpath_answer(name, out);
}
