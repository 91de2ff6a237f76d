// SPDX-License-Identifier: BSD-2-Clause
// sample_stop.c: see sample_stop.h.
//
// Never more than one thread of a process is seized. A thread that calls execve waits until all others have
// ended, and one that is traced has ended only when its tracer has waited for it; seizing another thread of the
// process waits for that execve. So who seizes before all is waited for, waits for itself.
#include "sample_stop.h"

#include "sample_turn.h"
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS                                                                                \
	250000000ull       /* how long is waited for a thread to stop: it may wait for a CPU */
#define SPIN_NS   20000ull /* of that without sleeping: a stop takes some 10 us */
#define DOZE_NS   100000ull /* between two looks whether it has stopped: what a stop is measured to */
#define LATE_MOST 64

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static struct {
	pid_t pid, tid;
} late[LATE_MOST]; /* seized, and not yet let go */
static size_t late_count;
static uint64_t late_longest; /* how long one of them was stopped at most */
static uint64_t polled;       /* when nobody had stopped, the last time */
static volatile sig_atomic_t ending;

static void
sample_stop_on_end(int signal_number)
{
	(void)signal_number;
	ending = 1;
}

/* Those that would stop this program; and, when the thread stops, SIGCHLD, which ends a wait for it. */
static sigset_t
sample_stop_held_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGTTIN);
	sigaddset(&set, SIGTTOU);
	sigaddset(&set, SIGCHLD);
	return set;
}

void
sample_stop_begin(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = sample_stop_on_end, .sa_flags = (int)SA_RESETHAND},
			 old;
	sigset_t held = sample_stop_held_signals();

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ends[i], &action, NULL);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &held, NULL);
}

uint64_t
sample_stop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A signal on its way is passed on; stops by PTRACE_INTERRUPT and by job control have none to pass. */
static void
sample_stop_detach(pid_t tid, int status)
{
	long signal_number = status >> 16 == 0 ? WSTOPSIG(status) : 0;

	ptrace(PTRACE_DETACH, tid, NULL, signal_number);
}

static void
sample_stop_forget(pid_t tid)
{
	for (size_t i = 0; i < late_count; i++)
		if (late[i].tid == tid)
			late[i--] = late[--late_count];
}

/*
 * One report, if there is any: true and *status if it is of `tid`; others are done with. Who has stopped has
 * done so since `polled` was what it is before the call.
 */
static bool
sample_stop_poll(pid_t tid, int *status)
{
	uint64_t before = polled;
	pid_t who;

	polled = sample_stop_now();
	while ((who = waitpid(-1, status, __WALL | WNOHANG)) > 0) {
		if (who == tid)
			return true;
		if (WIFSTOPPED(*status))
			sample_stop_detach(who, *status);
		sample_stop_forget(who);
		if (sample_stop_now() - before > late_longest)
			late_longest = sample_stop_now() - before;
	}
	/* Nobody is traced any more: who execs changes its number. */
	if (who < 0 && errno == ECHILD)
		late_count = 0;
	return false;
}

uint64_t
sample_stop_late_longest(void)
{
	return late_longest;
}

void
sample_stop_let_go(void)
{
	int status;

	if (late_count != 0)
		sample_stop_poll(0, &status);
}

/* Sleeps for at most that long, or until a thread has stopped. */
static void
sample_stop_doze(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &t);
}

/*
 * *since: a time at which it had not stopped yet. A thread whose CPU we have taken (`taken`) needs it for getting to
 * its stop: nobody looks every moment whether it has.
 */
static bool
sample_stop_wait(pid_t tid, bool taken, uint64_t *since, int *status)
{
	uint64_t start = *since;

	polled = start;
	for (;;) {
		uint64_t passed;

		*since = polled;
		if (sample_stop_poll(tid, status))
			return true;
		passed = polled - start;
		if (passed > PATIENCE_NS)
			return false;
		if (taken)
			sample_stop_doze(PATIENCE_NS);
		else if (passed >= SPIN_NS)
			sample_stop_doze(DOZE_NS);
	}
}

/* The thread has stopped. */
static void
sample_stop_copy(pid_t pid, pid_t tid, const struct sample_shot_go *go, struct sample_shot *shot)
{
	sample_cpu_raw raw = {0};
	struct iovec all = {&raw, sizeof(raw)};
	uint64_t result;
	long at;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &all) != 0) {
		shot->stack_len = shot->other_len = 0;
		memset(shot->regs, 0, sizeof(shot->regs));
		return;
	}
	sample_cpu_registers(&raw, shot->regs);
	shot->call = sample_cpu_call(&raw);
	shot->whole = true;
	sample_shot_copy(shot, pid, go);
	at = sample_cpu_mend(&raw, &result);
	if (at >= 0)
		ptrace(PTRACE_POKEUSER, tid, (void *)(uintptr_t)at, (void *)(uintptr_t)result);
}

static bool
sample_stop_is_busy(pid_t pid)
{
	sample_stop_let_go();
	for (size_t i = 0; i < late_count; i++)
		if (late[i].pid == pid)
			return true;
	return late_count == LATE_MOST;
}

static int
sample_stop_open_schedstat(pid_t pid, pid_t tid)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* A thread's schedstat: how long it ran, how long it was ready, how often it was given a CPU. */
struct sample_stop_turns {
	uint64_t ran_ns, ready_ns, turns;
};

static struct sample_stop_turns
sample_stop_turns(int schedstat)
{
	struct sample_stop_turns t = {0, 0, 0};
	char text[96], *at = text;
	ssize_t n = schedstat >= 0 ? pread(schedstat, text, sizeof(text) - 1, 0) : 0;

	text[n > 0 ? n : 0] = '\0';
	t.ran_ns = strtoull(at, &at, 10);
	t.ready_ns = strtoull(at, &at, 10);
	t.turns = strtoull(at, &at, 10);
	return t;
}

/*
 * How long the thread was kept from running. *since: it was last seen going on; or, if we had taken its CPU, when we
 * did. Then it was ready for a CPU until it got to its stop, which the kernel counts; for `held` of that because of
 * us.
 */
static uint64_t
sample_stop_time(const struct sample_stop_turns *before, const struct sample_stop_turns *after,
		 uint64_t since, uint64_t held)
{
	uint64_t all = sample_stop_now() - since;
	uint64_t ready = after->ready_ns - before->ready_ns;

	if (held == 0)
		return all;
	return held + (ready < all ? all - ready : 0);
}

/*
 * A thread that waits for a CPU stands where it was woken or where its turn ended, whatever it uses its time for.
 * It gets to its stop by a turn more; one that was running does not. `taken`: when we took its CPU, or 0.
 */
static enum sample_stop
sample_stop_seized(pid_t pid, pid_t tid, const struct sample_shot_go *go, struct sample_shot *shot,
		   uint64_t taken, uint64_t *ns, bool *ran)
{
	int status, schedstat = sample_stop_open_schedstat(pid, tid);
	struct sample_stop_turns before = sample_stop_turns(schedstat), after;
	uint64_t since = sample_stop_now(), held = taken != 0 ? since - taken : 0;
	enum sample_stop result = SAMPLE_STOP_TAKEN;

	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 ||
	    !sample_stop_wait(tid, taken != 0, &since, &status)) {
		late[late_count].pid = pid;
		late[late_count++].tid = tid;
		result = SAMPLE_STOP_LATE;
	} else if (!WIFSTOPPED(status)) {
		result = SAMPLE_STOP_GONE;
	} else {
		sample_stop_copy(pid, tid, go, shot);
		after = sample_stop_turns(schedstat);
		sample_stop_detach(tid, status);
		*ran = after.turns == before.turns;
		*ns = sample_stop_time(&before, &after, taken != 0 ? taken : since, held);
	}
	if (schedstat >= 0)
		close(schedstat);
	return result;
}

/* Whoever waits for a CPU while a thread is stopped keeps it stopped: meanwhile we are the first there. */
enum sample_stop
sample_stop_take(pid_t pid, pid_t tid, const struct sample_shot_go *go, struct sample_shot *shot,
		 uint64_t taken, uint64_t *ns, bool *ran)
{
	enum sample_stop result;

	*ns = 0;
	*ran = false;
	shot->call = -1;
	shot->whole = false;
	if (sample_stop_is_busy(pid))
		return SAMPLE_STOP_BUSY;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
		return errno == ESRCH ? SAMPLE_STOP_GONE : SAMPLE_STOP_DENIED;
	sample_turn_first(true);
	result = sample_stop_seized(pid, tid, go, shot, taken, ns, ran);
	sample_turn_first(false);
	return result;
}

bool
sample_stop_rest(uint64_t until_ns)
{
	sigset_t held = sample_stop_held_signals();
	uint64_t now = sample_stop_now();

	sample_turn_prepare();
	sigdelset(&held, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &held, NULL);
	do {
		sample_stop_let_go();
		if (now < until_ns)
			sample_stop_doze(late_count != 0 && until_ns - now > DOZE_NS
						 ? DOZE_NS
						 : until_ns - now);
		now = sample_stop_now();
	} while (now < until_ns && !ending);
	sample_turn_begin(now);
	sigprocmask(SIG_BLOCK, &held, NULL);
	return !ending;
}
