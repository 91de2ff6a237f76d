// SPDX-License-Identifier: BSD-2-Clause
// api.c: include/symfast.h from a host under the preloaded library; not linked with it.
#include "unit.h"

#include <dlfcn.h>
#include <string.h>
#include <symfast.h>

const char unit_name[] = "api";

#pragma weak symfast_version
#pragma weak symfast_state
#pragma weak symfast_counter

START_TEST(version_and_state)
{
	ck_assert_msg(symfast_version != NULL, "the library is not preloaded");
	ck_assert_str_eq(symfast_version(), SF_VERSION);
	ck_assert_str_eq(symfast_state(), "on");
}
END_TEST

START_TEST(counters_by_name_count_look_ups)
{
	uint64_t before = 7, after = 7;
	void *libc = dlopen("libc.so.6", RTLD_NOW);

	ck_assert_int_eq(symfast_counter("dlsym.hit", &before), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(dlsym(libc, "strtod"));
	ck_assert_int_eq(symfast_counter("dlsym.hit", &after), 0);
	ck_assert(after - before >= 90 && after - before <= 100);
}
END_TEST

START_TEST(what_is_no_counter)
{
	uint64_t value = 7;

	ck_assert_int_eq(symfast_counter("no.such.counter", &value), -1);
	ck_assert_int_eq(symfast_counter("", &value), -1);
	ck_assert_int_eq(symfast_counter(NULL, &value), -1);
	ck_assert_int_eq(symfast_counter("dlsym.hit", NULL), -1);
	ck_assert_uint_eq(value, 7);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, version_and_state);
	tcase_add_test(tests, counters_by_name_count_look_ups);
	tcase_add_test(tests, what_is_no_counter);
}
