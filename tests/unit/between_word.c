// SPDX-License-Identifier: BSD-2-Clause
// between_word.c: breaker, kill file and ctl set the word: each at every instruction of the others.
#include "between.h"

#include "rollout/breaker.c"
#include "rollout/killfile.c"

#include "libc/next.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char unit_name[] = "between_word";

#ifdef __x86_64__

/* ---- the word ---- */

static char off_file[64];

static void
start_word(uint32_t word, unsigned int limit)
{
	ck_assert(sf_next_boot());
	sf_settings_read(NULL);
	sf_settings.breaker = limit;
	sf_settings.breaker_retry_s = 1000;
	sf_settings.kill_file_text[0] = '\0';
	sf_phase = SF_PHASE_LIVE;
	sf_control.breaker = SYMFAST_SHM_BREAKER_CLOSED;
	sf_control.breaker_trips = 0;
	sf_breaker_waiting = 0;
	sf_control.kill_file_seen = 0;
	in_a_row = 0;
	sf_segment_set_mode(word, SYMFAST_SHM_BY_SETTING);
}

static void
mismatch(void)
{
	static const struct sf_finding null = {SYMFAST_SHM_KIND_NULL, NULL};

	sf_breaker_mismatch("dlsym", "f", null, null);
}

/* What comes after it has opened is the line that tells of it. */
static bool
has_opened(void)
{
	return sf_breaker_waiting != 0;
}

static void
silence(void)
{
	int nothing = open("/dev/null", O_WRONLY);

	dup2(nothing, 2);
	close(nothing);
}

static void
make_file(bool there)
{
	if (there)
		close(open(off_file, O_CREAT | O_WRONLY, 0600));
	else
		unlink(off_file);
}

static void
begin_killed(long turn)
{
	(void)turn;
	start_word(SF_MODE_WORD_ON, 2);
	in_a_row = 5; /* the line was told of the first one */
	snprintf(off_file, sizeof(off_file), "/tmp/symfast-between.%d", (int)getpid());
	snprintf(sf_settings.kill_file_text, sizeof(sf_settings.kill_file_text), "%s", off_file);
	make_file(false);
	killfile_look();
	make_file(true);
}

/* The file was there and is gone: the word is about to be put back. */
static void
begin_revived(long turn)
{
	begin_killed(turn);
	killfile_look();
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	make_file(false);
}

/* Whatever came first: what the breaker has opened does not close because a file goes. */
static void
check_stays_open(void)
{
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	killfile_look();
	make_file(false);
	killfile_look();
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_OPEN);
	ck_assert_uint_le(sf_control.breaker_trips, 1);
}

START_TEST(a_mismatch_beside_the_kill_file)
{
	static const struct row rows[] = {
		{begin_killed, killfile_look, mismatch, check_stays_open, NULL},
		{begin_killed, mismatch, killfile_look, check_stays_open, has_opened},
		{begin_revived, killfile_look, mismatch, check_stays_open, NULL},
		{begin_revived, mismatch, killfile_look, check_stays_open, has_opened},
	};

	silence();
	BETWEEN_ALL(rows);
	make_file(false);
}
END_TEST

static void
trip_and_half_open(void)
{
	mismatch();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_OPEN);
	retry_at = 1;
	sf_breaker_poll();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_HALF);
}

static void
begin_trial(long turn)
{
	(void)turn;
	start_word(SF_MODE_WORD_ON, 1);
	trip_and_half_open();
	for (int i = 1; i < SF_BREAKER_TRIAL; i++)
		sf_breaker_same();
}

static void
try_again(void)
{
	retry_at = 1;
	sf_breaker_poll();
	for (int i = 0; i < SF_BREAKER_TRIAL; i++)
		sf_breaker_same();
}

/* The mismatch wins; and once the map is right again, the word of before comes back. */
static void
check_comes_back(void)
{
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_OPEN);
	ck_assert_uint_eq(sf_control.breaker_trips, 2);
	try_again();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_CLOSED);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
}

START_TEST(a_mismatch_as_the_breaker_closes)
{
	static const struct row rows[] = {
		{begin_trial, sf_breaker_same, mismatch, check_comes_back, NULL},
		{begin_trial, mismatch, sf_breaker_same, check_comes_back, has_opened},
	};

	silence();
	BETWEEN_ALL(rows);
}
END_TEST

START_TEST(two_threads_find_a_mismatch)
{
	static const struct row r = {begin_trial, mismatch, mismatch, check_comes_back, has_opened};

	silence();
	between(&r);
}
END_TEST

static void
begin_retry(long turn)
{
	begin_trial(turn);
	mismatch();
	retry_at = 1;
}

static void
check_trial_is_whole(void)
{
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_HALF);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_VERIFY);
	for (int i = 0; i < SF_BREAKER_TRIAL; i++)
		sf_breaker_same();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_CLOSED);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
}

static void
check_can_come_back(void)
{
	try_again();
	try_again();
	ck_assert_uint_eq(sf_control.breaker, SYMFAST_SHM_BREAKER_CLOSED);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
}

START_TEST(an_answer_of_the_last_trial_as_the_next_one_begins)
{
	static const struct row rows[] = {
		/* A thread that is late with its answer of the trial before. */
		{begin_retry, sf_breaker_poll, sf_breaker_same, check_trial_is_whole, NULL},
		{begin_retry, sf_breaker_poll, sf_breaker_poll, check_trial_is_whole, NULL},
		{begin_retry, sf_breaker_poll, mismatch, check_can_come_back, NULL},
	};

	silence();
	BETWEEN_ALL(rows);
}
END_TEST

static uint32_t told;

static void
tell_word(uint32_t word)
{
	told = word;
}

static void
begin_word(long turn)
{
	(void)turn;
	start_word(SF_MODE_WORD_VERIFY, 1);
	sf_segment_on_mode = tell_word;
}

static void
set_off(void)
{
	sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
}

static void
set_on(void)
{
	sf_segment_set_mode(SF_MODE_WORD_ON, SYMFAST_SHM_BY_FILE);
}

/* As `symfast ctl` does, from another process. */
static void
ctl_on(void)
{
	symfast_shm_set(&sf_control, SF_MODE_WORD_ON, SYMFAST_SHM_BY_CTL);
}

static void
check_go_agrees(void)
{
	ck_assert_int_eq(sf_control.go_era != 0, sf_mode_word == SF_MODE_WORD_ON);
	sf_segment_on_mode = NULL;
}

static void
check_told(void)
{
	ck_assert_int_eq(told == SF_MODE_WORD_ON, sf_mode_word == SF_MODE_WORD_ON);
	check_go_agrees();
}

START_TEST(two_set_the_word_and_go_agrees)
{
	static const struct row rows[] = {
		{begin_word, set_off, set_on, check_told, NULL},
		{begin_word, set_on, set_off, check_told, NULL},
		{begin_word, ctl_on, set_off, check_go_agrees, NULL},
		{begin_word, set_off, ctl_on, check_go_agrees, NULL},
	};

	BETWEEN_ALL(rows);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, a_mismatch_beside_the_kill_file);
	tcase_add_test(tests, a_mismatch_as_the_breaker_closes);
	tcase_add_test(tests, two_threads_find_a_mismatch);
	tcase_add_test(tests, an_answer_of_the_last_trial_as_the_next_one_begins);
	tcase_add_test(tests, two_set_the_word_and_go_agrees);
}
#endif
