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
step_through(void (*run)(void))
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"i"(TRAP_FLAG)
			 : "memory", "cc");
	run();
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"i"(~TRAP_FLAG)
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
		step_through(r->run);
		if (!came)
			break;
		r->check();
		if (is_last)
			break;
	}
	ck_assert_int_gt(turn, 10);
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
