// SPDX-License-Identifier: BSD-2-Clause
// learn.c: what is kept of libc's answers, and the texts of negative ones against libc's own.
#include "boot.h"
#include "unit.h"

#include "libc/facts.h"
#include "map/learn.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char unit_name[] = "learn";

static char *arguments[] = {(char[]){"argument-zero"}, NULL};

static void *libc; /* opened: libc crashes on the link map of a never opened object, CONTRACT 34 */

static void
start(void)
{
	ck_assert(unit_boot() && sf_facts_error_init());
	ck_assert(sf_layout_init(256));
	sf_object_init(sf_next.main, sf_next.tail);
	sf_thread_init();
	ck_assert(sf_thread_attach(&sf_thread));
	sf_negative_argv = arguments;
	sf_stack_top = (uintptr_t)__builtin_frame_address(0);
	libc = dlopen("libc.so.6", RTLD_NOW);
	ck_assert_ptr_eq(libc, sf_next.libc);
}

static enum sf_learnt
learn(void *handle, const char *name, const char *version, struct sf_learn_result *out)
{
	struct sf_question q = {.handle = (uintptr_t)handle,
				.name = name,
				.version = version,
				.kind = version != NULL ? SF_KIND_VSYM : SF_KIND_SYM};

	ck_assert(sf_table_hash(&q));
	return sf_learn(&sf_thread, &q, out);
}

START_TEST(a_plain_function_is_kept)
{
	struct sf_learn_result out;

	start();
	ck_assert_int_eq(learn(libc, "strtod", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(out.kept && out.reply.verdict == SF_VALUE);
	ck_assert_ptr_eq(out.value, dlsym(libc, "strtod"));
	ck_assert_ptr_eq(out.reply.value, out.value);
	ck_assert_int_eq(learn(sf_next.main, "strtod", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert_ptr_eq(out.reply.object, &sf_object_permanent);
	ck_assert_int_eq(learn(RTLD_DEFAULT, "strtod", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert_ptr_eq(out.value, dlsym(RTLD_DEFAULT, "strtod"));
}
END_TEST

#ifdef __aarch64__
#define OLDEST "GLIBC_2.17" /* that libc has for this processor */
#else
#define OLDEST "GLIBC_2.2.5"
#endif

START_TEST(what_cannot_be_proved_is_passed_from_then_on)
{
	/* Thread-local: CONTRACT 9. */
	static const char *const names[] = {"errno", "__libc_dlerror_result"};
	struct sf_learn_result out;

	start();
	/* Before glibc 2.34 the second lies in libdl, under no name. */
	for (size_t i = 0; i < COUNT_OF(names) - sf_next.guessed; i++) {
		learn(libc, names[i], "GLIBC_PRIVATE", &out);
		ck_assert(out.kept);
		ck_assert_uint_eq(out.reply.verdict, SF_PASS);
		ck_assert_uint_eq((uintptr_t)out.reply.value, SF_BYPASS_UNPROVEN);
	}
}
END_TEST

/* C10a: what a resolver of glibc's own has chosen is chosen for the process. */
START_TEST(glibcs_own_ifuncs_are_kept)
{
	static const char *const names[] = {"memcpy", "strlen", "time", "gettimeofday"};
	struct sf_learn_result out;
	void *libm;

	start();
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		void *handles[] = {libc, RTLD_DEFAULT, sf_next.main};

		for (size_t k = 0; k < COUNT_OF(handles); k++) {
			ck_assert_int_eq(learn(handles[k], names[i], NULL, &out), SF_LEARNT_ANSWER);
			ck_assert(out.kept && out.reply.verdict == SF_VALUE);
			ck_assert_ptr_eq(out.value, dlsym(handles[k], names[i]));
		}
	}
	for (size_t i = 0; i < 2; i++) {
		/* Its default version is another one in memcpy's case; strlen has one only. */
		ck_assert_int_eq(learn(libc, names[i], OLDEST, &out), SF_LEARNT_ANSWER);
		ck_assert(out.kept && out.reply.verdict == SF_VALUE);
		ck_assert_ptr_eq(out.value, dlvsym(libc, names[i], OLDEST));
		ck_assert_int_eq(learn(sf_next.main, names[i], OLDEST, &out), SF_LEARNT_ANSWER);
		ck_assert(out.kept && out.reply.verdict == SF_VALUE);
		ck_assert_ptr_eq(out.value, dlvsym(RTLD_DEFAULT, names[i], OLDEST));
		/* Versions that nobody has are asked of libc each time. */
		ck_assert_int_eq(learn(libc, names[i], "GLIBC_9.9", &out), SF_LEARNT_REPLAY);
		ck_assert(out.reply.verdict == SF_PASS);
	}
	/* Opened later: as long as it is open. */
	libm = dlopen("libm.so.6", RTLD_NOW);
	ck_assert_ptr_nonnull(libm);
	sf_object_opened(libm);
	ck_assert_int_eq(learn(libm, "cos", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(out.kept && out.reply.verdict == SF_VALUE);
	ck_assert_ptr_eq(out.value, dlsym(libm, "cos"));
	ck_assert_int_eq(learn(libm, "cos", OLDEST, &out), SF_LEARNT_ANSWER);
	ck_assert(out.kept && out.reply.verdict == SF_VALUE);
	ck_assert_ptr_eq(out.value, dlvsym(libm, "cos", OLDEST));
}
END_TEST

/* CONTRACT 5: asks libc for its words first, then the shim for its own. */
static void
check_text(void *handle, const char *name, const char *version)
{
	struct sf_learn_result out;
	char want[4096];

	ck_assert_ptr_null(version != NULL ? dlvsym(handle, name, version) : dlsym(handle, name));
	snprintf(want, sizeof(want), "%s", dlerror());
	errno = 77;
	ck_assert_int_eq(learn(handle, name, version, &out), SF_LEARNT_ANSWER);
	ck_assert_int_eq(errno, 77);
	ck_assert(out.kept && out.reply.verdict == SF_NEGATIVE);
	ck_assert_str_eq(sf_thread.block->text, want);
	/* libc's copy was taken out. */
	ck_assert(!sf_facts_error_pending());
	ck_assert_ptr_null(dlerror());
}

/* As the host's dlerror, after a look-up without room. */
static bool
owed(void *handle, const char *name, const char *between)
{
	struct sf_question q = {.handle = (uintptr_t)handle, .name = name, .kind = SF_KIND_SYM};
	struct sf_learn_result out;
	struct sf_reply r;
	const char *text;

	ck_assert_int_eq(learn(handle, name, NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(!out.kept && sf_thread.pending == SF_PENDING_OWED);
	if (between != NULL)
		ck_assert_ptr_null(dlsym(handle, between));
	text = sf_learn_owed(&sf_thread);
	ck_assert(text != NULL && strstr(text, between != NULL ? between : name) != NULL);
	ck_assert(sf_thread.pending != SF_PENDING_OWED);
	ck_assert_ptr_null(dlerror());
	ck_assert(sf_table_hash(&q));
	return sf_table_find(&q, &r) && r.verdict == SF_NEGATIVE && r.value == NULL;
}

START_TEST(where_there_is_no_room_the_hosts_dlerror_teaches)
{
	static char longest[300];

	start();
	sf_stack_top = 0;
	ck_assert(owed(libc, "nobody_has_it", NULL));
	/* The text is not ours: this program has another argv[0] than ours says. */
	ck_assert(!owed(sf_next.main, "nor_this", NULL));
	/* It is another error's. */
	ck_assert(!owed(libc, "nor_that", "something_else"));
	ck_assert(owed(libc, "nor_that", NULL));
	/* What is too long for any stack. */
	memset(longest, 'x', sizeof(longest) - 1);
	learn(libc, longest, NULL, &(struct sf_learn_result){0});
	ck_assert(sf_thread.pending != SF_PENDING_OWED);
	/* A handler's look-up has written its own text since. */
	learn(libc, "nor_these", NULL, &(struct sf_learn_result){0});
	ck_assert(sf_thread.pending == SF_PENDING_OWED);
	sf_negative_write(&sf_thread, "f", 1, "n", 1, NULL, 0);
	ck_assert_ptr_nonnull(strstr(sf_learn_owed(&sf_thread), "nor_these"));
	ck_assert(!sf_table_find(&(struct sf_question){.handle = (uintptr_t)libc,
						       .name = "nor_these",
						       .kind = SF_KIND_SYM},
				 &(struct sf_reply){0}));
}
END_TEST

/* A stack of unknown ends: libc's error stays libc's, and nothing is kept. */
START_TEST(where_there_is_no_room_the_error_is_libcs)
{
	struct sf_learn_result out;
	void *c;

	start();
	c = sf_next.libc;
	sf_stack_top = 0;
	ck_assert(!sf_stack_has_room());
	ck_assert_int_eq(learn(c, "no_such_symbol", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(!out.kept && out.value == NULL && sf_facts_error_pending());
	ck_assert_ptr_nonnull(dlerror());
	ck_assert_int_eq(learn(RTLD_DEFAULT, "no_such_symbol", NULL, &out), SF_LEARNT_REPLAY);
	ck_assert_int_eq(out.why, SF_BYPASS_STACK);
	ck_assert_ptr_nonnull(dlerror());
	ck_assert_int_eq(learn(c, "getenv", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(out.kept && out.reply.verdict == SF_VALUE);
}
END_TEST

START_TEST(negative_texts_are_libcs)
{
	static char name[2000];

	start();
	check_text(libc, "no_such_symbol", NULL);
	check_text(libc, "no_such_symbol", "GLIBC_2.17");
	check_text(libc, "strtod", "NO_SUCH_VERSION");
	check_text(libc, "", NULL);
	check_text(libc, "\x80\n%s", NULL);
	memset(name, 'x', sizeof(name) - 1);
	check_text(libc, name, NULL);
}
END_TEST

START_TEST(the_executable_is_called_what_argv_says)
{
	char text[4096];
	struct sf_learn_result out;
	size_t len;

	start();
	/* libc's argv[0] is not the one we were given, so the two texts differ: not ours to give. */
	ck_assert_int_eq(learn(sf_next.main, "no_such_symbol", NULL, &out), SF_LEARNT_REPLAY);
	ck_assert(!out.kept);
	ck_assert_ptr_null(dlsym(sf_next.main, "no_such_symbol"));
	snprintf(text, sizeof(text), "%s", dlerror());
	*strchr(text, ':') = '\0';
	arguments[0] = text;
	check_text(sf_next.main, "no_such_symbol", NULL);
	ck_assert_str_eq(sf_negative_file(NULL, sf_next.main, &len), text);
	ck_assert_uint_eq(len, strlen(text));
	sf_negative_argv = NULL;
	ck_assert_str_eq(sf_negative_file(NULL, sf_next.main, &len), "<main program>");
	ck_assert_ptr_null(sf_negative_file(NULL, NULL, &len));
	ck_assert_ptr_null(sf_negative_file(NULL, sf_next.libc, &len));
}
END_TEST

START_TEST(texts_that_do_not_fit_are_not_written)
{
	static char name[SF_TEXT_MAX + 8];
	struct sf_thread bare = {.block = NULL};

	start();
	ck_assert(!sf_negative_write(&bare, "f", 1, "n", 1, NULL, 0));
	memset(name, 'n', sizeof(name) - 1);
	for (size_t len = SF_TEXT_MAX - 60; len < SF_TEXT_MAX + 4; len++) {
		size_t whole = 2 + strlen(": undefined symbol: ") + len + strlen(", version V");

		memset(sf_thread.block->text, '#', SF_TEXT_MAX);
		if (!sf_negative_write(&sf_thread, "ff", 2, name, len, "V", 1)) {
			ck_assert(whole + 8 > SF_TEXT_MAX);
			continue;
		}
		ck_assert(whole < SF_TEXT_MAX);
		ck_assert_uint_eq(strlen(sf_thread.block->text), whole);
	}
}
END_TEST

START_TEST(handles_that_were_not_seen_opened_are_replayed)
{
	struct sf_learn_result out;
	void *handle;

	start();
	handle = dlopen("libutil.so.1", RTLD_NOW);
	if (handle == NULL || sf_object_initial(handle))
		return;
	ck_assert_int_eq(learn(handle, "strtod", NULL, &out), SF_LEARNT_REPLAY);
	ck_assert_int_eq(out.why, SF_BYPASS_HANDLE);
	/* Seen opened, it is learnt; closed, no more. */
	sf_object_opened(handle);
	ck_assert_int_eq(learn(handle, "strtod", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(out.kept && out.reply.verdict == SF_VALUE);
	check_text(handle, "no_such_symbol", NULL);
	sf_object_close(handle, false);
	ck_assert_int_eq(learn(handle, "strtod", NULL, &out), SF_LEARNT_REPLAY);
}
END_TEST

START_TEST(global_negatives_end_with_a_global_load)
{
	struct sf_question q = {.name = "no_such_symbol", .kind = SF_KIND_SYM};
	struct sf_learn_result out;
	struct sf_reply r;
	char *text;

	start();
	ck_assert_ptr_null(dlsym(sf_next.main, "x y"));
	text = dlerror();
	*strchr(text, ':') = '\0';
	arguments[0] = strdup(text);
	ck_assert(sf_table_hash(&q));
	ck_assert_int_eq(learn(RTLD_DEFAULT, q.name, NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(sf_table_find(&q, &r) && r.verdict == SF_NEGATIVE);
	sf_object_global_begin();
	ck_assert(!sf_table_find(&q, &r));
	ck_assert_int_eq(learn(RTLD_DEFAULT, q.name, NULL, &out), SF_LEARNT_REPLAY);
	sf_object_global_end();
	ck_assert_int_eq(learn(RTLD_DEFAULT, q.name, NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(sf_table_find(&q, &r));
	sf_learn_namespaces();
	ck_assert(sf_learn_has_namespaces());
	ck_assert(!sf_table_find(&q, &r));
	ck_assert_int_eq(learn(RTLD_DEFAULT, q.name, NULL, &out), SF_LEARNT_REPLAY);
}
END_TEST

START_TEST(wrapped_names)
{
	ck_assert(sf_learn_is_wrapped("dlsym") && sf_learn_is_wrapped("dlopen"));
	ck_assert(sf_learn_is_wrapped("dlvsym") && sf_learn_is_wrapped("dlerror"));
	ck_assert(!sf_learn_is_wrapped("dladdr") && !sf_learn_is_wrapped("dlsymx"));
	ck_assert(!sf_learn_is_wrapped("d") && !sf_learn_is_wrapped("") &&
		  !sf_learn_is_wrapped("dl"));
}
END_TEST

START_TEST(raw_functions_in_the_hosts_hands_end_lifetimes)
{
	struct sf_learn_result out;

	start();
	ck_assert(!sf_learn_errors_raw());
	sf_learn_raw("dlsym");
	ck_assert(sf_learn_errors_raw() && !sf_object_retired());
	ck_assert_int_eq(learn(libc, "no_such_symbol", NULL, &out), SF_LEARNT_ANSWER);
	ck_assert(!out.kept && out.value == NULL && sf_facts_error_pending());
	sf_learn_raw("dlclose");
	ck_assert(sf_object_retired());
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, glibcs_own_ifuncs_are_kept);
	tcase_add_test(tests, a_plain_function_is_kept);
	tcase_add_test(tests, what_cannot_be_proved_is_passed_from_then_on);
	tcase_add_test(tests, where_there_is_no_room_the_error_is_libcs);
	tcase_add_test(tests, where_there_is_no_room_the_hosts_dlerror_teaches);
	tcase_add_test(tests, negative_texts_are_libcs);
	tcase_add_test(tests, the_executable_is_called_what_argv_says);
	tcase_add_test(tests, texts_that_do_not_fit_are_not_written);
	tcase_add_test(tests, handles_that_were_not_seen_opened_are_replayed);
	tcase_add_test(tests, global_negatives_end_with_a_global_load);
	tcase_add_test(tests, wrapped_names);
	tcase_add_test(tests, raw_functions_in_the_hosts_hands_end_lifetimes);
}
