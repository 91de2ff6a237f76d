// SPDX-License-Identifier: BSD-2-Clause
// ab_run.c: one run of the command: its outputs into memory, its use of the machine from wait4(2).
#include "ab.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
ab_run_seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double
ab_run_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
ab_run_take(struct ab_run *run, double wall, const struct rusage *u)
{
	double *v = run->value;

	v[AB_wall] = wall;
	v[AB_user] = ab_run_seconds(u->ru_utime);
	v[AB_system] = ab_run_seconds(u->ru_stime);
	v[AB_max_rss] = (double)u->ru_maxrss;
	v[AB_minor_faults] = (double)u->ru_minflt;
	v[AB_major_faults] = (double)u->ru_majflt;
	v[AB_voluntary_switches] = (double)u->ru_nvcsw;
	v[AB_involuntary_switches] = (double)u->ru_nivcsw;
}

/* Do both files hold the same bytes? */
static bool
ab_run_same_bytes(int a, int b)
{
	static char x[1 << 16], y[1 << 16];
	struct stat sa, sb;

	if (fstat(a, &sa) != 0 || fstat(b, &sb) != 0 || sa.st_size != sb.st_size)
		return false;
	for (off_t at = 0; at < sa.st_size;) {
		ssize_t n = pread(a, x, sizeof(x), at);

		if (n <= 0 || pread(b, y, (size_t)n, at) != n || memcmp(x, y, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

/* The first run's files are kept; later ones are compared with them and closed. */
static void
ab_run_compare(struct ab_reference *ref, struct ab_run *run, const int out[2], enum arm arm)
{
	struct stat st;

	for (int i = 0; i < 2; i++)
		run->bytes[i] = fstat(out[i], &st) == 0 ? (uint64_t)st.st_size : 0;
	if (!ref->taken) {
		*ref = (struct ab_reference){{out[0], out[1]}, run->status, true, NULL};
		run->same[AB_STDOUT] = run->same[AB_STDERR] = run->same[AB_STATUS] = true;
		return;
	}
	run->same[AB_STDOUT] = ab_run_same_bytes(ref->fd[0], out[0]);
	run->same[AB_STDERR] = ab_run_same_bytes(ref->fd[1], out[1]);
	run->same[AB_STATUS] = ref->status == run->status;
	for (int i = 0; i < 2 && arm == ARM_SYMFAST && ref->difference == NULL; i++)
		if (!run->same[i])
			ref->difference =
				json_pack("{s:s,s:o}", "output", i == 0 ? "stdout" : "stderr", "at",
					  ab_difference(ref->fd[i], out[i]));
	close(out[0]);
	close(out[1]);
}

static int
ab_run_spawn(const struct ab_command *c, enum arm arm, const int out[2], pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t signals;
	int error;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, c->input != NULL ? c->input : "/dev/null",
					 O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out[0], 1);
	posix_spawn_file_actions_adddup2(&files, out[1], 2);
	ab_wait_spawn(&signals);
	error = posix_spawnp(pid, c->argv[0], &files, &signals, c->argv, c->environment[arm]);
	posix_spawnattr_destroy(&signals);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

int
ab_run_once(const struct ab_command *c, enum arm arm, struct ab_reference *ref, struct ab_run *run)
{
	int out[2] = {memfd_create("stdout", MFD_CLOEXEC), memfd_create("stderr", MFD_CLOEXEC)};
	struct rusage use;
	double start = ab_run_now();
	pid_t pid, ended;

	if (ab_wait_ended())
		return CLI_FAILED;
	if (out[0] < 0 || out[1] < 0)
		return cli_error_errno(CLI_FAILED, "memory for the command's output");
	errno = ab_run_spawn(c, arm, out, &pid);
	if (errno != 0)
		return cli_error_errno(CLI_TARGET, "%s", c->argv[0]);
	ended = ab_wait(pid, 0, &run->status, &use);
	if (ended < 0 && ab_wait_ended())
		ab_wait_stop(pid);
	else if (ended < 0)
		cli_error_errno(0, "wait for the command");
	if (ended < 0)
		return CLI_FAILED;
	ab_run_take(run, ab_run_now() - start, &use);
	ab_run_compare(ref, run, out, arm);
	return CLI_OK;
}
