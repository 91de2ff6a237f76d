// SPDX-License-Identifier: BSD-2-Clause
// unit.c: main() of every unit program, and the helpers of unit.h.
#include "unit.h"

#include "base/sys.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

const char *
unit_stderr(void (*run)(void *), void *arg)
{
	static char text[65536];
	int file = memfd_create("stderr", 0), saved = dup(2);
	ssize_t n;

	ck_assert(file >= 0 && saved >= 0);
	ck_assert_int_eq(dup2(file, 2), 2);
	run(arg);
	ck_assert_int_eq(dup2(saved, 2), 2);
	n = pread(file, text, sizeof(text) - 1, 0);
	ck_assert(n >= 0);
	text[n] = '\0';
	close(file);
	close(saved);
	return text;
}

char *
unit_edge(size_t pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(mprotect(p + pages * page, page, PROT_NONE), 0);
	return p + pages * page;
}

bool
unit_forks_wipe(void)
{
	char *page = sf_sys_map_wiped(1);
	int status = 0;
	pid_t child;

	ck_assert_ptr_nonnull(page);
	*page = 1;
	child = fork();
	if (child == 0)
		_exit(*page);
	ck_assert(waitpid(child, &status, 0) == child);
	return status == 0;
}

uint64_t
unit_random(void)
{
	static uint64_t x = 0x243f6a8885a308d3ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

int
main(void)
{
	Suite *suite = suite_create(unit_name);
	TCase *tests = tcase_create(unit_name);
	SRunner *runner;
	int failed;

	sf_sys_set_page((unsigned long)sysconf(_SC_PAGESIZE));
	tcase_set_timeout(tests, 120);
	unit_tests(tests);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	if (srunner_ntests_run(runner) == 0) {
		fprintf(stderr, "%s: no test ran\n", unit_name);
		failed = 1;
	}
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
