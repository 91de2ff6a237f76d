// SPDX-License-Identifier: BSD-2-Clause
// ab_trace.c: counts the system calls of a command by ptrace(2): exact, and slow, so never timed.
#include "ab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |  \
	 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

/* Threads that have stopped at least once, and have not ended. */
struct tracees {
	pid_t *list;
	size_t count;
};

static void
ab_trace_become(const struct ab_command *c, enum arm arm)
{
	int in = open(c->input != NULL ? c->input : "/dev/null", O_RDONLY);
	int out = open("/dev/null", O_WRONLY);

	ab_wait_forked();
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
		_exit(127);
	execvpe(c->argv[0], c->argv, c->environment[arm]);
	_exit(127);
}

/* One stop of a thread: 1 if a system call begins or ends; the signal to deliver in *signal. */
static int
ab_trace_look(int status, int *signal)
{
	int stop = WSTOPSIG(status);

	*signal = 0;
	if (stop == (SIGTRAP | 0x80))
		return 1;
	/* Events, and the stop that each new thread begins with, are ours and not delivered. */
	if (status >> 16 == 0 && stop != SIGSTOP && stop != SIGTRAP)
		*signal = stop;
	return 0;
}

static void
ab_trace_note(struct tracees *t, pid_t pid, bool there)
{
	size_t i = 0;

	while (i < t->count && t->list[i] != pid)
		i++;
	if (there && i == t->count) {
		t->list = cli_grow(t->list, t->count + 1, sizeof(*t->list));
		t->list[t->count++] = pid;
	} else if (!there && i < t->count) {
		t->list[i] = t->list[--t->count];
	}
}

/* A signal to each of them. */
static void
ab_trace_send(const struct tracees *t, int signal)
{
	for (size_t i = 0; i < t->count; i++)
		syscall(SYS_tkill, t->list[i], signal);
}

/*
 * The command has ended; what it left behind goes on untraced. A thread can be let go only while it is
 * stopped: whichever stop comes first will do, and then the one that was asked for is taken back.
 */
static void
ab_trace_let_go(struct tracees *t)
{
	int status, signal;
	pid_t pid;

	ab_trace_send(t, SIGSTOP);
	while ((pid = ab_wait(-1, __WALL, &status, NULL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		ab_trace_look(status, &signal);
		ptrace(PTRACE_DETACH, pid, NULL, signal);
		if (status >> 16 != 0 || WSTOPSIG(status) != SIGSTOP)
			syscall(SYS_tkill, pid, SIGCONT);
	}
}

/* Until the command itself has ended. The stops of it, its threads and its children; -1: a signal ended us. */
static long
ab_trace_follow(pid_t first, struct tracees *t)
{
	int status, signal;
	long stops = 0;
	pid_t pid;

	ab_trace_note(t, first, true);
	while ((pid = ab_wait(-1, __WALL, &status, NULL)) > 0) {
		ab_trace_note(t, pid, WIFSTOPPED(status));
		if (!WIFSTOPPED(status) && pid == first)
			break;
		if (!WIFSTOPPED(status))
			continue;
		stops += ab_trace_look(status, &signal);
		ptrace(PTRACE_SYSCALL, pid, NULL, signal);
	}
	return pid < 0 && errno == EINTR ? -1 : stops;
}

long
ab_trace(const struct ab_command *c, enum arm arm)
{
	struct tracees t = {NULL, 0};
	pid_t first = fork();
	long stops;
	int status;

	if (first == 0)
		ab_trace_become(c, arm);
	if (first < 0 || ab_wait(first, WUNTRACED, &status, NULL) != first || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, first, NULL, OPTIONS) != 0 ||
	    ptrace(PTRACE_SYSCALL, first, NULL, NULL) != 0)
		return -1;
	stops = ab_trace_follow(first, &t);
	if (stops >= 0)
		ab_trace_let_go(&t);
	if (ab_wait_ended())
		ab_trace_send(&t, SIGKILL);
	free(t.list);
	return ab_wait_ended() ? -1 : stops / 2; /* a stop at entry and one at exit */
}
