// SPDX-License-Identifier: BSD-2-Clause
// mode.c: which word the settings lead to, and its name.
#include "unit.h"

#include "observe/settings.h"
#include "rollout/mode.h"

const char unit_name[] = "mode";

START_TEST(the_word_for_every_setting)
{
	static const struct {
		unsigned int disable, mode;
		bool can_serve;
		uint32_t word;
	} rows[] = {
		{0, SF_MODE_ON, true, SF_WORD_ON},
		{0, SF_MODE_ON, false, SF_WORD_PASS},
		{0, SF_MODE_OFF, true, SF_WORD_PASS},
		{0, SF_MODE_OFF, false, SF_WORD_PASS},
		{0, SF_MODE_OBSERVE, true, SF_WORD_OBSERVE},
		{0, SF_MODE_OBSERVE, false, SF_WORD_PASS},
		{1, SF_MODE_ON, true, SF_WORD_PASS},
		{1, SF_MODE_OFF, true, SF_WORD_PASS},
		{1, SF_MODE_OBSERVE, true, SF_WORD_PASS},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		sf_settings.disable = rows[i].disable;
		sf_settings.mode = rows[i].mode;
		ck_assert_msg(sf_mode_decide(rows[i].can_serve) == rows[i].word, "row %zu", i);
	}
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(sf_mode_name(SF_WORD_COLD), "cold");
	ck_assert_str_eq(sf_mode_name(SF_WORD_PASS), "pass");
	ck_assert_str_eq(sf_mode_name(SF_WORD_ON), "on");
	ck_assert_str_eq(sf_mode_name(SF_WORD_EARLY), "early");
	ck_assert_str_eq(sf_mode_name(SF_WORD_OBSERVE), "observe");
	ck_assert_str_eq(sf_mode_name(0xffffffffu), "cold");
}
END_TEST

START_TEST(cold_is_zero)
{
	/* The stubs run before anything has written the word. */
	ck_assert_uint_eq(sf_word, SF_WORD_COLD);
	ck_assert_uint_eq(SF_WORD_COLD, 0);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, the_word_for_every_setting);
	tcase_add_test(tests, names);
	tcase_add_test(tests, cold_is_zero);
}
