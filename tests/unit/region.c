// SPDX-License-Identifier: BSD-2-Clause
// region.c: what comes between two steps of a thread at work: a fork, or another thread's new lifetime.
#include "boot.h"
#include "unit.h"

#include "base/lock.h"
#include "base/sys.h"
#include "libc/next.h"
#include "map/arena.h"
#include "map/object.h"
#include "map/spans.h"
#include "../lib/find_object.h"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "region";

static void forking_unmap(void *p, size_t size);
static void forking_give(void *p, size_t size);
static struct sf_building *forking_start(void *memory, const struct sf_symbols *s, uintptr_t bias,
					 uintptr_t start, uintptr_t end);

static bool slow_try(struct sf_lock *l);

#define sf_lock_try          slow_try
#define sf_sys_unmap         forking_unmap
#define sf_arena_give_locked forking_give
#define sf_building_start    forking_start
#include "map/region.c"
#undef sf_lock_try
#undef sf_sys_unmap
#undef sf_arena_give_locked
#undef sf_building_start

static struct sf_region *region;
static const void *gone; /* given back just before the fork */
static bool is_child;
static int forks;

/* The child's handler has run: nothing half done is left, nothing is given back twice. */
static int
what_is_left(void)
{
	if (region->building != NULL && region->building == (const void *)gone)
		return 1;
	if (region->extent != NULL && region->extent == gone)
		return 2;
	for (int i = 0; i < BUILDINGS; i++)
		if (buildings[i] == region && region->building == NULL)
			return 3;
	return gone == NULL && region->building != NULL ? 4 : 0;
}

static void
fork_with(const void *given)
{
	pid_t pid;
	int status;

	gone = given;
	forks++;
	pid = fork();
	if (pid == 0) {
		is_child = true;
		sf_region_forked();
		_exit(what_is_left());
	}
	ck_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static void
forking_unmap(void *p, size_t size)
{
	if (is_child && p == gone)
		_exit(10);
	sf_sys_unmap(p, size);
	if (!is_child)
		fork_with(p);
}

static void
forking_give(void *p, size_t size)
{
	if (is_child && p == gone)
		_exit(11);
	sf_arena_give_locked(p, size);
	if (!is_child)
		fork_with(p);
}

static struct sf_building *
forking_start(void *memory, const struct sf_symbols *s, uintptr_t bias, uintptr_t start,
	      uintptr_t end)
{
	fork_with(NULL);
	return sf_building_start(memory, s, bias, start, end);
}

static struct sf_region *given_away; /* before the lock is had */

static bool
slow_try(struct sf_lock *l)
{
	struct dl_find_object found;

	if (given_away != NULL) {
		ck_assert(sf_lock_try(l));
		_dl_find_object((void *)(uintptr_t)strtol, &found);
		region_begin_lifetime_locked(given_away, &found, true, true);
		given_away->extent = sf_arena_take_locked(4096);
		given_away->extent_size = 4096;
		given_away->ready = 1;
		sf_lock_release(l);
	}
	return sf_lock_try(l);
}

static int
finds_nothing(void *address, struct dl_find_object *found)
{
	(void)address;
	(void)found;
	return -1;
}

START_TEST(a_place_given_away_while_its_last_lifetime_ended)
{
	uint32_t lifetime;

	ck_assert(unit_boot());
	sf_object_init(sf_next.main, sf_next.tail);
	sf_region_init(1024, false);
	sf_region_miss((const void *)strtol);
	region = sf_region_find(sf_next.libc);
	lifetime = region->lifetime; /* 1, or 3 of region 0 */
	ck_assert(SF_REGION_ALIVE(lifetime));
	mortal[(region - sf_regions) / 64] |= 1ull << (region - sf_regions) % 64;
	sf_next.find_object = finds_nothing;
	is_child = true; /* no forks here */
	given_away = region;
	region_moved(true);
	ck_assert_uint_eq(region->lifetime, lifetime + 2);
	ck_assert(region->ready && region->extent != NULL);
	given_away = NULL;
	mortal[(region - sf_regions) / 64] |= 1ull << (region - sf_regions) % 64;
	region_moved(true);
	ck_assert_uint_eq(region->lifetime, lifetime + 3);
	ck_assert(!region->ready && region->extent == NULL);
}
END_TEST

START_TEST(a_fork_between_two_steps)
{
	struct link_map *libc;

	ck_assert(unit_boot());
	sf_object_init(sf_next.main, sf_next.tail);
	sf_region_init(1024, false);
	libc = sf_next.libc;
	sf_region_miss((const void *)strtol);
	region = sf_region_find(libc);
	ck_assert(region != NULL && region->permanent && !region->refused);
	for (int i = 0; i < 1000 && !region->ready; i++)
		ck_assert_int_eq(sf_region_miss((const void *)strtol), SF_MISS_COLD);
	ck_assert(region->ready);
	ck_assert_int_eq(forks, 2); /* before its first step, and with its memory given back */
	ck_assert(region->building == NULL && region->extent != NULL);
	region_end_lifetime(region);
	region_clear_locked(region);
	ck_assert_int_eq(forks, 3);
	ck_assert(region->extent == NULL);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, a_place_given_away_while_its_last_lifetime_ended);
	tcase_add_test(tests, a_fork_between_two_steps);
}
