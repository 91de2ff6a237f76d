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
#pragma weak symfast_symbolize

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

/* The first call only leaves a fingerprint. */
START_TEST(negative_answers_count)
{
	uint64_t before = 7, after = 7;
	void *libc = dlopen("libc.so.6", RTLD_NOW);

	ck_assert_int_eq(symfast_counter("dlsym.negative", &before), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_null(dlsym(libc, "no_such_function"));
	ck_assert_int_eq(symfast_counter("dlsym.negative", &after), 0);
	ck_assert(after - before >= 90 && after - before <= 99);
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

static void *
libc_function(const char *name)
{
	return dlsym(dlopen("libc.so.6", RTLD_NOW), name);
}

START_TEST(addresses_become_symbols)
{
	int on_stack;
	void *at[] = {(char *)libc_function("qsort") + 3, &on_stack, (void *)libc_function, NULL};
	struct symfast_symbol s[4];
	Dl_info info;

	for (int i = 0; i < 100; i++) /* until libc's index is there */
		ck_assert_uint_eq(symfast_symbolize(at, 4, s, 0), 2);
	dladdr(at[0], &info);
	ck_assert_str_eq(s[0].symbol, "qsort");
	ck_assert_uint_eq(s[0].offset, 3);
	ck_assert(s[0].object == info.dli_fname && s[0].object_base == info.dli_fbase);
	ck_assert_uint_eq(s[0].build_id_size, 20);
	ck_assert(s[1].object == NULL && s[1].symbol == NULL && s[1].object_base == NULL);
	ck_assert_uint_eq(s[1].offset, (uintptr_t)&on_stack);
	ck_assert(s[2].object != NULL && s[2].build_id_size == 20);
	ck_assert_ptr_null(s[3].object);
}
END_TEST

START_TEST(without_waiting_only_what_is_known)
{
	void *handle = dlopen("libBrokenLocale.so.1", RTLD_NOW);
	void *at[2];
	struct symfast_symbol s[2];

	ck_assert_ptr_nonnull(handle);
	at[0] = dlsym(handle, "__ctype_get_mb_cur_max");
	at[1] = libc_function("strtod");
	for (int i = 0; i < 100; i++)
		symfast_symbolize(&at[1], 1, s, SYMFAST_SYMBOLIZE_NOWAIT);
	ck_assert_uint_eq(symfast_symbolize(at, 2, s, SYMFAST_SYMBOLIZE_NOWAIT), 1);
	ck_assert(s[0].object == NULL && s[0].build_id_size == 0);
	ck_assert_uint_eq(s[1].offset, 0);
	for (int i = 0; i < 100; i++)
		symfast_symbolize(at, 1, s, SYMFAST_SYMBOLIZE_NOWAIT);
	ck_assert_str_eq(s[0].symbol, "__ctype_get_mb_cur_max");
	dlclose(handle);
	ck_assert_uint_eq(symfast_symbolize(at, 1, s, SYMFAST_SYMBOLIZE_NOWAIT), 0);
	ck_assert_uint_eq(symfast_symbolize(at, 1, s, 0), 0);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, version_and_state);
	tcase_add_test(tests, counters_by_name_count_look_ups);
	tcase_add_test(tests, negative_answers_count);
	tcase_add_test(tests, what_is_no_counter);
	tcase_add_test(tests, addresses_become_symbols);
	tcase_add_test(tests, without_waiting_only_what_is_known);
}
