// SPDX-License-Identifier: BSD-2-Clause
// room.c: what the shared map's memory is counted as, and how it grows where that costs.
#include "unit.h"

#include "map/table.c"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "room";

static struct sf_object lifetime = {.state = SF_STATE_OF_GEN(1)};

static struct sf_question
ask(const char *name)
{
	struct sf_question q = {.handle = 8, .name = name, .kind = SF_KIND_SYM};

	ck_assert(sf_table_hash(&q));
	return q;
}

/* Kept, and found. */
static bool
keep(uintptr_t value)
{
	char name[40];
	struct sf_reply r = {.value = (void *)value,
			     .object = &lifetime,
			     .gen = SF_STATE_GEN(lifetime.state),
			     .verdict = SF_VALUE};
	struct sf_question q;

	snprintf(name, sizeof(name), "name_%lu", (unsigned long)value);
	q = ask(name);
	return !sf_table_find(&q, &r) && sf_table_keep(&q, &r) && sf_table_find(&q, &r) &&
	       r.value == (void *)value;
}

/* KiB of the map that may be written, by the kernel. */
static unsigned long
writable(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t begin, end, sum = 0;
	char line[512], rights[8];

	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) == 3 &&
		    begin >= (uintptr_t)sf_table.index &&
		    begin < (uintptr_t)sf_table.entries + (4u << 20) && rights[1] == 'w')
			sum += end - begin;
	fclose(f);
	return sum / 1024;
}

START_TEST(where_mapped_memory_costs_the_map_grows)
{
	unsigned long before;

	sf_layout_grow();
	ck_assert(sf_layout_init(4096));
	before = writable();
	ck_assert_uint_lt(before, 700);
	for (uintptr_t i = 1; i <= 2000; i++) {
		ck_assert(keep(i));
	}
	ck_assert_uint_ge(writable(), before + 256);
	ck_assert_uint_lt(writable(), before + 1024);
}
END_TEST

/* Nothing more to be had: the map stays as large as it is. */
START_TEST(a_map_that_cannot_grow_evicts)
{
	uint32_t open_slabs = 0;

	sf_layout_grow();
	ck_assert(sf_layout_init(4096));
	for (uintptr_t i = 1; i <= 20000; i++) {
		ck_assert(keep(i));
		if (i > 1)
			continue;
		open_slabs = sf_table.slabs_open;
		sf_sys_unmap(sf_table.entries + (size_t)(sf_table.slabs_open + 8) * SF_SLAB,
			     SF_SLAB > SF_SYS_PAGE ? SF_SLAB : SF_SYS_PAGE);
	}
	ck_assert_uint_eq(sf_table.slabs_open, open_slabs);
}
END_TEST

/* A limit on data is the host's: the map does not count. Nor does it grow as a stack would. */
START_TEST(the_map_is_not_data)
{
	const struct rlimit little = {4u << 20, 4u << 20};
	int status;

	ck_assert_int_eq(setrlimit(RLIMIT_DATA, &little), 0);
	ck_assert(sf_layout_init(16384));
	memset(sf_table.entries, 1, 8u << 20);
	if (fork() == 0) {
		((volatile char *)sf_table.index)[-1] = 1;
		_exit(0);
	}
	wait(&status);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, where_mapped_memory_costs_the_map_grows);
	tcase_add_test(tests, a_map_that_cannot_grow_evicts);
	tcase_add_test(tests, the_map_is_not_data);
}
