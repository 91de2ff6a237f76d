// SPDX-License-Identifier: BSD-2-Clause
// mode.c: which word the settings lead to, and its name.
#include "unit.h"

#include "observe/settings.h"
#include "rollout/mode.h"
#include <string.h>

const char unit_name[] = "mode";

START_TEST(the_word_for_every_setting)
{
	static const struct {
		unsigned int disable, mode, arg;
		const char *refused;
		bool chosen;
		struct sf_decision want;
	} rows[] = {
		{0, SF_MODE_ON, 0, NULL, true, {SF_PHASE_LIVE, SF_MODE_WORD_ON, 0, 0, 0}},
		{0, SF_MODE_OFF, 0, NULL, true, {SF_PHASE_PASS, SF_MODE_WORD_OFF, 0, 0, 0}},
		{0, SF_MODE_OBSERVE, 0, NULL, true, {SF_PHASE_LIVE, SF_MODE_WORD_OBSERVE, 0, 0, 0}},
		{0, SF_MODE_VERIFY, 0, NULL, true, {SF_PHASE_LIVE, SF_MODE_WORD_VERIFY, 0, 0, 0}},
		{0, SF_MODE_VERIFY, 64, NULL, true, {SF_PHASE_LIVE, SF_MODE_WORD_ON, 0, 64, 0}},
		{0, SF_MODE_AB, 2500, NULL, true, {SF_PHASE_LIVE, SF_MODE_WORD_ON, 0, 0, 2500}},
		{1, SF_MODE_ON, 0, NULL, true, {SF_PHASE_PASS, SF_MODE_WORD_OFF, 0, 0, 0}},
		{0,
		 SF_MODE_ON,
		 0,
		 NULL,
		 false,
		 {SF_PHASE_PASS, SF_MODE_WORD_OFF, SYMFAST_SHM_BY_CANARY, 0, 0}},
		{0,
		 SF_MODE_ON,
		 0,
		 "no",
		 true,
		 {SF_PHASE_PASS, SF_MODE_WORD_OFF, SYMFAST_SHM_BY_REFUSAL, 0, 0}},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sf_decision m;

		sf_settings.disable = rows[i].disable;
		sf_settings.mode = (struct sf_parsed){rows[i].mode, rows[i].arg};
		m = sf_mode_decide(rows[i].refused, rows[i].chosen);
		ck_assert_msg(memcmp(&m, &rows[i].want, sizeof(m)) == 0, "row %zu", i);
	}
}
END_TEST

START_TEST(names)
{
	static const struct {
		uint32_t phase, word, share;
		const char *name;
	} rows[] = {
		{SF_PHASE_COLD, SF_MODE_WORD_OFF, 0, "cold"},
		{SF_PHASE_EARLY, SF_MODE_WORD_OFF, 0, "early"},
		{SF_PHASE_PASS, SF_MODE_WORD_ON, 0, "pass"},
		{SF_PHASE_LIVE, SF_MODE_WORD_OFF, 0, "off"},
		{SF_PHASE_LIVE, SF_MODE_WORD_ON, 0, "on"},
		{SF_PHASE_LIVE, SF_MODE_WORD_ON, 100, "ab"},
		{SF_PHASE_LIVE, SF_MODE_WORD_OBSERVE, 0, "observe"},
		{SF_PHASE_LIVE, SF_MODE_WORD_VERIFY, 0, "verify"},
		{SF_PHASE_LIVE, 0xffffffffu, 0, "off"},
		{SF_PHASE_LIVE, 4, 0, "off"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		sf_phase = rows[i].phase;
		sf_control.word = rows[i].word;
		sf_control.ab_share = rows[i].share;
		ck_assert_str_eq(sf_mode_name(), rows[i].name);
	}
}
END_TEST

START_TEST(what_is_started_is_what_readers_see)
{
	const struct sf_decision m = {SF_PHASE_LIVE, SF_MODE_WORD_ON, SYMFAST_SHM_BY_SETTING, 8,
				      77};

	sf_mode_start(&m, "because");
	ck_assert_uint_eq(sf_phase, SF_PHASE_LIVE);
	ck_assert_uint_eq(sf_control.phase, SYMFAST_SHM_PHASE_LIVE);
	ck_assert_uint_eq(sf_control.word, SF_MODE_WORD_ON);
	ck_assert_uint_eq(sf_control.ab_share, 77);
	ck_assert_str_eq(sf_control.why, "because");
	ck_assert_uint_ne(sf_control.go_era, 0);
}
END_TEST

static uint32_t phase_before_word;

static void
note_phase(uint32_t word)
{
	(void)word;
	phase_before_word = sf_phase;
}

/* A thread that is there already finds what the word promises: the word comes last. */
START_TEST(the_word_comes_after_the_phase)
{
	static const struct sf_decision m = {SF_PHASE_LIVE, SF_MODE_WORD_ON, 0, 0, 0};

	sf_segment_on_mode = note_phase;
	sf_mode_start(&m, "");
	ck_assert_uint_eq(phase_before_word, SF_PHASE_LIVE);
	ck_assert(sf_mode_live());
}
END_TEST

START_TEST(cold_is_zero)
{
	/* The stubs run before anything has written phase and word. */
	ck_assert_uint_eq(sf_phase, SF_PHASE_COLD);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_eq(SF_PHASE_COLD, 0);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, the_word_for_every_setting);
	tcase_add_test(tests, names);
	tcase_add_test(tests, what_is_started_is_what_readers_see);
	tcase_add_test(tests, the_word_comes_after_the_phase);
	tcase_add_test(tests, cold_is_zero);
}
