// SPDX-License-Identifier: BSD-2-Clause
// sample_round.c: see sample_round.h.
#include "sample_round.h"

#include "../base/cli.h"
#include "sample_target.h"
#include "sample_turn.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define VISITS_MOST    256u /* threads in one round; the next round goes on from there */
#define PROCESSES_MOST 4096u
#define LIST_ONE_NS    200000000ull /* how often the threads of one process are listed */
#define LIST_ALL_NS    1000000000ull
#define DUTY           10u /* of so many parts of the time we use one */
#define CREDIT_NS                                                                                  \
	1000000000ull /* of CPU time besides: files are opened, and their symbols read, once */

struct sample_round_place {
	size_t process, thread;
};

static void
sample_round_add(struct sample_round *r, pid_t pid)
{
	char why[SAMPLE_TARGET_TEXT];

	for (size_t i = 0; i < r->count; i++)
		if (r->processes[i]->pid == pid && !r->processes[i]->ended)
			return;
	if (r->count == PROCESSES_MOST)
		return;
	if (r->pid == 0 && !sample_target_allowed(pid, why))
		return;
	r->processes = cli_grow(r->processes, r->count + 1, sizeof(*r->processes));
	r->processes[r->count++] = sample_process_new(pid);
}

static void
sample_round_find(struct sample_round *r)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			sample_round_add(r, pid);
	}
	if (dir != NULL)
		closedir(dir);
}

/* How many processes with memory of their own we may not look at. */
static uint64_t
sample_round_refused(void)
{
	char why[SAMPLE_TARGET_TEXT];
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint64_t refused = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		refused += pid > 0 && pid != getpid() && sample_target_status(pid, "VmSize") > 0 &&
			   !sample_target_allowed(pid, why);
	}
	if (dir != NULL)
		closedir(dir);
	return refused;
}

static bool
sample_round_list(struct sample_round *r)
{
	bool any = false;

	if (r->pid == 0)
		sample_round_find(r);
	for (size_t i = 0; i < r->count; i++) {
		if (!r->processes[i]->ended)
			sample_process_list(r->processes[i]);
		any |= !r->processes[i]->ended;
	}
	return any;
}

/* The next thread after `at`; false if there is none at all. */
static bool
sample_round_next(const struct sample_round *r, struct sample_round_place *at)
{
	at->thread++;
	for (size_t tried = 0; tried <= r->count; tried++) {
		if (at->process < r->count && !r->processes[at->process]->ended &&
		    at->thread < r->processes[at->process]->thread_count)
			return true;
		at->process = at->process + 1 < r->count ? at->process + 1 : 0;
		at->thread = 0;
	}
	return false;
}

static size_t
sample_round_threads(const struct sample_round *r)
{
	size_t all = 0;

	for (size_t i = 0; i < r->count; i++)
		all += r->processes[i]->ended ? 0 : r->processes[i]->thread_count;
	return all;
}

/* The thread that our turn has interrupted, if it is one of this round's. */
static bool
sample_round_take(const struct sample_round *r, struct sample_round_place at, size_t count,
		  bool running)
{
	for (size_t i = 0; i < count && sample_round_next(r, &at); i++)
		if (sample_process_take(r->processes[at.process], at.thread, r->rounds, running))
			return true;
	return false;
}

/* The first round is gone to its end: of each thread something is known then. */
static void
sample_round_once(struct sample_round *r, struct sample_round_place *at, uint64_t until)
{
	size_t count = sample_round_threads(r);

	count = count < VISITS_MOST ? count : VISITS_MOST;
	r->rounds++;
	if (sample_turn_known() && !sample_round_take(r, *at, count, true)) {
		sample_turn_end();
		sample_round_take(r, *at, count, false);
	}
	for (size_t i = 0; i < count && sample_round_next(r, at); i++) {
		if (r->rounds > 1 && sample_stop_now() >= until)
			return;
		sample_process_visit(r->processes[at->process], at->thread, r->rounds);
	}
}

static uint64_t
sample_round_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * How long until the next round: not in step with timers of the process, and not so soon that we use more than
 * our part. `used`: our CPU time so far.
 */
static uint64_t
sample_round_pause(const struct sample_round *r, uint64_t used, uint64_t elapsed)
{
	uint64_t period = 1000000000u / r->rate;
	uint64_t jittered = period / 2 + (uint64_t)(drand48() * (double)period);
	uint64_t due = used > CREDIT_NS ? (used - CREDIT_NS) * DUTY : 0;

	return due > elapsed + jittered ? due - elapsed : jittered;
}

/* Processes of --all come by hundreds, each with files of its own. */
static void
sample_round_open_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

void
sample_round_run(struct sample_round *r)
{
	uint64_t every = r->pid != 0 ? LIST_ONE_NS : LIST_ALL_NS;
	uint64_t begin = sample_stop_now(), cpu = sample_round_cpu(), now = begin;
	uint64_t listed = begin;
	struct sample_round_place at = {0, 0};

	sample_round_open_files();
	sample_stop_begin();
	if (r->pid != 0)
		sample_round_add(r, r->pid);
	sample_round_list(r);
	for (bool going = true; going && now - begin < r->ns;) {
		uint64_t wake;

		sample_round_once(r, &at, begin + r->ns);
		if (now - listed >= every) {
			listed = now;
			if (!sample_round_list(r) && r->pid != 0)
				break;
		}
		now = sample_stop_now();
		wake = now + sample_round_pause(r, sample_round_cpu() - cpu, now - begin);
		going = sample_stop_rest(wake < begin + r->ns ? wake : begin + r->ns);
		now = sample_stop_now();
	}
	r->elapsed_ns = now - begin;
	for (size_t i = 0; i < r->count; i++)
		sample_process_end(r->processes[i]);
	r->own_cpu_ns = sample_round_cpu() - cpu;
	if (r->pid == 0)
		r->refused = sample_round_refused();
}

void
sample_round_free(struct sample_round *r)
{
	for (size_t i = 0; i < r->count; i++)
		sample_process_free(r->processes[i]);
	free(r->processes);
}
