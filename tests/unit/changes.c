// SPDX-License-Identifier: BSD-2-Clause
// changes.c: the jump in ld.so's breakpoint, and what moves the count; no shim is preloaded here.
#include "boot.h"
#include "unit.h"

#include "base/sys.h"
#include "libc/changes.h"
#include "libc/next.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "changes";

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#define OBJECT "libBrokenLocale.so.1" /* small, of libc's own, loaded by nobody */

static uint8_t *
breakpoint_of_loader(void)
{
	ck_assert(unit_boot());
	return (uint8_t *)sf_next.debug->r_brk;
}

static void
start(void)
{
	ck_assert(unit_boot());
	if (!unit_changes())
		ck_abort_msg("refused: %s", sf_changes_refusal());
	ck_assert_ptr_null(sf_changes_refusal());
	ck_assert(sf_changes_settled(sf_changes_count()));
}

/* ---- what moves it ---- */

static void *handle;

static void
open_object(void)
{
	handle = dlopen(OBJECT, RTLD_NOW);
}
static void
open_again(void)
{
	ck_assert_ptr_eq(dlopen(OBJECT, RTLD_NOW), handle);
}
static void
close_once(void)
{
	dlclose(handle);
}
static void
open_nothing(void)
{
	ck_assert_ptr_null(dlopen("/nowhere/lib.so", RTLD_NOW));
}
static void
open_space(void)
{
	handle = dlmopen(LM_ID_NEWLM, OBJECT, RTLD_NOW);
}
static void
look_up(void)
{
	dlsym(RTLD_DEFAULT, "strtol");
}

/* A root for another CPU has libc, and none of its modules. */
static bool no_modules;

static void
convert(void)
{
	iconv_t c = iconv_open("UTF-16", "ISO-8859-7");

	no_modules = c == (iconv_t)-1;
	if (!no_modules)
		iconv_close(c);
}

static const struct {
	const char *what;
	void (*run)(void);
	bool moves; /* it must; newer ld.so also announce changes that do not come */
} steps[] = {
	{"a look-up", look_up, false},
	{"dlopen", open_object, true},
	{"dlopen of an open object", open_again, false},
	{"dlclose that is not the last", close_once, false},
	{"the last dlclose", close_once, true},
	{"dlopen of a file that is not there", open_nothing, false},
	{"iconv's own loads", convert, true},
	{"dlmopen", open_space, true},
	{"the last dlclose of a namespace", close_once, true},
	{"dlopen after a namespace", open_object, true},
	{"dlclose after a namespace", close_once, true},
};

START_TEST(every_change_moves_the_count)
{
	start();
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		uint64_t before = sf_changes_count();

		steps[i].run();
		if (steps[i].moves && !(steps[i].run == convert && no_modules))
			ck_assert_msg(sf_changes_count() != before, "%s: %lu, then %lu",
				      steps[i].what, before, sf_changes_count());
		ck_assert_msg(sf_changes_settled(sf_changes_count()), "%s", steps[i].what);
	}
}
END_TEST

/* ---- when it moves ---- */

static struct {
	uint64_t counts[8];
	bool mapped[8], settled[8];
	int n;
} moves;
static void *inside;

static void
note_move(bool settled)
{
	struct dl_find_object found;

	if (moves.n == 8)
		return;
	moves.mapped[moves.n] =
		msync((void *)sf_sys_page_down((uintptr_t)inside), SF_SYS_PAGE, MS_ASYNC) == 0 &&
		sf_next.find_object(inside, &found) == 0;
	moves.settled[moves.n] = settled;
	moves.counts[moves.n++] = sf_changes_count();
}

START_TEST(it_moves_before_the_unmapping_and_after_it)
{
	start();
	open_object();
	inside = dlsym(handle, "__ctype_get_mb_cur_max");
	ck_assert_ptr_nonnull(inside);
	sf_changes_on_move(note_move);
	close_once();
	ck_assert_int_eq(moves.n, 2);
	ck_assert(!sf_changes_settled(moves.counts[0]) && moves.mapped[0] && !moves.settled[0]);
	ck_assert(!sf_changes_settled(moves.counts[1]) && !moves.mapped[1] && moves.settled[1]);
	ck_assert(moves.counts[1] > moves.counts[0]);
	ck_assert(sf_changes_settled(sf_changes_count()) && sf_changes_count() > moves.counts[1]);
}
END_TEST

/* ---- holding ---- */

static atomic_int closed;

static void *
closer(void *unused)
{
	(void)unused;
	close_once();
	atomic_store(&closed, 1);
	return NULL;
}

START_TEST(an_unload_waits_for_a_holder)
{
	struct sf_hold hold;
	pthread_t thread;
	uint64_t count;

	start();
	open_object();
	count = sf_changes_count();
	ck_assert(sf_changes_hold(&hold, count));
	pthread_create(&thread, NULL, closer, NULL);
	while (sf_changes_settled(sf_changes_count()))
		usleep(1000);
	usleep(50000);
	ck_assert_int_eq(atomic_load(&closed), 0);
	sf_changes_release(&hold);
	pthread_join(thread, NULL);
	ck_assert(!sf_changes_hold(&hold, count));
	ck_assert(sf_changes_hold(&hold, sf_changes_count()));
	sf_changes_release(&hold);
	ck_assert_int_eq(sf_changes.wiped->holders, 0);
}
END_TEST

START_TEST(a_holder_is_not_interrupted)
{
	struct sf_hold hold;
	sigset_t set;

	start();
	ck_assert(sf_changes_hold(&hold, sf_changes_count()));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	ck_assert(sigismember(&set, SIGPROF) && sigismember(&set, SIGTERM));
	sf_changes_release(&hold);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	ck_assert(!sigismember(&set, SIGPROF));
}
END_TEST

START_TEST(holders_of_other_threads_end_with_fork)
{
	struct sf_hold hold;
	int status;

	start();
	open_object();
	ck_assert(sf_changes_hold(&hold, sf_changes_count()));
	if (fork() == 0) {
		sf_changes_forked();
		close_once();
		_exit(sf_changes_settled(sf_changes_count()) ? 0 : 1);
	}
	sf_changes_release(&hold);
	wait(&status);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(a_fork_without_handlers_does_not_wait_for_them)
{
	struct sf_hold hold;
	int status;
	long child;

	if (!unit_forks_wipe())
		return;
	start();
	open_object();
	ck_assert(sf_changes_hold(&hold, sf_changes_count()));
	/* aarch64 has no fork(2) */
	child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		close_once();
		if (!sf_changes_hold(&hold, sf_changes_count()))
			_exit(2);
		sf_changes_release(&hold);
		_exit(sf_changes_settled(sf_changes_count()) ? 0 : 1);
	}
	sf_changes_release(&hold);
	waitpid((pid_t)child, &status, 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/* It may be killed at any time; nobody would give back for it. Nor does it end its parent's holds. */
static int
hold_in_child(void *arg)
{
	struct sf_hold hold;

	(void)arg;
	if (sf_changes_hold(&hold, sf_changes_count()))
		return 1;
	return sf_load_32(&sf_changes.wiped->holders) == 1 ? 0 : 2;
}

START_TEST(a_child_with_our_memory_does_not_hold)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct sf_hold hold;
	int status;
	pid_t child;

	start();
	ck_assert(sf_changes_hold(&hold, sf_changes_count()));
	child = clone(hold_in_child, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	if (child < 0 && errno == EINVAL && !unit_forks_wipe())
		return; /* qemu-user: no such children, either */
	ck_assert(child > 0 && waitpid(child, &status, 0) == child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	sf_changes_release(&hold);
	ck_assert_int_eq(sf_changes.wiped->holders, 0);
}
END_TEST

/* ---- shapes ---- */

/* `place`: a byte within a jump, what it is then, and what a jump to a far target has there. */
#ifdef __x86_64__
#include "changes_x86_64.h"
#else
#include "changes_aarch64.h"
#endif

/* Some page that is mapped near an address, or far from everything. */
static uint8_t *
some_code(uintptr_t near)
{
	uint8_t *page;

	ck_assert(unit_boot());
	page = mmap((void *)near, SF_SYS_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	return page;
}

static void
put_code(uint8_t *page, const uint8_t text[SF_BREAK_ROOM])
{
	ck_assert_int_eq(mprotect(page, SF_SYS_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	memcpy(page, text, SF_BREAK_ROOM);
	__builtin___clear_cache((char *)page, (char *)page + SF_BREAK_ROOM);
}

static int taken;

static void
target(void)
{
	taken++;
}

START_TEST(only_known_shapes_are_changed)
{
	/* Near the test's own code, so that the short jump reaches. */
	uint8_t *page = some_code(((uintptr_t)target & ~0xfffffful) - (64u << 20));

	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		uint8_t undo[SF_BREAK_ROOM];
		const char *why;

		put_code(page, shapes[i].text);
		why = sf_break_write(page, target, undo);
		if (shapes[i].refused == NULL)
			ck_assert_msg(why == NULL, "%s: %s", shapes[i].what, why);
		else
			ck_assert_str_eq(why, shapes[i].refused);
		ck_assert_msg((page[shapes[i].at] & JUMP_MASK) == shapes[i].becomes, "%s",
			      shapes[i].what);
		if (why == NULL) {
			taken = 0;
			((void (*)(void))page)();
			ck_assert_int_eq(taken, 1);
			sf_break_undo(page, undo);
			((void (*)(void))page)();
			ck_assert_int_eq(taken, 1);
		}
		ck_assert_int_eq(memcmp(page, shapes[i].text, SF_BREAK_ROOM), 0);
	}
}
END_TEST

START_TEST(a_far_target_is_reached)
{
	uint8_t *page = some_code(0x10000000000);
	uint8_t undo[SF_BREAK_ROOM];

	put_code(page, shapes[0].text);
	ck_assert_ptr_null(sf_break_write(page, target, undo));
	ck_assert_int_eq(page[shapes[0].at] & JUMP_MASK, FAR_IS);
	((void (*)(void))page)();
	ck_assert_int_eq(taken, 1);
	sf_break_undo(page, undo);
	ck_assert_int_eq(memcmp(page, shapes[0].text, SF_BREAK_ROOM), 0);
}
END_TEST

START_TEST(a_far_target_out_of_reach_is_refused)
{
	uint8_t undo[SF_BREAK_ROOM];
	uint8_t *page = some_far_code(some_code(0x10000000000));

	ck_assert_str_eq(sf_break_write(page, target, undo), FAR_REFUSED);
	ck_assert_int_eq(memcmp(page, undo, SF_BREAK_ROOM), 0);
}
END_TEST

START_TEST(a_debugger_that_was_there_first_keeps_its_breakpoint)
{
	uint8_t *at = breakpoint_of_loader(), before[SF_BREAK_ROOM], debugged[SF_BREAK_ROOM];

	memcpy(before, at, sizeof(before));
	memcpy(debugged, before, sizeof(before));
	memcpy(debugged, debugger, sizeof(debugger));
	ck_assert_int_eq(mprotect((void *)sf_sys_page_down((uintptr_t)at), SF_SYS_PAGE,
				  PROT_READ | PROT_WRITE | PROT_EXEC),
			 0);
	memcpy(at, debugged, sizeof(before));
	ck_assert(!unit_changes());
	ck_assert_int_eq(memcmp(at, debugged, sizeof(before)), 0);
	ck_assert(!sf_changes_settled(sf_changes_count()));
	ck_assert_str_eq(sf_changes_refusal(), "ld.so's breakpoint is no plain return");
	memcpy(at, before, sizeof(before));
}
END_TEST

/* What is seen of a debugger that comes later. */
START_TEST(a_breakpoint_over_the_jump_is_noticed)
{
	uint8_t *at = breakpoint_of_loader(), *jump;

	start();
	ck_assert(sf_changes_intact());
	jump = (uint8_t *)(uintptr_t)sf_changes.at;
	ck_assert(jump >= at && jump < at + SF_BREAK_ROOM);
	ck_assert_int_eq(mprotect((void *)sf_sys_page_down((uintptr_t)at), SF_SYS_PAGE,
				  PROT_READ | PROT_WRITE | PROT_EXEC),
			 0);
	memcpy(jump, debugger, sizeof(debugger));
	ck_assert(!sf_changes_intact());
}
END_TEST

START_TEST(a_policy_against_changed_code_is_obeyed)
{
	uint8_t *at = breakpoint_of_loader();
	uint8_t before[SF_BREAK_ROOM];

	if (prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
		return; /* a kernel before 6.3 */
	memcpy(before, at, sizeof(before));
	ck_assert(!unit_changes());
	ck_assert_str_eq(sf_changes_refusal(), "ld.so's code may not be changed");
	ck_assert_int_eq(memcmp(at, before, sizeof(before)), 0);
	open_object(); /* ld.so still runs */
	ck_assert_ptr_nonnull(handle);
}
END_TEST

START_TEST(the_code_is_not_left_writable)
{
	char line[512];
	FILE *maps;

	start();
	maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), maps) != NULL)
		ck_assert_msg(strstr(line, "rwx") == NULL, "%s", line);
	fclose(maps);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, every_change_moves_the_count);
	tcase_add_test(tests, it_moves_before_the_unmapping_and_after_it);
	tcase_add_test(tests, an_unload_waits_for_a_holder);
	tcase_add_test(tests, a_holder_is_not_interrupted);
	tcase_add_test(tests, holders_of_other_threads_end_with_fork);
	tcase_add_test(tests, a_child_with_our_memory_does_not_hold);
	tcase_add_test(tests, a_fork_without_handlers_does_not_wait_for_them);
	tcase_add_test(tests, only_known_shapes_are_changed);
	tcase_add_test(tests, a_far_target_is_reached);
	tcase_add_test(tests, a_far_target_out_of_reach_is_refused);
	tcase_add_test(tests, a_debugger_that_was_there_first_keeps_its_breakpoint);
	tcase_add_test(tests, a_breakpoint_over_the_jump_is_noticed);
	tcase_add_test(tests, a_policy_against_changed_code_is_obeyed);
	tcase_add_test(tests, the_code_is_not_left_writable);
}
