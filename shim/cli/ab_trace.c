// SPDX-License-Identifier: BSD-2-Clause
// ab_trace.c: counts the system calls of a command by ptrace(2): exact, and slow, so never timed.
#include "ab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |  \
	 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static void
become(const struct ab_command *c, enum arm arm)
{
	int in = open(c->input != NULL ? c->input : "/dev/null", O_RDONLY);
	int out = open("/dev/null", O_WRONLY);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
		_exit(127);
	execvpe(c->argv[0], c->argv, c->environment[arm]);
	_exit(127);
}

/* One stop of a thread: 1 if a system call begins or ends; the signal to deliver in *signal. */
static int
look(int status, int *signal)
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

long
ab_trace(const struct ab_command *c, enum arm arm)
{
	pid_t first = fork();
	long stops = 0;
	int status, signal;

	if (first == 0)
		become(c, arm);
	if (first < 0 || waitpid(first, &status, 0) != first || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, first, NULL, OPTIONS) != 0 ||
	    ptrace(PTRACE_SYSCALL, first, NULL, NULL) != 0)
		return -1;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break; /* the last one has ended */
		if (!WIFSTOPPED(status))
			continue;
		stops += look(status, &signal);
		ptrace(PTRACE_SYSCALL, pid, NULL, signal);
	}
	return stops / 2; /* a stop at entry and one at exit */
}
