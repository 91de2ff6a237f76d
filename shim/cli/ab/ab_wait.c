// SPDX-License-Identifier: BSD-2-Clause
// ab_wait.c: waits for the command, or for the signal that is to end symfast ab: then what it made goes first.
#include "ab.h"

#include "../base/output.h"
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define GRACE_NS 1000000000ll /* between the signal and SIGKILL */

static sigset_t before, ends,
	both;     /* the mask we were started with; what ends us; that and SIGCHLD */
static int ended; /* by which signal */

void
ab_wait_begin(void)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction now;

	sigemptyset(&ends);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&ends, numbers[i]);
	both = ends;
	sigaddset(&both, SIGCHLD);
	/* Ignored by whoever started us, it would take the command's exit status along. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &both, &before);
}

void
ab_wait_end(void)
{
	if (ended != 0) {
		signal(ended, SIG_DFL);
		raise(ended);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

bool
ab_wait_ended(void)
{
	const struct timespec none = {0, 0};
	int number;

	while (ended == 0 && (number = sigtimedwait(&ends, NULL, &none)) > 0)
		ended = number;
	return ended != 0;
}

void
ab_wait_spawn(posix_spawnattr_t *a)
{
	sigset_t usual;

	sigemptyset(&usual);
	if (output_pipe_given_back())
		sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(a);
	posix_spawnattr_setsigmask(a, &before);
	posix_spawnattr_setsigdefault(a, &usual);
	posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

void
ab_wait_forked(void)
{
	if (output_pipe_given_back())
		signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

pid_t
ab_wait(pid_t pid, int options, int *status, struct rusage *use)
{
	for (;;) {
		pid_t got = wait4(pid, status, options | WNOHANG, use);
		int number;

		if (got > 0 || (got < 0 && errno != EINTR))
			return got;
		number = sigwaitinfo(&both, NULL);
		if (number <= 0 || number == SIGCHLD)
			continue;
		ended = number;
		errno = EINTR;
		return -1;
	}
}

static int64_t
ab_wait_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

void
ab_wait_stop(pid_t pid)
{
	int64_t left, until = ab_wait_now() + GRACE_NS;
	int number = SIGCHLD;

	kill(pid, ended);
	/* A second signal means: at once. */
	while (number == SIGCHLD && (left = until - ab_wait_now()) > 0) {
		struct timespec t = {left / 1000000000, left % 1000000000};

		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		do
			number = sigtimedwait(&both, NULL, &t);
		while (number < 0 && errno == EINTR);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
