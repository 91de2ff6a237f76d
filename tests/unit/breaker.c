// SPDX-License-Identifier: BSD-2-Clause
// breaker.c: every way from state to state, and what is told on the way.
#include "boot.h"
#include "unit.h"

#include "base/sys.h"
#include "libc/next.h"
#include "observe/counters.h"
#include "observe/settings.h"
#include "rollout/breaker.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

const char unit_name[] = "breaker";

static const struct sf_finding undefined = {SYMFAST_SHM_KIND_NULL, NULL};

static void
begin(uint32_t word, unsigned int limit, unsigned int retry_s)
{
	ck_assert(unit_boot());
	sf_settings_read(NULL);
	sf_settings.breaker = limit;
	sf_settings.breaker_retry_s = retry_s;
	sf_phase = SF_PHASE_LIVE;
	sf_segment_set_mode(word, SYMFAST_SHM_BY_SETTING);
}

static void
mismatch(void *arg)
{
	const struct sf_finding value = {SYMFAST_SHM_KIND_VALUE, (void *)(uintptr_t)&undefined};

	sf_breaker_mismatch("dlsym", arg != NULL ? arg : "f", value, undefined);
}

START_TEST(the_first_mismatch_opens_it)
{
	const char *told;

	begin(SF_MODE_WORD_ON, 1, 0);
	told = unit_stderr(mismatch, NULL);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_eq(sf_control.reason, SYMFAST_SHM_BY_BREAKER);
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_OPEN);
	ck_assert_uint_eq(sf_control.breaker_trips, 1);
	ck_assert_uint_eq(sf_control.mismatches, 1);
	ck_assert_str_eq(sf_control.mismatch_function, "dlsym");
	ck_assert_uint_eq(sf_control.mismatch_map, SYMFAST_SHM_KIND_VALUE);
	ck_assert_uint_eq(sf_control.mismatch_libc, SYMFAST_SHM_KIND_NULL);
	ck_assert_uint_ne(sf_control.mismatch_ns, 0);
	ck_assert_uint_eq(sf_counters_sum(SF_VERIFY_MISMATCH), 1);
	ck_assert_uint_eq(sf_counters_sum(SF_BREAKER_TRIP), 1);
	/* One line, with both answers, and no address. */
	ck_assert_ptr_eq(strchr(told, '\n'), told + strlen(told) - 1);
	ck_assert_ptr_nonnull(strstr(told, "dlsym of \"f\": the map says \"main program\" + "));
	ck_assert_ptr_nonnull(strstr(told, "libc says undefined; passing everything through"));
	ck_assert_ptr_null(strstr(told, "0x"));
}
END_TEST

START_TEST(it_opens_at_its_limit)
{
	begin(SF_MODE_WORD_VERIFY, 3, 0);
	ck_assert_ptr_nonnull(strstr(unit_stderr(mismatch, NULL), "breaker"));
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_VERIFY);
	ck_assert_str_eq(unit_stderr(mismatch, NULL), "");
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_VERIFY);
	ck_assert_ptr_nonnull(strstr(unit_stderr(mismatch, NULL), "passing everything"));
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_eq(sf_control.mismatches, 3);
}
END_TEST

START_TEST(limit_zero_never_opens_it)
{
	begin(SF_MODE_WORD_VERIFY, 0, 0);
	for (int i = 0; i < 100; i++)
		unit_stderr(mismatch, NULL);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_VERIFY);
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_CLOSED);
	ck_assert_uint_eq(sf_control.mismatches, 100);
}
END_TEST

START_TEST(without_a_time_it_stays_open)
{
	begin(SF_MODE_WORD_ON, 1, 0);
	unit_stderr(mismatch, NULL);
	ck_assert_uint_eq(sf_breaker_waiting, 0);
	sf_breaker_poll();
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
}
END_TEST

/* Its second may be over by the time we ask, on a machine with much else to do. */
static void
stays_open(uint64_t since)
{
	uint32_t word;

	sf_breaker_poll();
	word = sf_mode_word;
	if (sf_sys_clock(CLOCK_MONOTONIC) - since < 1000000000)
		ck_assert_uint_eq(word, SF_MODE_WORD_OFF);
}

static void
half_open(uint32_t word)
{
	uint64_t since = sf_sys_clock(CLOCK_MONOTONIC);

	begin(word, 1, 1);
	unit_stderr(mismatch, NULL);
	ck_assert_uint_ne(sf_breaker_waiting, 0);
	stays_open(since);
	usleep(1100000);
	sf_breaker_poll();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_HALF);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_VERIFY);
	ck_assert_uint_eq(sf_breaker_waiting, 0);
}

START_TEST(half_open_closes_after_its_trial)
{
	half_open(SF_MODE_WORD_ON);
	for (int i = 1; i < SF_BREAKER_TRIAL; i++)
		sf_breaker_same();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_HALF);
	sf_breaker_same();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_CLOSED);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
	/* And counts from zero again. */
	unit_stderr(mismatch, NULL);
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_OPEN);
	ck_assert_uint_eq(sf_control.breaker_trips, 2);
}
END_TEST

START_TEST(half_open_opens_at_once)
{
	half_open(SF_MODE_WORD_ON);
	sf_settings.breaker = 1000;
	ck_assert_ptr_nonnull(strstr(unit_stderr(mismatch, NULL), "passing everything"));
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_OPEN);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_ne(sf_breaker_waiting, 0);
}
END_TEST

START_TEST(who_sets_the_word_meanwhile_knows_better)
{
	begin(SF_MODE_WORD_ON, 1, 1);
	unit_stderr(mismatch, NULL);
	symfast_shm_set(&sf_control, SF_MODE_WORD_OFF, SYMFAST_SHM_BY_CTL);
	usleep(1100000);
	sf_breaker_poll();
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_eq(sf_control.reason, SYMFAST_SHM_BY_CTL);
	ck_assert_uint_eq(sf_breaker_waiting, 0);
}
END_TEST

static void
doubt(void *arg)
{
	sf_breaker_doubt(arg);
}

START_TEST(a_doubt_opens_it_at_once_and_is_told_once)
{
	static char what[] = "the table is damaged";

	begin(SF_MODE_WORD_ON, 1000, 0);
	ck_assert_str_eq(unit_stderr(doubt, what),
			 "symfast: breaker: the table is damaged; passing "
			 "everything through\n");
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_str_eq(sf_control.doubt, what);
	ck_assert_str_eq(unit_stderr(doubt, what), "");
	ck_assert_uint_eq(sf_control.breaker_trips, 1);
}
END_TEST

START_TEST(names_from_outside_are_quoted)
{
	static char name[] = "a\nb\x1b[2J";

	begin(SF_MODE_WORD_ON, 1, 0);
	ck_assert_ptr_nonnull(strstr(unit_stderr(mismatch, name), "\"a?b?[2J\""));
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, the_first_mismatch_opens_it);
	tcase_add_test(tests, it_opens_at_its_limit);
	tcase_add_test(tests, limit_zero_never_opens_it);
	tcase_add_test(tests, without_a_time_it_stays_open);
	tcase_add_test(tests, half_open_closes_after_its_trial);
	tcase_add_test(tests, half_open_opens_at_once);
	tcase_add_test(tests, who_sets_the_word_meanwhile_knows_better);
	tcase_add_test(tests, a_doubt_opens_it_at_once_and_is_told_once);
	tcase_add_test(tests, names_from_outside_are_quoted);
}
