// SPDX-License-Identifier: BSD-2-Clause
// retain_names.c: the globs of SYMFAST_RETAIN against libc's fnmatch, the list's words, files and bad input.
#include "unit.h"

#include "base/glob.h"
#include "retain/names.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char unit_name[] = "retain names";

static bool
matches(const char *pattern, const char *name)
{
	return sf_glob_match(pattern, pattern + strlen(pattern), name);
}

START_TEST(globs_are_those_of_fnmatch)
{
	static const char *const patterns[] = {
		"",        "*",           "?",        "a",        "a*",         "*a",
		"*a*",     "a*b",         "a?b",      "**",       "*?",         "?*",
		"[ab]",    "[!ab]",       "[^ab]",    "[a-c]",    "[!a-c]*",    "a[",
		"[]a]",    "[a-]b",       "pam_*.so", "lib*.so*", "*.so.[0-9]", "a*b*c",
		"*ab*ab*", "[a-c]x?z.so", "a**b",     "[]",       "[!]a]",
	};
	static const char *const names[] = {
		"",     "a",           "b",         "ab",     "ba",  "abc", "aab", "a-b",
		"-b",   "pam_unix.so", "libx.so.3", "x.so.9", "]",   "[",   "a[",  "axbxc",
		"abab", "xababx",      "cxyz.so",   "bxz.so", "aXb", "[]",
	};

	for (size_t p = 0; p < COUNT_OF(patterns); p++)
		for (size_t n = 0; n < COUNT_OF(names); n++)
			ck_assert_msg(matches(patterns[p], names[n]) ==
					      (fnmatch(patterns[p], names[n], FNM_NOESCAPE) == 0),
				      "%s against %s", patterns[p], names[n]);
}
END_TEST

START_TEST(random_globs_are_those_of_fnmatch)
{
	static const char letters[] = "ab*?[]-!";

	for (int round = 0; round < 200000; round++) {
		char pattern[8] = "", name[6] = "";

		for (uint64_t i = 0, n = unit_random() % 7; i < n; i++)
			pattern[i] = letters[unit_random() % 8];
		for (uint64_t i = 0, n = unit_random() % 5; i < n; i++)
			name[i] = letters[unit_random() % 2];
		/* A bracket without end, or a range without an end, is every libc's own affair. */
		if (strchr(pattern, '[') != NULL || strchr(pattern, ']') != NULL)
			continue;
		ck_assert_msg(matches(pattern, name) == (fnmatch(pattern, name, FNM_NOESCAPE) == 0),
			      "%s against %s", pattern, name);
	}
}
END_TEST

START_TEST(lists)
{
	ck_assert(sf_retain_names_read("pam_*.so:libX.so=keep::!pam_deny.so:*odbc*"));
	ck_assert_int_eq(sf_retain_names_find("pam_unix.so"), SF_RETAIN_FRESH);
	ck_assert_int_eq(sf_retain_names_find("/lib/security/pam_unix.so"), SF_RETAIN_FRESH);
	ck_assert_int_eq(sf_retain_names_find("/lib/pam_unix.so/other.so"), SF_RETAIN_NOT);
	ck_assert_int_eq(sf_retain_names_find("pam_deny.so"), SF_RETAIN_NOT);
	ck_assert_int_eq(sf_retain_names_find("libX.so"), SF_RETAIN_KEEP);
	ck_assert_int_eq(sf_retain_names_find("libX.so.1"), SF_RETAIN_NOT);
	ck_assert_int_eq(sf_retain_names_find("libsqlite3odbc.so"), SF_RETAIN_FRESH);
	ck_assert_int_eq(sf_retain_names_find(""), SF_RETAIN_NOT);
	ck_assert(sf_retain_names_read("*"));
	ck_assert_int_eq(sf_retain_names_find("libnss_files.so.2"), SF_RETAIN_NOT);
	ck_assert_int_eq(sf_retain_names_find("anything"), SF_RETAIN_FRESH);
	ck_assert(sf_retain_names_read(""));
	ck_assert_int_eq(sf_retain_names_find("anything"), SF_RETAIN_NOT);
}
END_TEST

static void
write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(files)
{
	char path[] = "/tmp/sf-retain-XXXXXX", list[64];

	write_file(path, "# what we load per request\n  pam_*.so  # all of "
			 "them\n\nlibX.so=keep\r\n@/etc/passwd\n");
	snprintf(list, sizeof(list), "a.so:@%s:b.so", path);
	ck_assert(sf_retain_names_read(list));
	unlink(path);
	ck_assert_int_eq(sf_retain_names_find("pam_unix.so"), SF_RETAIN_FRESH);
	ck_assert_int_eq(sf_retain_names_find("libX.so"), SF_RETAIN_KEEP);
	ck_assert_int_eq(sf_retain_names_find("a.so"), SF_RETAIN_FRESH);
	ck_assert_int_eq(sf_retain_names_find("b.so"), SF_RETAIN_FRESH);
	/* A file within a file is no file: it is a pattern that nothing is called by. */
	ck_assert_int_eq(sf_retain_names_find("root"), SF_RETAIN_NOT);
}
END_TEST

static bool good;

static void
read_list(void *list)
{
	good = sf_retain_names_read(list);
}

START_TEST(bad_lists_retain_nothing_and_say_so)
{
	static char large[SF_RETAIN_LIST_MAX + 4096];
	static char missing[] = "*:@/nonexistent/list";
	static char folder[] = "@/proc";

	memset(large, 'a', sizeof(large) - 1);
	char *const bad[] = {large, missing, folder};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		const char *said = unit_stderr(read_list, bad[i]);

		ck_assert(!good);
		ck_assert_ptr_nonnull(strstr(said, "nothing is retained\n"));
		ck_assert_int_eq(sf_retain_names_find("anything"), SF_RETAIN_NOT);
	}
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, globs_are_those_of_fnmatch);
	tcase_add_test(tests, random_globs_are_those_of_fnmatch);
	tcase_add_test(tests, lists);
	tcase_add_test(tests, files);
	tcase_add_test(tests, bad_lists_retain_nothing_and_say_so);
}
