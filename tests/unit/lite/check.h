// SPDX-License-Identifier: BSD-2-Clause
// check.h: the part of libcheck that the unit programs use, for targets that have no libcheck.
#ifndef CHECK_LITE_H
#define CHECK_LITE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_LITE_MAX 64

typedef struct {
	const char *name;
	unsigned int n, timeout;
	struct {
		const char *name;
		void (*run)(int);
		int arg;
	} test[CHECK_LITE_MAX];
} TCase;

typedef struct {
	TCase *tests;
	int run, failed;
} Suite;

typedef Suite SRunner;

#define START_TEST(name) static void name(int _i __attribute__((unused)))
#define END_TEST
#define CK_NORMAL            0
#define tcase_add_test(c, f) check_lite_add((c), #f, (f), 0)
#define tcase_add_loop_test(c, f, from, to)                                                        \
	do {                                                                                       \
		for (int i_ = (from); i_ < (to); i_++)                                             \
			check_lite_add((c), #f, (f), i_);                                          \
	} while (0)

static inline void
check_lite_add(TCase *c, const char *name, void (*run)(int), int arg)
{
	if (c->n == CHECK_LITE_MAX)
		abort();
	c->test[c->n].name = name;
	c->test[c->n].arg = arg;
	c->test[c->n++].run = run;
}

static inline TCase *
tcase_create(const char *name)
{
	TCase *c = calloc(1, sizeof(*c));

	c->name = name;
	return c;
}

static inline void
tcase_set_timeout(TCase *c, unsigned int seconds)
{
	c->timeout = seconds;
}

static inline Suite *
suite_create(const char *name)
{
	(void)name;
	return calloc(1, sizeof(Suite));
}

static inline void
suite_add_tcase(Suite *s, TCase *c)
{
	s->tests = c;
}

static inline SRunner *
srunner_create(Suite *s)
{
	return s;
}

/* One child per test, as libcheck does: the core's state is static. */
static inline void
srunner_run_all(SRunner *r, int how)
{
	(void)how;
	for (unsigned int i = 0; i < r->tests->n; i++) {
		int status = -1;
		pid_t child = fork();

		if (child == 0) {
			alarm(r->tests->timeout);
			r->tests->test[i].run(r->tests->test[i].arg);
			exit(EXIT_SUCCESS);
		}
		waitpid(child, &status, 0);
		r->run++;
		if (status == 0)
			continue;
		r->failed++;
		fprintf(stderr, "%s: %s failed (status %#x)\n", r->tests->name,
			r->tests->test[i].name, status);
	}
	printf("%s: %d tests, %d failed\n", r->tests->name, r->run, r->failed);
}

static inline int
srunner_ntests_failed(SRunner *r)
{
	return r->failed;
}

static inline int
srunner_ntests_run(SRunner *r)
{
	return r->run;
}

static inline void
srunner_free(SRunner *r)
{
	free(r->tests);
	free(r);
}

#define ck_abort_msg(...) ck_assert_msg(0, __VA_ARGS__)
#define ck_assert_msg(cond, ...)                                                                   \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                 \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			exit(EXIT_FAILURE);                                                        \
		}                                                                                  \
	} while (0)
#define ck_assert(cond)           ck_assert_msg((cond), "false")
#define ck_assert_int_eq(a, b)    ck_assert_msg((intmax_t)(a) == (intmax_t)(b), "not equal")
#define ck_assert_int_gt(a, b)    ck_assert_msg((intmax_t)(a) > (intmax_t)(b), "not greater")
#define ck_assert_int_ge(a, b)    ck_assert_msg((intmax_t)(a) >= (intmax_t)(b), "less")
#define ck_assert_int_lt(a, b)    ck_assert_msg((intmax_t)(a) < (intmax_t)(b), "not less")
#define ck_assert_int_le(a, b)    ck_assert_msg((intmax_t)(a) <= (intmax_t)(b), "greater")
#define ck_assert_uint_gt(a, b)   ck_assert_msg((uintmax_t)(a) > (uintmax_t)(b), "not greater")
#define ck_assert_uint_ge(a, b)   ck_assert_msg((uintmax_t)(a) >= (uintmax_t)(b), "less")
#define ck_assert_uint_lt(a, b)   ck_assert_msg((uintmax_t)(a) < (uintmax_t)(b), "not less")
#define ck_assert_uint_le(a, b)   ck_assert_msg((uintmax_t)(a) <= (uintmax_t)(b), "greater")
#define ck_assert_int_ne(a, b)    ck_assert_msg((intmax_t)(a) != (intmax_t)(b), "equal")
#define ck_assert_uint_eq(a, b)   ck_assert_msg((uintmax_t)(a) == (uintmax_t)(b), "not equal")
#define ck_assert_uint_ne(a, b)   ck_assert_msg((uintmax_t)(a) != (uintmax_t)(b), "equal")
#define ck_assert_ptr_eq(a, b)    ck_assert_msg((a) == (b), "not equal")
#define ck_assert_ptr_ne(a, b)    ck_assert_msg((a) != (b), "equal")
#define ck_assert_ptr_null(a)     ck_assert_msg((a) == NULL, "not NULL")
#define ck_assert_ptr_nonnull(a)  ck_assert_msg((a) != NULL, "NULL")
#define ck_assert_mem_eq(a, b, n) ck_assert_msg(memcmp((a), (b), (n)) == 0, "not equal")
#define ck_assert_str_eq(a, b)    ck_assert_msg(strcmp((a), (b)) == 0, "not equal")

#endif
