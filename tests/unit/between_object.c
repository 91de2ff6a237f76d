// SPDX-License-Identifier: BSD-2-Clause
// between_object.c: every transition of a handle's record, at every instruction of every other one.
//
// Beside the records stands what libc and the host really have. Whatever comes between whatever: an answer
// that counts is one of the object that is there; nothing is unloaded while the host holds it, no
// reference is left behind at its last dlclose, and none is given back that libc has not got.
#include "between_object.h"

const char unit_name[] = "between_object";

#ifdef __x86_64__

static step *const beginning[] = {open_one, open_two, retire_all};
static step *const seen[] = {open_one,  close_one, adopt_one,     learn_one,
			     elide_one, open_two,  give_one_back, retire_all};
static step *const closing[] = {close_one_for_good, close_one_really, open_one, give_one_back};
static step *const counting[] = {open_one, close_one, elide_one, retire_all};
static step *const adopting[] = {open_one, adopt_one, learn_one, close_one_for_good};
static step *const unseen[] = {close_one_unseen, close_one, open_one, elide_one};

START_TEST(of_a_closed_record)
{
	start_objects();
	all_pairs(begin_closed, beginning, COUNT_OF(beginning), check_all);
}
END_TEST

START_TEST(of_an_open_record)
{
	start_objects();
	all_pairs(begin_open, seen, COUNT_OF(seen), check_all);
}
END_TEST

START_TEST(of_a_record_that_keeps_a_reference)
{
	start_objects();
	all_pairs(begin_kept, counting, COUNT_OF(counting), check_all);
}
END_TEST

START_TEST(of_the_last_references)
{
	start_objects();
	all_pairs(begin_kept, closing, COUNT_OF(closing), check_all);
}
END_TEST

START_TEST(of_a_record_that_libc_knows_less_of)
{
	start_objects();
	all_pairs(begin_many, counting, COUNT_OF(counting), check_all);
}
END_TEST

START_TEST(of_a_handle_that_was_passed_through)
{
	start_objects();
	all_pairs(begin_passed, adopting, COUNT_OF(adopting), check_all);
}
END_TEST

START_TEST(of_an_adopted_record)
{
	start_objects();
	all_pairs(begin_adopted, adopting, COUNT_OF(adopting), check_all);
}
END_TEST

/* What was not seen is not accounted for; it must not be unloaded early, nor outlived. */
START_TEST(of_a_handle_that_is_closed_behind_our_back)
{
	start_objects();
	all_pairs(begin_open, unseen, COUNT_OF(unseen), check_safe);
	all_pairs(begin_kept, unseen, COUNT_OF(unseen), check_safe);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_set_timeout(tests, 250);
	tcase_add_test(tests, of_a_closed_record);
	tcase_add_test(tests, of_an_open_record);
	tcase_add_test(tests, of_a_record_that_keeps_a_reference);
	tcase_add_test(tests, of_the_last_references);
	tcase_add_test(tests, of_a_record_that_libc_knows_less_of);
	tcase_add_test(tests, of_a_handle_that_was_passed_through);
	tcase_add_test(tests, of_an_adopted_record);
	tcase_add_test(tests, of_a_handle_that_is_closed_behind_our_back);
}
#endif
