// SPDX-License-Identifier: BSD-2-Clause
// between.h: another thread, or a signal handler, comes between any two instructions of a transition.
//
// Each row steps through one function with the CPU's trap flag, and lets the other one run whole after
// its first, second, third... instruction, until there is none left. What must hold then, must hold
// after each of them: these races need no luck to be seen.
#ifndef BETWEEN_H
#define BETWEEN_H

#include "rollout/mode.h"
#include "unit.h"

#ifdef __x86_64__
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#define TRAP_FLAG 0x100
/* Code that counts its own lines is several times as long, and stepping takes the square. */
#ifndef STRIDE
#define STRIDE 1
#endif

static void (*other)(void);
static long left; /* instructions until the other one comes */
static bool came, is_last;
static bool (*over)(void);

static void
on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)number;
	(void)info;
	if (--left > 0)
		return;
	u->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	came = true;
	is_last = over != NULL && over();
	other();
}

static __attribute__((noinline)) void
step_through(void (*run)(void), unsigned long flag)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"r"(flag)
			 : "memory", "cc");
	run();
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"i"(~TRAP_FLAG)
			 : "memory", "cc");
}

#define SF_QUIET static __attribute__((noinline, used, section("sf_quiet")))
extern char __start_sf_quiet, __stop_sf_quiet;

/* What stands for libc is one step, as under libc's lock: nobody comes in between. */
SF_QUIET unsigned long
step_off(void)
{
	unsigned long flags;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tmovq (%%rsp), %0\n\tandq %1, "
			 "(%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "=&r"(flags)
			 : "i"(~TRAP_FLAG)
			 : "memory", "cc");
	return flags & TRAP_FLAG;
}

SF_QUIET void
step_on(unsigned long flag)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"r"(flag)
			 : "memory", "cc");
}

struct row {
	void (*begin)(long turn);
	void (*run)(void);
	void (*other)(void);
	void (*check)(void);
	bool (*over)(void); /* the rest of `run` does not matter, and would take its time */
};

static inline void
between(const struct row *r)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	long turn = 1;

	ck_assert_int_eq(sigaction(SIGTRAP, &action, NULL), 0);
	for (;; turn += STRIDE) {
		r->begin(turn);
		other = r->other;
		over = r->over;
		is_last = false;
		left = turn;
		came = false;
		step_through(r->run, TRAP_FLAG);
		if (!came)
			break;
		r->check();
		if (is_last)
			break;
	}
	ck_assert_int_gt(turn, 10);
}

/*
 * The same in so many traps instead of half the square: the way is traced once, then each instruction of it
 * gets a breakpoint. `begin` must lead to the same way each time.
 */
extern char __executable_start, etext;
#define WAY_MOST 20000
static uint8_t *way[WAY_MOST], saved, *planted;
static long way_length, visits;
static bool way_wanders; /* it differs a little from time to time */

static void
on_trace(int number, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;
	uint8_t *at = (uint8_t *)u->uc_mcontext.gregs[REG_RIP];

	(void)number;
	(void)info;
	if (at >= (uint8_t *)&__executable_start && at < (uint8_t *)&etext &&
	    (at < (uint8_t *)&__start_sf_quiet || at >= (uint8_t *)&__stop_sf_quiet) &&
	    way_length < WAY_MOST)
		way[way_length++] = at;
}

static void
plant(bool yes)
{
	if (yes)
		saved = *planted;
	*planted = yes ? 0xcc : saved;
}

static void
on_planted(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)number;
	(void)info;
	if (u->uc_mcontext.gregs[REG_EFL] & TRAP_FLAG) {
		/* One step past the place: wait for the next visit. */
		u->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
		plant(true);
		return;
	}
	plant(false);
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)planted;
	if (--visits > 0) {
		u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
		return;
	}
	came = true;
	other();
}

static inline void
trap_with(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	ck_assert_int_eq(sigaction(SIGTRAP, &action, NULL), 0);
}

/* The way as it is now, and each place of it visited; how many were not come by. */
static inline long
between_way_once(const struct row *r)
{
	long missed = 0;

	r->begin(0);
	way_length = 0;
	trap_with(on_trace);
	step_through(r->run, TRAP_FLAG);
	ck_assert(way_length > 3 && way_length < WAY_MOST);
	trap_with(on_planted);
	for (long turn = 0; turn < way_length; turn += STRIDE) {
		r->begin(turn);
		other = r->other;
		planted = way[turn];
		visits = 0;
		for (long i = 0; i <= turn; i++)
			visits += way[i] == planted;
		came = false;
		plant(true);
		step_through(r->run, 0);
		if (!came)
			plant(false);
		missed += !came;
		ck_assert_msg(came || way_wanders, "not reached: %ld of %ld", turn, way_length);
		r->check();
	}
	return missed;
}

/* A way that wanders may have been traced at its longest: then it is traced anew. */
static inline void
between_way(const struct row *r)
{
	uintptr_t text = (uintptr_t)&__executable_start & ~(uintptr_t)4095;
	long missed;

	ck_assert_int_eq(mprotect((void *)text, (uintptr_t)&etext - text,
				  PROT_READ | PROT_WRITE | PROT_EXEC),
			 0);
	for (int trace = 0; trace < 8; trace++) {
		missed = between_way_once(r);
		if (missed * 4 * STRIDE <= way_length)
			return;
	}
	ck_abort_msg("%ld of %ld places were not come by, in eight traces", missed, way_length);
}

/* All rows of an array. */
#define BETWEEN_ALL(rows)                                                                          \
	do {                                                                                       \
		for (size_t row_ = 0; row_ < COUNT_OF(rows); row_++)                               \
			between(&(rows)[row_]);                                                    \
	} while (0)
#else
START_TEST(no_steps_on_this_cpu)
{
	ck_assert_uint_eq(sf_phase, SF_PHASE_COLD);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, no_steps_on_this_cpu);
}
#endif

#endif
