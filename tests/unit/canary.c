// SPDX-License-Identifier: BSD-2-Clause
// canary.c: the same key falls into the same bucket for ever; shares are what they say.
#include "unit.h"

#include "observe/settings.h"
#include "rollout/canary.h"
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

const char unit_name[] = "canary";

/* The first two are XXH64's published vectors. A change of any of these moves processes of running services in or out. */
START_TEST(buckets_are_for_ever)
{
	static const struct {
		const char *key;
		unsigned int bucket;
	} rows[] = {
		{"", 6921},
		{"a", 2955},
		{"box", 8699},
		{"pod-7", 8901},
		{"web-1.example", 5442},
		{"12345", 2726},
		{"the quick brown fox jumps over the lazy dog", 306},
		{"ümlaut", 8764},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_msg(sf_canary_bucket(rows[i].key, strlen(rows[i].key)) == rows[i].bucket,
			      "%s: %u", rows[i].key,
			      sf_canary_bucket(rows[i].key, strlen(rows[i].key)));
}
END_TEST

START_TEST(a_share_is_that_share_of_many_keys)
{
	static const unsigned int shares[] = {1, 100, 500, 5000, 9999};
	unsigned int below[COUNT_OF(shares)] = {0};

	for (int i = 0; i < 100000; i++) {
		char key[32];
		unsigned int bucket;

		snprintf(key, sizeof(key), "web-%d.example", i);
		bucket = sf_canary_bucket(key, strlen(key));
		ck_assert_uint_lt(bucket, 10000);
		for (size_t k = 0; k < COUNT_OF(shares); k++)
			below[k] += bucket < shares[k];
	}
	for (size_t k = 0; k < COUNT_OF(shares); k++) {
		double want = shares[k] * 10.0;

		ck_assert_msg(below[k] > want * 0.9 - 10 && below[k] < want * 1.1 + 10,
			      "share %u: %u of 100000", shares[k], below[k]);
	}
}
END_TEST

static void
set(const char *share, const char *key)
{
	char a[64], b[64], *envp[] = {a, b, NULL};

	snprintf(a, sizeof(a), "SYMFAST_CANARY=%s", share);
	snprintf(b, sizeof(b), "SYMFAST_CANARY_KEY=%s", key);
	sf_settings_read(envp);
}

/* The key's value, as the test finds it by its own means. */
START_TEST(which_value_is_hashed)
{
	static char pod[] = "POD_NAME=pod-7", host[] = "HOSTNAME=box", mine[] = "MINE=blue",
		    empty[] = "MINE=";
	char *with_pod[] = {host, pod, NULL}, *with_host[] = {host, NULL}, *none[] = {NULL},
	     *with_mine[] = {pod, mine, NULL}, *with_empty[] = {empty, NULL};
	char pid[16];
	struct utsname u;
	const struct {
		const char *key;
		char **envp;
		const char *value; /* NULL: no key, never chosen */
	} rows[] = {
		{"host", with_pod, u.nodename}, {"pod", with_pod, "pod-7"},
		{"pod", with_host, "box"},      {"pod", none, u.nodename},
		{"pid", with_pod, pid},         {"env:MINE", with_mine, "blue"},
		{"env:MINE", with_pod, NULL},   {"env:MINE", with_empty, NULL},
		{"env:MIN", with_mine, NULL},   {"env:HOSTNAME", with_host, "box"},
	};

	uname(&u);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool chosen;

		memset(&sf_control, 0, sizeof(sf_control));
		set("50%", rows[i].key);
		chosen = sf_canary_decide(rows[i].envp);
		ck_assert_str_eq(sf_control.canary_key, rows[i].key);
		ck_assert_uint_eq(sf_control.canary_share, 5000);
		ck_assert_uint_eq(sf_control.canary_chosen, chosen);
		if (rows[i].value == NULL) {
			ck_assert_msg(!chosen, "row %zu", i);
			ck_assert_ptr_nonnull(strstr(sf_canary_why(), "no key"));
			continue;
		}
		ck_assert_msg(sf_control.canary_bucket ==
				      sf_canary_bucket(rows[i].value, strlen(rows[i].value)),
			      "row %zu", i);
		ck_assert_msg(chosen == (sf_control.canary_bucket < 5000), "row %zu", i);
	}
}
END_TEST

START_TEST(all_and_nobody)
{
	char *none[] = {NULL};

	set("100%", "env:MISSING");
	ck_assert(sf_canary_decide(none));
	for (int i = 0; i < 2; i++) {
		set("0%", i ? "pid" : "host");
		ck_assert(!sf_canary_decide(none));
	}
}
END_TEST

START_TEST(the_decision_in_words)
{
	static char box[] = "K=box";
	char *envp[] = {box, NULL}, want[128];

	set("99.99%", "env:K");
	ck_assert(sf_canary_decide(envp));
	snprintf(want, sizeof(want), "canary 99.99%% by env:K, place %u of 10000: chosen",
		 sf_canary_bucket("box", 3));
	ck_assert_str_eq(sf_canary_why(), want);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, buckets_are_for_ever);
	tcase_add_test(tests, a_share_is_that_share_of_many_keys);
	tcase_add_test(tests, which_value_is_hashed);
	tcase_add_test(tests, all_and_nobody);
	tcase_add_test(tests, the_decision_in_words);
}
