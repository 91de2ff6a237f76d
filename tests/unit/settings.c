// SPDX-License-Identifier: BSD-2-Clause
// settings.c: every word, bound and bad value of the settings table, and what is said about them.
#include "unit.h"

#include "observe/settings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char unit_name[] = "settings";

struct field {
	const char *variable;
	unsigned int *value;
	unsigned int def, min, max;
	const char *words;
};

static const struct field fields[] = {
#define W(name, variable, def, words, text)    {variable, &sf_settings.name, def, 0, 0, words},
#define N(name, variable, def, min, max, text) {variable, &sf_settings.name, def, min, max, NULL},
	SF_SETTINGS(W, N)
#undef W
#undef N
};

static void
read_env(void *envp)
{
	sf_settings_read(envp);
}

static const char *
read_one(const char *entry)
{
	char *envp[] = {(char *)(uintptr_t) "PATH=/bin", (char *)(uintptr_t)entry, NULL};

	return unit_stderr(read_env, envp);
}

static const char *
assign(const struct field *f, const char *value)
{
	static char entry[256];

	snprintf(entry, sizeof(entry), "%s=%s", f->variable, value);
	return read_one(entry);
}

static void
check_defaults_except(const struct field *but)
{
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (&fields[i] != but)
			ck_assert_msg(*fields[i].value == fields[i].def, "%s", fields[i].variable);
}

START_TEST(defaults_without_an_environment)
{
	char *empty[] = {NULL};

	memset(&sf_settings, 0xa5, sizeof(sf_settings));
	ck_assert_str_eq(unit_stderr(read_env, NULL), "");
	check_defaults_except(NULL);
	memset(&sf_settings, 0xa5, sizeof(sf_settings));
	ck_assert_str_eq(unit_stderr(read_env, empty), "");
	check_defaults_except(NULL);
	/* What issue and manual promise. */
	ck_assert_uint_eq(sf_settings.mode, SF_MODE_ON);
	ck_assert_uint_eq(sf_settings.map_kib, 16384);
	ck_assert_uint_eq(sf_settings.thread_kib, 64);
}
END_TEST

START_TEST(every_word_is_its_place)
{
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		char words[128], *next = words, *word;
		unsigned int place = 0;

		if (fields[i].words == NULL)
			continue;
		snprintf(words, sizeof(words), "%s", fields[i].words);
		while ((word = strsep(&next, "|")) != NULL) {
			ck_assert_str_eq(assign(&fields[i], word), "");
			ck_assert_uint_eq(*fields[i].value, place);
			check_defaults_except(&fields[i]);
			place++;
		}
	}
}
END_TEST

START_TEST(numbers_within_their_range)
{
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		const struct field *f = &fields[i];
		unsigned int rows[] = {f->min, f->max, f->def, (f->min + f->max) / 2};
		char text[64];

		if (f->words != NULL)
			continue;
		for (size_t k = 0; k < COUNT_OF(rows); k++) {
			snprintf(text, sizeof(text), "%u", rows[k]);
			ck_assert_str_eq(assign(f, text), "");
			ck_assert_uint_eq(*f->value, rows[k]);
			snprintf(text, sizeof(text), "000%u", rows[k]);
			ck_assert_str_eq(assign(f, text), "");
			ck_assert_uint_eq(*f->value, rows[k]);
		}
		snprintf(text, sizeof(text), "%u", f->max + 1);
		ck_assert_ptr_nonnull(strstr(assign(f, text), "is not"));
		ck_assert_uint_eq(*f->value, f->def);
		if (f->min == 0)
			continue;
		snprintf(text, sizeof(text), "%u", f->min - 1);
		ck_assert_ptr_nonnull(strstr(assign(f, text), "is not"));
		ck_assert_uint_eq(*f->value, f->def);
	}
}
END_TEST

START_TEST(bad_values_give_one_line_and_the_default)
{
	static const char *const bad[] = {"",
					  " ",
					  "x",
					  "-1",
					  "+1",
					  "1 ",
					  " 1",
					  "0x10",
					  "1e3",
					  "ON",
					  "on|off",
					  "|",
					  "of",
					  "onn",
					  "99999999999999999999999",
					  "18446744073709551617",
					  "4294967297",
					  "yes\nno",
					  "\x80"};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		for (size_t k = 0; k < COUNT_OF(bad); k++) {
			const char *text = assign(&fields[i], bad[k]);
			size_t len = strlen(text);

			ck_assert_msg(*fields[i].value == fields[i].def, "%s=%s",
				      fields[i].variable, bad[k]);
			ck_assert_msg(len > 0, "%s=%s", fields[i].variable, bad[k]);
			ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
			ck_assert_ptr_nonnull(strstr(text, fields[i].variable));
			check_defaults_except(&fields[i]);
		}
	}
}
END_TEST

START_TEST(complaints_word_for_word)
{
	ck_assert_str_eq(read_one("SYMFAST=maybe"),
			 "symfast: SYMFAST=\"maybe\" is not one of off|observe|on; using on\n");
	ck_assert_str_eq(read_one("SYMFAST_MAP_KIB=1"),
			 "symfast: SYMFAST_MAP_KIB=\"1\" is not 256 to 1048576; using 16384\n");
	ck_assert_str_eq(read_one("SYMFAST_STATS=\x1b[2J"),
			 "symfast: SYMFAST_STATS=\"?[2J\" is not one of 0|1; using 0\n");
}
END_TEST

START_TEST(other_names_are_not_ours)
{
	static const char *const rows[] = {
		"SYMFASTER=off",     "SYMFAST", "SYMFAST_", "SYMFAS=off", "symfast=off",
		"XSYMFAST=off",      "",        "=",        "S",          "SYMFAST_MODE=off",
		"SYMFAST_DISABLED=1"};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ck_assert_str_eq(read_one(rows[i]), "");
		check_defaults_except(NULL);
	}
}
END_TEST

START_TEST(the_last_of_duplicates_wins)
{
	char first[] = "SYMFAST=off", bad[] = "SYMFAST=bad", last[] = "SYMFAST=observe";
	char *envp[] = {first, bad, last, NULL};

	ck_assert_ptr_nonnull(strstr(unit_stderr(read_env, envp), "\"bad\""));
	ck_assert_uint_eq(sf_settings.mode, SF_MODE_OBSERVE);
}
END_TEST

START_TEST(disabled_says_nothing_and_reads_nothing)
{
	char bad[] = "SYMFAST=bad", stats[] = "SYMFAST_STATS=1", disable[] = "SYMFAST_DISABLE=1";
	char *envp[] = {bad, stats, disable, NULL};

	ck_assert_str_eq(unit_stderr(read_env, envp), "");
	ck_assert_uint_eq(sf_settings.disable, 1);
	ck_assert_uint_eq(sf_settings.stats, 0);
	ck_assert_uint_eq(sf_settings.mode, SF_MODE_ON);
	ck_assert_str_eq(read_one("SYMFAST_DISABLE=0"), "");
	ck_assert_uint_eq(sf_settings.disable, 0);
	ck_assert_ptr_nonnull(strstr(read_one("SYMFAST_DISABLE=2"), "is not one of 0|1"));
	ck_assert_uint_eq(sf_settings.disable, 0);
}
END_TEST

static void
print(void *arg)
{
	(void)arg;
	sf_settings_print();
}

START_TEST(what_is_printed_can_be_read_back)
{
	struct sf_settings before;
	char text[4096], *envp[64] = {NULL}, *next = text, *line;
	size_t n = 0;

	ck_assert_str_eq(read_one("SYMFAST=observe"), "");
	sf_settings.map_kib = 777;
	sf_settings.go = SF_GO_STRICT;
	sf_settings.stats = 1;
	before = sf_settings;
	snprintf(text, sizeof(text), "%s", unit_stderr(print, NULL));
	while ((line = strsep(&next, "\n")) != NULL && *line != '\0') {
		ck_assert_int_eq(strncmp(line, "symfast: ", 9), 0);
		envp[n++] = line + 9;
	}
	ck_assert_uint_eq(n, COUNT_OF(fields));
	memset(&sf_settings, 0, sizeof(sf_settings));
	ck_assert_str_eq(unit_stderr(read_env, envp), "");
	ck_assert_int_eq(memcmp(&before, &sf_settings, sizeof(before)), 0);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, defaults_without_an_environment);
	tcase_add_test(tests, every_word_is_its_place);
	tcase_add_test(tests, numbers_within_their_range);
	tcase_add_test(tests, bad_values_give_one_line_and_the_default);
	tcase_add_test(tests, complaints_word_for_word);
	tcase_add_test(tests, other_names_are_not_ours);
	tcase_add_test(tests, the_last_of_duplicates_wins);
	tcase_add_test(tests, disabled_says_nothing_and_reads_nothing);
	tcase_add_test(tests, what_is_printed_can_be_read_back);
}
