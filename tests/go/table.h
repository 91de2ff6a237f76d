// SPDX-License-Identifier: BSD-2-Clause
// The Go room's table under a clock of the test's own, with a folder of files to name.
#ifndef SF_TESTS_GO_TABLE_H
#define SF_TESTS_GO_TABLE_H

#include "../../shim/go/leaf.h"
#include "../../shim/go/level.h"
#include "../../shim/base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// host.c's, which is not part of this program
enum sf_go_refusal sf_go_refused, sf_go_modules_refused;
bool sf_go_modules_shortened;

static int failures;
static uint64_t fake_ns;
static uint64_t fake_wall __attribute__((unused)); // 0: the real one
static struct sf_go_table *const t = &sf_go_table;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			failures++;                                                                \
			printf("FAIL line %d: %s\n", __LINE__, #cond);                             \
		}                                                                                  \
	} while (0)

static void (*in_clock)(void) __attribute__((unused)); // something that happens meanwhile

static inline int
fake_clock(clockid_t id, struct timespec *ts)
{
	if (in_clock)
		in_clock();
	if (id == CLOCK_REALTIME_COARSE && !fake_wall)
		return clock_gettime(id, ts);
	uint64_t ns = id == CLOCK_REALTIME_COARSE ? fake_wall : fake_ns;
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

static inline void
fresh_table(uint64_t ttl)
{
	memset(t, 0, sizeof(*t));
	t->half_ttl = ttl / 2;
	t->clock = fake_clock;
	t->key[0] = sf_sys_random();
	t->key[1] = sf_sys_random();
	t->arena = sf_sys_map(SF_GO_ARENA);
	t->slots = sf_sys_map(SF_GO_SLOTS * sizeof(*t->slots));
	sf_go_serve(true);
	fake_ns = 1000000000;
}

static inline uint64_t
counted(enum sf_go_stripe_counter id)
{
	uint64_t sum = 0;

	for (int i = 0; i < SF_GO_STRIPES; i++)
		sum += t->stripe[i].n[id];
	return sum;
}

static inline uint64_t
get(const char *name)
{
	return sf_go_table_get(t, name, strlen(name));
}

static inline void
put(const char *name, const char *path, uint64_t value)
{
	sf_go_table_put(t, name, strlen(name), path, strlen(path), value);
}

static char dir[PATH_MAX], a[PATH_MAX + 8], b[PATH_MAX + 8], a_link[PATH_MAX + 8];

static inline void
make(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	CHECK(fd >= 0);
	close(fd);
}

// A file that changed a moment ago is not yet proved by its change time.
static inline void
settle(void)
{
	usleep(40000);
}

static inline void
point(const char *to)
{
	unlink(a_link);
	CHECK(symlink(to, a_link) == 0);
}

static inline bool
make_folder(void)
{
	char template[] = "/tmp/sf-go-table-XXXXXX";

	if (!mkdtemp(template) || !realpath(template, dir))
		return false;
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	snprintf(a_link, sizeof(a_link), "%s/link", dir);
	make(a);
	make(b);
	return true;
}

static inline void
remove_folder(void)
{
	unlink(a);
	unlink(b);
	unlink(a_link);
	if (chdir("/") || rmdir(dir))
		printf("left behind: %s\n", dir);
}

#endif
