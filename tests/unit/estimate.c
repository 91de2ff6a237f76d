// SPDX-License-Identifier: BSD-2-Clause
// estimate.c: what is promised of counts and durations that are known. V3.
#include "unit.h"

#include "observe/estimate.h"
#include "observe/histogram.h"
#include <string.h>

const char unit_name[] = "estimate";

#define MS 1e6

static struct {
	struct {
		const char *name;
		uint64_t value;
	} counter[8];
	struct {
		const char *function;
		struct symfast_shm_histogram h;
	} row[4];
} world;

static uint64_t
counted(const void *of, const char *name)
{
	(void)of;
	for (size_t i = 0; i < COUNT_OF(world.counter); i++)
		if (world.counter[i].name != NULL && strcmp(world.counter[i].name, name) == 0)
			return world.counter[i].value;
	return 0;
}

static const struct symfast_shm_histogram *
row(const void *of, const char *function)
{
	(void)of;
	for (size_t i = 0; i < COUNT_OF(world.row); i++)
		if (world.row[i].function != NULL && strcmp(world.row[i].function, function) == 0)
			return &world.row[i].h;
	return NULL;
}

/* One tick is one nanosecond. */
static struct sf_estimate_source
fresh(double cpu_ns)
{
	memset(&world, 0, sizeof(world));
	return (struct sf_estimate_source){.counted = counted,
					   .row = row,
					   .ns = 1,
					   .cpu_ns = cpu_ns,
					   .go = "",
					   .observed = true};
}

static enum sf_estimate_verdict
verdict(struct sf_estimate *e, const struct sf_estimate_source *from)
{
	sf_estimate(e, from);
	return e->verdict;
}

static void
count(const char *name, uint64_t value)
{
	size_t i = 0;

	while (world.counter[i].name != NULL)
		i++;
	world.counter[i].name = name;
	world.counter[i].value = value;
}

static struct symfast_shm_histogram *
take(const char *function, uint64_t calls, uint64_t ticks)
{
	size_t i = 0;

	while (world.row[i].function != NULL && strcmp(world.row[i].function, function) != 0)
		i++;
	world.row[i].function = function;
	world.row[i].h.count += calls;
	world.row[i].h.ticks += calls * ticks;
	world.row[i].h.bucket[sf_histogram_bucket(ticks)] += calls;
	return &world.row[i].h;
}

static void
look_ups(uint64_t calls)
{
	count("dlsym.pass", calls);
	count("bypass.observe", calls);
	count("observe.dlsym", calls);
	count("observe.repeat", calls);
}

START_TEST(what_is_answered_is_saved)
{
	struct sf_estimate_source from = fresh(1000 * MS);
	struct sf_estimate e;

	look_ups(1000000);
	take("dlsym", 1000000, 107);
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_SAVES);
	ck_assert(e.saved.likely > 95 * MS && e.saved.likely < 105 * MS);
	ck_assert(e.saved.least < e.saved.likely && e.saved.likely < e.saved.most);
	ck_assert(sf_estimate_percent(&e, e.saved.likely) > 10); /* observing took 65 ms of it */
}
END_TEST

/* A thread that lost the processor for a second in ten calls has not used ten seconds of CPU time. */
START_TEST(waiting_is_not_saved)
{
	struct sf_estimate_source from = fresh(1000 * MS);
	struct sf_estimate e;

	look_ups(1000000);
	take("dlsym", 999990, 107);
	take("dlsym", 10, 1000000000);
	sf_estimate(&e, &from);
	ck_assert(e.saved.likely > 95 * MS && e.saved.likely < 105 * MS && e.saved.most < 140 * MS);
	ck_assert(e.waited > 9000 * MS && e.waited < 11000 * MS);
}
END_TEST

/* Long calls: what the CPU clock said counts, not what the wall clock did. */
START_TEST(cpu_time_of_long_calls)
{
	struct sf_estimate_source from = fresh(1000 * MS);
	struct symfast_shm_histogram *h;
	struct sf_estimate e;

	count("dladdr.pass", 10000);
	count("observe.dladdr", 10000);
	h = take("dladdr", 10000, 200000);
	h->clocked = 10000;
	h->clocked_ticks = h->ticks;
	h->clocked_ns = 10000ull * 50000;
	sf_estimate(&e, &from);
	ck_assert(e.saved.likely > 490 * MS && e.saved.likely < 501 * MS);
	ck_assert(e.waited > 1490 * MS && e.waited < 1510 * MS);
	ck_assert_str_eq(e.part[0].name, "dladdr");
}
END_TEST

START_TEST(never_more_than_there_is)
{
	struct sf_estimate_source from = fresh(10 * MS);
	struct sf_estimate e;

	look_ups(1000000);
	take("dlsym", 1000000, 1000);
	sf_estimate(&e, &from);
	ck_assert(e.saved.most <= e.cpu_ns && e.cpu_ns <= 10 * MS);
	ck_assert(sf_estimate_percent(&e, e.saved.likely) <= 100);
}
END_TEST

/* Opened, asked once, closed: nothing is answered, and everything costs a little. */
START_TEST(what_only_costs)
{
	struct sf_estimate_source from = fresh(500 * MS);
	struct sf_estimate e;

	count("dlsym.pass", 10000);
	count("observe.learn", 9999);
	take("dlsym", 10000, 100);
	take("load", 10000, 20000);
	take("unload", 10000, 10000);
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_COSTS);
	ck_assert(e.saved.likely < -4 * MS && e.saved.likely > -40 * MS);
	ck_assert(e.retained.likely == 0);
	from.churn_loads = 10000;
	from.churn_ticks = 10000 * 30000.0;
	sf_estimate(&e, &from);
	ck_assert(e.retained.likely > 200 * MS && e.retained.likely < 300 * MS);
	ck_assert(e.saved.likely < -4 * MS); /* apart */
}
END_TEST

START_TEST(what_cannot_be_said)
{
	struct sf_estimate_source from = fresh(1 * MS);
	struct sf_estimate e;

	look_ups(20);
	take("dlsym", 20, 100000);
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_CANNOT);
	ck_assert_str_eq(e.why, "too few calls were timed");
	from = fresh(1000 * MS);
	from.go = "unseen";
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_CANNOT);
	from = fresh(1000 * MS);
	look_ups(1000000);
	take("dlsym", 1000000, 107);
	from.changed = true;
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_CANNOT);
	from.changed = false;
	from.cpu_ns = 0;
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_CANNOT);
	from.observed = false;
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_NONE);
}
END_TEST

/* Few and cheap: whatever they are, they are nothing. */
START_TEST(nothing)
{
	struct sf_estimate_source from = fresh(1000 * MS);
	struct sf_estimate e;

	look_ups(20);
	take("dlsym", 20, 100);
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_NOTHING);
	ck_assert(e.part[0].why == NULL);
}
END_TEST

/* Realpath is what is seen; the rest of plugin.Open is added. */
START_TEST(plugins_of_go)
{
	struct sf_estimate_source from = fresh(1000 * MS);
	struct sf_estimate e;

	count("observe.realpath", 100000);
	take("realpath", 100000, 3000);
	from.go = "seen";
	ck_assert_int_eq(verdict(&e, &from), SF_ESTIMATE_SAVES);
	ck_assert(e.saved.likely > 500 * MS && e.saved.likely < 600 * MS);
	from = fresh(1000 * MS);
	from.go = "detour"; /* A/B */
	count("go.bypass.stock", 100000);
	take("plugin.Open", 100000 / 16, 6000);
	sf_estimate(&e, &from);
	ck_assert(e.saved.likely > 500 * MS && e.saved.likely < 620 * MS);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, what_is_answered_is_saved);
	tcase_add_test(tests, waiting_is_not_saved);
	tcase_add_test(tests, cpu_time_of_long_calls);
	tcase_add_test(tests, never_more_than_there_is);
	tcase_add_test(tests, what_only_costs);
	tcase_add_test(tests, what_cannot_be_said);
	tcase_add_test(tests, nothing);
	tcase_add_test(tests, plugins_of_go);
}
