// SPDX-License-Identifier: BSD-2-Clause
// conf.c: the settings file: who is in it, what it says of whom, and what is wrong with it.
#include "unit.h"

#include "observe/conf.h"
#include "observe/settings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char unit_name[] = "conf";

static char path[] = "/tmp/unit_conf.XXXXXX";

static void
write_file(const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
}

/* What the file says of a program: its entries, then "listed" or not, then the fault. */
static const char *
said(const char *text, const char *program)
{
	static char all[4096];
	struct sf_conf c;
	const char *entry;
	size_t used = 0;

	write_file(text, strlen(text));
	all[0] = '\0';
	if (sf_conf_open(&c, path, true, program))
		while ((entry = sf_conf_next(&c)))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s ", entry);
	if (c.fault)
		snprintf(all + used, sizeof(all) - used, "%u: %s", c.line, c.fault);
	else
		snprintf(all + used, sizeof(all) - used, "%s",
			 sf_conf_listed(&c) ? "listed" : "not listed");
	sf_conf_close(&c);
	return all;
}

START_TEST(the_first_section_of_a_program_counts)
{
	static const char text[] = "# all\nSYMFAST_STATS=1\n\n"
				   "[/usr/sbin/nginx:/opt/*/bin/x[0-9]]\n  SYMFAST=off \t\r\n"
				   "SYMFAST_RETAIN=a b # c\n"
				   "[/usr/*]\nSYMFAST=observe\n"
				   "[*/perl]\nSYMFAST=verify";
	static const struct {
		const char *program, *want;
	} rows[] = {
		{"/usr/sbin/nginx", "SYMFAST_STATS=1 SYMFAST=off SYMFAST_RETAIN=a b # c listed"},
		{"/opt/a/b/bin/x7", "SYMFAST_STATS=1 SYMFAST=off SYMFAST_RETAIN=a b # c listed"},
		{"/usr/sbin/nginx2", "SYMFAST_STATS=1 SYMFAST=observe listed"},
		{"/usr/bin/perl", "SYMFAST_STATS=1 SYMFAST=observe listed"},
		{"/home/perl", "SYMFAST_STATS=1 SYMFAST=verify listed"},
		{"/opt/bin/x7", "SYMFAST_STATS=1 not listed"},
		{"/opt/a/bin/xx", "SYMFAST_STATS=1 not listed"},
		{"", "SYMFAST_STATS=1 not listed"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_str_eq(said(text, rows[i].program), rows[i].want);
	ck_assert_str_eq(said("SYMFAST=off\n", "/any"), "SYMFAST=off listed");
	ck_assert_str_eq(said("", "/any"), "listed");
	ck_assert_str_eq(said("\n#[/x]\n", "/any"), "listed");
	ck_assert_str_eq(said("[*]", ""), "listed");
}
END_TEST

START_TEST(a_fault_is_named_with_its_line)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"\nSTATS=1\n", "2: is neither [PROGRAM] nor SYMFAST...=VALUE"},
		{"SYMFAST\n", "1: is neither [PROGRAM] nor SYMFAST...=VALUE"},
		{"export SYMFAST=on\n", "1: is neither [PROGRAM] nor SYMFAST...=VALUE"},
		{"[nginx]\n", "1: a program is named by its whole path, or by a * before its end"},
		{"[]\n", "1: a program is named by its whole path, or by a * before its end"},
		{"[/a:]\n", "1: a program is named by its whole path, or by a * before its end"},
		{"[/a:b]\n", "1: a program is named by its whole path, or by a * before its end"},
		{"#\n[/a\n", "2: a section ends with ]"},
		{"[/a] \n[/a] # x\n", "2: a section ends with ]"},
		{"SYMFAST_CONF=/x\n", "1: names a settings file within one"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_str_eq(said(rows[i].text, "/any"), rows[i].want);
	/* A section of others hides what is in it, not what is wrong with it. */
	ck_assert_str_eq(said("[/b]\nnonsense\n", "/any"),
			 "2: is neither [PROGRAM] nor SYMFAST...=VALUE");
}
END_TEST

static const char *
opened(bool must_be)
{
	static struct sf_conf c;

	if (sf_conf_open(&c, path, must_be, "/any"))
		sf_conf_close(&c);
	return c.fault ? c.fault : "good";
}

START_TEST(only_a_plain_file_of_root_or_ours_that_others_cannot_write)
{
	static char zeros[SF_CONF_MAX + 1];

	write_file("SYMFAST=on\n", 11);
	ck_assert_str_eq(opened(true), "good");
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_str_eq(opened(false), "can be written by others");
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_str_eq(opened(false), "can be written by others");
	ck_assert_int_eq(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 0), 0);
		ck_assert_str_eq(opened(false), "belongs to another user");
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	write_file("SYMFAST=on\0\n", 12);
	ck_assert_str_eq(opened(false), "good"); /* found at its line */
	memset(zeros, '\n', sizeof(zeros));
	write_file(zeros, SF_CONF_MAX);
	ck_assert_str_eq(opened(false), "good");
	write_file(zeros, SF_CONF_MAX + 1);
	ck_assert_str_eq(opened(false), "is longer than 64 KiB");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_str_eq(opened(false), "good");
	ck_assert_str_eq(opened(true), "does not exist");
	ck_assert_int_eq(symlink(path + 5, path), 0);
	ck_assert_str_eq(opened(false), "cannot be opened");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_str_eq(opened(false), "is no regular file");
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_str_eq(opened(false), "is no regular file");
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static void
read_env(void *envp)
{
	sf_settings_read(envp);
}

/* What is said on standard error when these settings come with this file. */
static const char *
read_with(const char *text, const char *more, const char *verbose)
{
	char conf[64];
	char *envp[] = {conf, (char *)(uintptr_t)more, (char *)(uintptr_t)verbose, NULL};

	write_file(text, strlen(text));
	snprintf(conf, sizeof(conf), "SYMFAST_CONF=%s", path);
	return unit_stderr(read_env, envp);
}

START_TEST(the_environment_comes_after_the_file)
{
	ck_assert_str_eq(read_with("SYMFAST=observe\nSYMFAST_STATS=1\n", NULL, NULL), "");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OBSERVE);
	ck_assert_uint_eq(sf_settings.stats, 1);
	ck_assert_str_eq(read_with("SYMFAST=observe\nSYMFAST_STATS=1\n", "SYMFAST=verify", NULL),
			 "");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_VERIFY);
	ck_assert_uint_eq(sf_settings.stats, 1);
	ck_assert_str_eq(read_with("SYMFAST_DISABLE=1\n", NULL, NULL), "");
	ck_assert_uint_eq(sf_settings.disable, 1);
	ck_assert_str_eq(read_with("SYMFAST_DISABLE=1\n", "SYMFAST_DISABLE=0", NULL), "");
	ck_assert_uint_eq(sf_settings.disable, 0);
	/* Not so who is served at all. */
	ck_assert_str_eq(read_with("[/no/such]\nSYMFAST=on\n", "SYMFAST=on", NULL), "");
	ck_assert_uint_eq(sf_settings.disable, 1);
	ck_assert_ptr_nonnull(
		strstr(read_with("[/no/such]\n", "SYMFAST_STATS=x", "SYMFAST_VERBOSE=1"),
		       "state pass: \"this program is in no section of /tmp/unit_conf."));
	ck_assert_str_eq(read_with("[*/unit_conf]\nSYMFAST=observe\n", NULL, NULL), "");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OBSERVE);
	ck_assert_uint_eq(sf_settings.disable, 0);
	unlink(path);
}
END_TEST

START_TEST(a_wrong_file_means_off_in_one_line)
{
	static const struct {
		const char *text, *want;
		unsigned int mode;
	} rows[] = {
		{"SYMFAST_STATS=1\nnonsense\n",
		 ":2: is neither [PROGRAM] nor SYMFAST...=VALUE; using SYMFAST=off\n", SF_MODE_OFF},
		{"\nSYMFAST=of\n", ":2: SYMFAST=\"of\" is not one of ", SF_MODE_OFF},
		{"SYMFAST_CANNARY=5%\n",
		 ":1: SYMFAST_CANNARY is not a setting; the nearest is SYMFAST_CANARY; "
		 "using SYMFAST=off\n",
		 SF_MODE_OFF},
		{"SYMFAST_STATS=2\n", ":1: SYMFAST_STATS=\"2\" is not one of 0|1; using 0\n",
		 SF_MODE_ON},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *line = read_with(rows[i].text, NULL, NULL);

		ck_assert_msg(strstr(line, rows[i].want) &&
				      strchr(line, '\n') == strrchr(line, '\n'),
			      "%s: %s", rows[i].text, line);
		ck_assert_uint_eq(sf_settings.mode.n, rows[i].mode);
	}
	unlink(path);
	ck_assert_str_eq(unit_stderr(read_env,
				     (char *[]){(char *)(uintptr_t) "SYMFAST_CONF=/no/such", NULL}),
			 "symfast: /no/such: does not exist; using SYMFAST=off\n");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OFF);
	ck_assert_ptr_nonnull(strstr(
		unit_stderr(read_env, (char *[]){(char *)(uintptr_t) "SYMFAST_CONF=x", NULL}),
		"; using SYMFAST=off"));
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_OFF);
	ck_assert_str_eq(
		unit_stderr(read_env, (char *[]){(char *)(uintptr_t) "SYMFAST_CONF=", NULL}), "");
	ck_assert_uint_eq(sf_settings.mode.n, SF_MODE_ON);
}
END_TEST

/* Any bytes: an end, and nothing read outside (the mapping's end is beside the text's). */
START_TEST(random_files_come_to_an_end)
{
	static const char parts[] = "SYMFAST_STATS=1\n[/*]:\n#\r\t =\0[]nc";
	char text[200];

	srandom(4711);
	for (int round = 0; round < 3000; round++) {
		size_t n = (size_t)random() % sizeof(text);
		struct sf_conf c;

		for (size_t i = 0; i < n; i++)
			text[i] = parts[(size_t)random() % sizeof(parts)];
		write_file(text, n);
		ck_assert(sf_conf_open(&c, path, true, "/any"));
		while (sf_conf_next(&c))
			;
		ck_assert_uint_le(c.line, n + 1);
		sf_conf_close(&c);
	}
	unlink(path);
}
END_TEST

void
unit_tests(TCase *tests)
{
	close(mkstemp(path));
	tcase_add_test(tests, the_first_section_of_a_program_counts);
	tcase_add_test(tests, a_fault_is_named_with_its_line);
	tcase_add_test(tests, only_a_plain_file_of_root_or_ours_that_others_cannot_write);
	tcase_add_test(tests, the_environment_comes_after_the_file);
	tcase_add_test(tests, a_wrong_file_means_off_in_one_line);
	tcase_add_test(tests, random_files_come_to_an_end);
}
