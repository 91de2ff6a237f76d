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
#define T(name, variable, def, form, size, values, text)
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

struct text_field {
	const char *variable, *text, *def;
	size_t size;
};

static const struct text_field texts[] = {
#define W(name, variable, def, words, text)
#define N(name, variable, def, min, max, text)
#define T(name, variable, def, form, size, values, text)                                           \
	{variable, sf_settings.name##_text, def, size},
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
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

static void
check_texts_default(void)
{
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		ck_assert_str_eq(texts[i].text, texts[i].def);
}

/* What the library has from its file, before anything is read, is what the table's defaults mean. */
START_TEST(defaults_before_anything_is_read)
{
	const struct sf_settings from_the_file = sf_settings;

	check_defaults_except(NULL);
	check_texts_default();
	sf_settings_read(NULL);
	ck_assert_mem_eq(&sf_settings, &from_the_file, sizeof(sf_settings));
	memset(&sf_settings, 0xa5, sizeof(sf_settings));
	sf_settings_read(NULL);
#define W(name, variable, def, words, text)    ck_assert_uint_eq(sf_settings.name, from_the_file.name);
#define N(name, variable, def, min, max, text) W(name, variable, def, "", text)
#define T(name, variable, def, form, size, values, text)                                           \
	ck_assert_uint_eq(sf_settings.name.n, from_the_file.name.n);                               \
	ck_assert_uint_eq(sf_settings.name.arg, from_the_file.name.arg);                           \
	ck_assert_str_eq(sf_settings.name##_text, from_the_file.name##_text);
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
}
END_TEST

START_TEST(defaults_without_an_environment)
{
	char *empty[] = {NULL};

	sf_settings_read(NULL); /* the first one finds them as the library has them from its file */
	memset(&sf_settings, 0xa5, sizeof(sf_settings));
	ck_assert_str_eq(unit_stderr(read_env, NULL), "");
	check_defaults_except(NULL);
	memset(&sf_settings, 0xa5, sizeof(sf_settings));
	ck_assert_str_eq(unit_stderr(read_env, empty), "");
	check_defaults_except(NULL);
	check_texts_default();
	/* What issue and manual promise. */
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_ON);
	ck_assert_uint_eq(sf_settings.map_kib, 16384);
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

/* SYMFAST_DISABLE is one of the four that mean off when they are wrong: see the_four_fail_safe. */
static bool
is_disable(const struct field *f)
{
	return f->value == &sf_settings.disable;
}

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
					  "ON ",
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
			ck_assert_uint_eq(sf_settings.wrong, is_disable(&fields[i]));
		}
	}
}
END_TEST

/* Case does not matter, and on, yes, true and 1 are one word; so are off, no, false and 0. */
START_TEST(words_by_other_names)
{
	static const struct {
		const char *entry;
		unsigned int *value, want;
	} rows[] = {
		{"SYMFAST_STATS=TRUE", &sf_settings.stats, 1},
		{"SYMFAST_STATS=yes", &sf_settings.stats, 1},
		{"SYMFAST_STATS=On", &sf_settings.stats, 1},
		{"SYMFAST_WATCH=False", &sf_settings.watch, 0},
		{"SYMFAST_WATCH=no", &sf_settings.watch, 0},
		{"SYMFAST_WATCH=OFF", &sf_settings.watch, 0},
		{"SYMFAST_ADDR=0", &sf_settings.addr, 0},
		{"SYMFAST_GO=Off", &sf_settings.go, SF_GO_OFF},
		{"SYMFAST_GO=0", &sf_settings.go, SF_GO_OFF},
		{"SYMFAST_GO=LIBC", &sf_settings.go, SF_GO_LIBC},
		{"SYMFAST_SHM=false", &sf_settings.shm, SF_SHM_OFF},
		{"SYMFAST_SHM=Keep", &sf_settings.shm, SF_SHM_KEEP},
		{"SYMFAST=OFF", &sf_settings.mode.n, SF_MODE_OFF},
		{"SYMFAST=Observe", &sf_settings.mode.n, SF_MODE_OBSERVE},
		{"SYMFAST=VERIFY:1/64", &sf_settings.mode.n, SF_MODE_VERIFY},
		{"SYMFAST=Ab:50", &sf_settings.mode.n, SF_MODE_AB},
		{"SYMFAST_CANARY_KEY=POD", &sf_settings.canary_key.n, 1},
		{"SYMFAST_CANARY_KEY=Env:Name", &sf_settings.canary_key.n, 3},
		{"SYMFAST_DISABLE=true", &sf_settings.disable, 1},
		{"SYMFAST_DISABLE=YES", &sf_settings.disable, 1},
		{"SYMFAST_DISABLE=on", &sf_settings.disable, 1},
		{"SYMFAST_DISABLE=False", &sf_settings.disable, 0},
		{"SYMFAST_DISABLE=no", &sf_settings.disable, 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ck_assert_str_eq(read_one(rows[i].entry), "");
		ck_assert_msg(*rows[i].value == rows[i].want, "%s", rows[i].entry);
		ck_assert_uint_eq(sf_settings.wrong, 0);
	}
	/* SYMFAST is no switch of two: what is not one of its words is wrong, and off. */
	ck_assert_ptr_nonnull(strstr(read_one("SYMFAST=true"), "is not one of"));
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OFF);
}
END_TEST

/* Whoever got one of these four wrong wanted less than everything. */
START_TEST(the_four_fail_safe)
{
	static const char *const names[] = {"SYMFAST", "SYMFAST_DISABLE", "SYMFAST_CANARY",
					    "SYMFAST_KILL_FILE"};
	static const char *const values[] = {"maybe", "0ff",    " off", "101%",      "-1",
					     "0,5%",  "2",      "5%%",  "onn",       "tru",
					     "\x80",  "100.01", "a/b",  "verify:1/0"};
	static const char *const empty[] = {"SYMFAST=", "SYMFAST_DISABLE=", "SYMFAST_CANARY="};
	char entry[128];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		for (size_t k = 0; k < COUNT_OF(values); k++) {
			const char *said;

			if (i == 2 && values[k][0] == '2') /* two percent */
				continue;
			snprintf(entry, sizeof(entry), "%s=%s", names[i], values[k]);
			said = read_one(entry);
			ck_assert_msg(sf_settings.wrong && sf_settings.mode.n == SF_MODE_OFF, "%s",
				      entry);
			ck_assert_msg(strchr(said, '\n') == said + strlen(said) - 1, "%s", said);
			ck_assert_ptr_nonnull(strstr(said, "; using SYMFAST=off\n"));
		}
	}
	for (size_t i = 0; i < COUNT_OF(empty); i++) {
		ck_assert_ptr_nonnull(strstr(read_one(empty[i]), "; using SYMFAST=off\n"));
		ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OFF);
	}
	/* Nothing is a value of a path. */
	ck_assert_str_eq(read_one("SYMFAST_KILL_FILE="), "");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_ON);
	/* Too long, and therefore not looked for. */
	memset(entry, 'x', sizeof(entry));
	for (size_t n = 0; n < 2; n++) {
		char longer[400] = "SYMFAST_KILL_FILE=/";

		memset(longer + strlen(longer), 'x', n == 0 ? 255 : 200);
		ck_assert_int_eq(*read_one(longer) != '\0', n == 0);
		ck_assert_uint_eq(sf_settings.mode.n, n == 0 ? SF_MODE_OFF : SF_MODE_ON);
	}
}
END_TEST

/* What stands after it, or is given twice, does not heal it. */
START_TEST(wrong_stays_wrong)
{
	char bad[] = "SYMFAST_CANARY=101%", on[] = "SYMFAST=on", good[] = "SYMFAST_CANARY=5%";
	char *envp[] = {bad, on, good, NULL};

	ck_assert_ptr_nonnull(strstr(unit_stderr(read_env, envp), "\"101%\""));
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OFF);
	ck_assert_uint_eq(sf_settings.wrong, 1);
	ck_assert_str_eq(read_one("SYMFAST=on"), "");
	ck_assert_uint_eq(sf_settings.wrong, 0);
}
END_TEST

START_TEST(names_that_are_almost_ours)
{
	static const struct {
		const char *entry, *nearest;
		bool off;
	} rows[] = {
		{"SYMFAST_CANNARY=5%", "SYMFAST_CANARY", true},
		{"SYMFAST_CANARI=5%", "SYMFAST_CANARY", true},
		{"SYMFAST_CANRY=5%", "SYMFAST_CANARY", true},
		{"SYMFAST_Canary=5%", "SYMFAST_CANARY", true},
		{"SYMFAST_DISABLED=1", "SYMFAST_DISABLE", true},
		{"SYMFAST_ENABLE=0", "SYMFAST_DISABLE", true},
		{"SYMFAST_KILLFILE=/x", "SYMFAST_KILL_FILE", true},
		{"SYMFAST_KILL=/x", "SYMFAST_KILL_FILE", true},
		{"SYMFAST_=off", "SYMFAST", true},
		{"SYMFAST_CANARY_PERCENT=5", "SYMFAST_CANARY", true},
		{"SYMFAST_DISABLE_ALL=1", "SYMFAST_DISABLE", true},
		{"SYMFAST_CANARY_KEYS=pod", "SYMFAST_CANARY_KEY", false},
		{"SYMFAST_STAT=1", "SYMFAST_STATS", false},
		{"SYMFAST_SAMPEL=1/64", "SYMFAST_SAMPLE", false},
		{"SYMFAST_GO_TTL=5", "SYMFAST_GO_TTL_MS", false},
	};
	char want[160];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(want, sizeof(want),
			 "symfast: %.*s is not a setting; the nearest is %s; %s\n",
			 (int)strcspn(rows[i].entry, "="), rows[i].entry, rows[i].nearest,
			 rows[i].off ? "using SYMFAST=off" : "ignored");
		ck_assert_str_eq(read_one(rows[i].entry), want);
		ck_assert_uint_eq(sf_settings.mode.n, rows[i].off ? SF_MODE_OFF : SF_MODE_ON);
	}
	/* Of any length, and with anything in it. */
	ck_assert_ptr_nonnull(strstr(read_one("SYMFAST_\x1b[2J=1"), "SYMFAST_?[2J is not"));
	{
		char longest[4096] = "SYMFAST_";

		memset(longest + 8, 'x', sizeof(longest) - 11);
		longest[sizeof(longest) - 3] = '=';
		ck_assert_ptr_nonnull(
			strstr(read_one(longest), " is not a setting; the nearest is "));
	}
}
END_TEST

START_TEST(complaints_word_for_word)
{
	ck_assert_str_eq(read_one("SYMFAST=maybe"),
			 "symfast: SYMFAST=\"maybe\" is not one of "
			 "off|observe|verify|verify:1/N|on|ab:PERCENT; using SYMFAST=off\n");
	ck_assert_str_eq(read_one("SYMFAST_CANARY=101%"),
			 "symfast: SYMFAST_CANARY=\"101%\" is not 0% to 100%; using SYMFAST=off\n");
	ck_assert_str_eq(read_one("SYMFAST_KILL_FILE=x"),
			 "symfast: SYMFAST_KILL_FILE=\"x\" is not an absolute path, or nothing; "
			 "using SYMFAST=off\n");
	ck_assert_str_eq(read_one("SYMFAST_SITES_FILE=x"),
			 "symfast: SYMFAST_SITES_FILE=\"x\" is not an absolute path, or nothing; "
			 "using none\n");
	ck_assert_str_eq(read_one("SYMFAST_MAP_KIB=1"),
			 "symfast: SYMFAST_MAP_KIB=\"1\" is not 256 to 1048576; using 16384\n");
	ck_assert_str_eq(read_one("SYMFAST_STATS=\x1b[2J"),
			 "symfast: SYMFAST_STATS=\"?[2J\" is not one of 0|1; using 0\n");
}
END_TEST

/* What each form takes, and what it makes of it. */
START_TEST(forms)
{
	static const struct {
		bool (*form)(const char *value, struct sf_parsed *out);
		const char *value;
		bool good;
		unsigned int n, arg;
	} rows[] = {
		{sf_form_mode, "off", true, SF_MODE_OFF, 0},
		{sf_form_mode, "observe", true, SF_MODE_OBSERVE, 0},
		{sf_form_mode, "verify", true, SF_MODE_VERIFY, 0},
		{sf_form_mode, "verify:1/1024", true, SF_MODE_VERIFY, 1024},
		{sf_form_mode, "verify:1/1", true, SF_MODE_VERIFY, 1},
		{sf_form_mode, "on", true, SF_MODE_ON, 0},
		{sf_form_mode, "ab:50", true, SF_MODE_AB, 5000},
		{sf_form_mode, "ab:0.5%", true, SF_MODE_AB, 50},
		{sf_form_mode, "", false, 0, 0},
		{sf_form_mode, "verify:", false, 0, 0},
		{sf_form_mode, "verify:0", false, 0, 0},
		{sf_form_mode, "verify:1/0", false, 0, 0},
		{sf_form_mode, "verify:2/3", false, 0, 0},
		{sf_form_mode, "verify:1/1x", false, 0, 0},
		{sf_form_mode, "verify:1/99999999999", false, 0, 0},
		{sf_form_mode, "ab", false, 0, 0},
		{sf_form_mode, "ab:", false, 0, 0},
		{sf_form_mode, "ab:0", false, 0, 0},
		{sf_form_mode, "ab:100%", false, 0, 0},
		{sf_form_mode, "ab:101", false, 0, 0},
		{sf_form_mode, "on ", false, 0, 0},
		{sf_form_mode, "ON", true, SF_MODE_ON, 0},
		{sf_form_mode, "oN", true, SF_MODE_ON, 0},
		{sf_form_mode, "Verify:1/8", true, SF_MODE_VERIFY, 8},
		{sf_form_percent, "0", true, 0, 0},
		{sf_form_percent, "0%", true, 0, 0},
		{sf_form_percent, "5%", true, 500, 0},
		{sf_form_percent, "5", true, 500, 0},
		{sf_form_percent, "0.25%", true, 25, 0},
		{sf_form_percent, "0.01", true, 1, 0},
		{sf_form_percent, "99.9", true, 9990, 0},
		{sf_form_percent, "100%", true, 10000, 0},
		{sf_form_percent, "100.00%", true, 10000, 0},
		{sf_form_percent, "100.01%", false, 0, 0},
		{sf_form_percent, "101", false, 0, 0},
		{sf_form_percent, "5.%", false, 0, 0},
		{sf_form_percent, "0.001", false, 0, 0},
		{sf_form_percent, ".5", false, 0, 0},
		{sf_form_percent, "-5", false, 0, 0},
		{sf_form_percent, "5%%", false, 0, 0},
		{sf_form_percent, "5 %", false, 0, 0},
		{sf_form_percent, "", false, 0, 0},
		{sf_form_percent, "%", false, 0, 0},
		{sf_form_ratio, "0", true, 0, 0},
		{sf_form_ratio, "1/1", true, 1, 0},
		{sf_form_ratio, "1/4096", true, 4096, 0},
		{sf_form_ratio, "1/1073741824", true, 1073741824, 0},
		{sf_form_ratio, "1/1073741825", false, 0, 0},
		{sf_form_ratio, "1/0", false, 0, 0},
		{sf_form_ratio, "1", false, 0, 0},
		{sf_form_ratio, "1/", false, 0, 0},
		{sf_form_ratio, "1/-4", false, 0, 0},
		{sf_form_key, "host", true, 0, 0},
		{sf_form_key, "pod", true, 1, 0},
		{sf_form_key, "pid", true, 2, 0},
		{sf_form_key, "env:A", true, 3, 0},
		{sf_form_key, "env:", false, 0, 0},
		{sf_form_key, "env:A=B", false, 0, 0},
		{sf_form_key, "HOST", true, 0, 0},
		{sf_form_key, "", false, 0, 0},
		{sf_form_path, "", true, 0, 0},
		{sf_form_path, "/run/x", true, 1, 0},
		{sf_form_path, "run/x", false, 0, 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sf_parsed out = {77, 77};

		ck_assert_msg(rows[i].form(rows[i].value, &out) == rows[i].good, "row %zu: %s", i,
			      rows[i].value);
		ck_assert_msg(out.n == (rows[i].good ? rows[i].n : 77), "row %zu: %s", i,
			      rows[i].value);
		ck_assert_msg(out.arg == (rows[i].good ? rows[i].arg : 77), "row %zu: %s", i,
			      rows[i].value);
	}
}
END_TEST

START_TEST(a_text_fits_or_is_refused)
{
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		char entry[2048];

		snprintf(entry, sizeof(entry), "%s=/%0*d", texts[i].variable,
			 (int)texts[i].size - 1, 0);
		ck_assert_ptr_nonnull(strstr(read_one(entry), "is not"));
		if (texts[i].text != sf_settings.mode_text)
			ck_assert_str_eq(texts[i].text, texts[i].def);
	}
	ck_assert_str_eq(read_one("SYMFAST_KILL_FILE=/run/off"), "");
	ck_assert_str_eq(sf_settings.kill_file_text, "/run/off");
	ck_assert_uint_eq(sf_settings.kill_file.n, 1);
}
END_TEST

START_TEST(masks)
{
	static const unsigned int rows[][2] = {{0, 0}, {1, 0}, {2, 1},       {3, 3},
					       {4, 3}, {5, 7}, {4096, 4095}, {4097, 8191}};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_uint_eq(sf_form_mask(rows[i][0]), rows[i][1]);
}
END_TEST

START_TEST(other_names_are_not_ours)
{
	static const char *const rows[] = {"SYMFASTER=off",
					   "SYMFAST",
					   "SYMFAST_",
					   "SYMFAS=off",
					   "symfast=off",
					   "XSYMFAST=off",
					   "",
					   "=",
					   "S",
					   "SYMFAST-X=1",
					   "SYMFAST_LIB=/x",
					   "SYMFAST_TEST_SEED=1",
					   "SYMFAST_CANNARY"};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ck_assert_str_eq(read_one(rows[i]), "");
		check_defaults_except(NULL);
	}
}
END_TEST

START_TEST(the_last_of_duplicates_wins)
{
	char first[] = "SYMFAST=off", last[] = "SYMFAST=observe";
	char *envp[] = {first, last, NULL};

	ck_assert_str_eq(unit_stderr(read_env, envp), "");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OBSERVE);
}
END_TEST

START_TEST(disabled_says_nothing_and_reads_nothing)
{
	char bad[] = "SYMFAST=bad", stats[] = "SYMFAST_STATS=1", disable[] = "SYMFAST_DISABLE=1";
	char *envp[] = {bad, stats, disable, NULL};

	ck_assert_str_eq(unit_stderr(read_env, envp), "");
	ck_assert_uint_eq(sf_settings.disable, 1);
	ck_assert_uint_eq(sf_settings.stats, 0);
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_ON);
	ck_assert_str_eq(read_one("SYMFAST_DISABLE=0"), "");
	ck_assert_uint_eq(sf_settings.disable, 0);
	ck_assert_ptr_nonnull(strstr(read_one("SYMFAST_DISABLE=2"), "is not one of 0|1"));
	ck_assert_uint_eq(sf_settings.disable, 0);
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OFF);
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
	ck_assert_uint_eq(n, COUNT_OF(fields) + COUNT_OF(texts));
	memset(&sf_settings, 0, sizeof(sf_settings));
	ck_assert_str_eq(unit_stderr(read_env, envp), "");
	ck_assert_int_eq(memcmp(&before, &sf_settings, sizeof(before)), 0);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, defaults_before_anything_is_read);
	tcase_add_test(tests, defaults_without_an_environment);
	tcase_add_test(tests, every_word_is_its_place);
	tcase_add_test(tests, numbers_within_their_range);
	tcase_add_test(tests, bad_values_give_one_line_and_the_default);
	tcase_add_test(tests, words_by_other_names);
	tcase_add_test(tests, the_four_fail_safe);
	tcase_add_test(tests, wrong_stays_wrong);
	tcase_add_test(tests, names_that_are_almost_ours);
	tcase_add_test(tests, complaints_word_for_word);
	tcase_add_test(tests, forms);
	tcase_add_test(tests, a_text_fits_or_is_refused);
	tcase_add_test(tests, masks);
	tcase_add_test(tests, other_names_are_not_ours);
	tcase_add_test(tests, the_last_of_duplicates_wins);
	tcase_add_test(tests, disabled_says_nothing_and_reads_nothing);
	tcase_add_test(tests, what_is_printed_can_be_read_back);
}
