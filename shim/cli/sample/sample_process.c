// SPDX-License-Identifier: BSD-2-Clause
// sample_process.c: see sample_process.h.
#include "sample_process.h"

#include "../base/cli.h"
#include "../base/proc.h"
#include "sample_lock.h"
#include "sample_turn.h"
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* How old a map may be; and where the stack has an address that it does not know, or objects come and go. */
#define MAPS_NS       250000000ull
#define MAPS_STALE_NS 5000000ull
#define FIRST_STOP_NS 100000u
#define THREADS_MOST  65536u

/* One copy at a time: they are large, and done with before the next. */
static struct sample_shot shot;
static struct sample_stack stack;

struct sample_process *
sample_process_new(pid_t pid)
{
	struct sample_process *p = cli_alloc(1, sizeof(*p));
	char exe[PATH_MAX], clean[PATH_MAX];

	p->pid = pid;
	p->start_time = proc_start_time((unsigned long)pid);
	if (!proc_exe((unsigned long)pid, exe, sizeof(exe)))
		*exe = '\0';
	p->exe = cli_format("%s", cli_clean(clean, sizeof(clean), exe));
	return p;
}

void
sample_process_free(struct sample_process *p)
{
	sample_tally_free(&p->tally);
	sample_maps_free(&p->maps);
	free(p->threads);
	free(p->exe);
	free(p);
}

/*
 * The CPU time of the thread since a sample stood for it the last time; 1 where the kernel does not tell.
 */
static double
sample_process_cpu_time(const struct sample_process *p, struct sample_thread *t)
{
	char text[96];
	uint64_t now, used;

	if (sample_peek_file(p->pid, t->tid, "schedstat", text, sizeof(text)) == 0)
		return 1;
	now = strtoull(text, NULL, 10);
	used = t->cpu_known && now > t->cpu ? now - t->cpu : 0;
	t->cpu_known = true;
	t->cpu = now;
	return (double)used;
}

static struct sample_thread *
sample_process_thread(struct sample_process *p, pid_t tid)
{
	for (size_t i = 0; i < p->thread_count; i++)
		if (p->threads[i].tid == tid)
			return &p->threads[i];
	if (p->thread_count == THREADS_MOST)
		return NULL;
	if (p->thread_count == p->thread_room) {
		p->thread_room = p->thread_room * 2 + 8;
		p->threads = cli_grow(p->threads, p->thread_room, sizeof(*p->threads));
	}
	p->threads[p->thread_count] = (struct sample_thread){.tid = tid,
							     .since = sample_stop_now(),
							     .expected = FIRST_STOP_NS,
							     .last = {.function = SAMPLE_TALLY_NONE,
								      .row = SAMPLE_TALLY_NONE,
								      .state = SAMPLE_TALLY_SLEEP}};
	sample_process_cpu_time(p, &p->threads[p->thread_count]);
	return &p->threads[p->thread_count++];
}

static void
sample_process_note_share(struct sample_process *p, const struct sample_thread *t)
{
	double share = (double)t->stopped / (double)(sample_stop_now() - t->since + 1);

	p->stop_share = share > p->stop_share ? share : p->stop_share;
}

void
sample_process_end(struct sample_process *p)
{
	for (size_t i = 0; i < p->thread_count; i++)
		sample_process_note_share(p, &p->threads[i]);
}

static void
sample_process_drop_ended(struct sample_process *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->thread_count; i++)
		if (!p->threads[i].present)
			sample_process_note_share(p, &p->threads[i]);
		else
			p->threads[kept++] = p->threads[i];
	p->thread_count = kept;
}

void
sample_process_list(struct sample_process *p)
{
	char *name = cli_format("/proc/%d/task", p->pid);
	DIR *dir = opendir(name);
	struct dirent *entry;

	free(name);
	for (size_t i = 0; i < p->thread_count; i++)
		p->threads[i].present = false;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct sample_thread *t = tid > 0 ? sample_process_thread(p, tid) : NULL;

		if (t != NULL)
			t->present = true;
	}
	if (dir != NULL)
		closedir(dir);
	sample_process_drop_ended(p);
	p->ended = p->thread_count == 0 || proc_start_time((unsigned long)p->pid) != p->start_time;
	p->lists++;
	p->listed += p->thread_count;
}

static bool
sample_process_read_maps(struct sample_process *p, uint64_t age)
{
	uint64_t now = sample_stop_now();

	if (p->maps.read && now - p->maps_read < age)
		return false;
	p->maps_read = now;
	p->maps_stale = false;
	return sample_maps_read(&p->maps, p->pid);
}

/* The call stack of the copy, with names. */
static void
sample_process_unwind(struct sample_process *p)
{
	bool unknown = false;

	stack.count = sample_unwind(&p->maps, &shot, stack.frames);
	for (size_t i = 0; i < stack.count; i++)
		unknown |= stack.frames[i].file == NULL;
	if (unknown && sample_process_read_maps(p, MAPS_STALE_NS))
		stack.count = sample_unwind(&p->maps, &shot, stack.frames);
	sample_kind_name(&stack);
	/* What was mapped under these addresses may be gone, and be another object the next time. */
	for (size_t i = 0; i < stack.count; i++)
		p->maps_stale |= strcmp(stack.names[i], "dlopen") == 0 ||
				 strcmp(stack.names[i], "dlclose") == 0;
}

static void
sample_process_stopped(struct sample_process *p, struct sample_thread *t, uint64_t ns)
{
	t->stopped += ns;
	t->expected = ns > t->expected ? ns : t->expected - (t->expected - ns) / 4;
	p->stops++;
	p->stop_ns += ns;
	p->stop_longest = ns > p->stop_longest ? ns : p->stop_longest;
}

/*
 * Stops a running thread for a copy, if that is within its share. It stands still since `since`, if that is not 0.
 * *ran: it was on a CPU.
 */
static bool
sample_process_stop(struct sample_process *p, struct sample_thread *t, uint64_t since, bool *ran)
{
	uint64_t ns, age = sample_stop_now() - t->since;
	enum sample_stop result;

	if ((double)(t->stopped + t->expected) > (double)age * SAMPLE_PROCESS_SHARE)
		return false;
	result = sample_stop_take(p->pid, t->tid, &p->maps.go, &shot, since, &ns, ran);
	if (result == SAMPLE_STOP_DENIED)
		p->denied = true;
	if (result != SAMPLE_STOP_TAKEN)
		return false;
	sample_process_stopped(p, t, ns);
	return shot.stack_len != 0;
}

static bool
sample_process_copy(struct sample_process *p, struct sample_thread *t, bool running)
{
	struct sample_peek_seen fresh = {0};
	bool ran;

	return running ? sample_process_stop(p, t, 0, &ran)
		       : sample_peek_take(p->pid, t->tid, &p->maps.go, &shot, &fresh) ==
				 SAMPLE_PEEK_TAKEN;
}

/* Somebody waits for the lock: where does its owner stand? Once in a round. */
static void
sample_process_owner(struct sample_process *p, uint64_t lock, uint64_t round)
{
	pid_t owner = sample_lock_owner(p->pid, lock);
	struct sample_thread *t = owner > 0 ? sample_process_thread(p, owner) : NULL;
	int cpu;
	char state = t != NULL ? sample_peek_state(p->pid, owner, &cpu) : '\0';
	bool running = state == 'R';

	if (p->owner_round == round)
		return;
	p->owner_round = round;
	if (state == '\0' || !sample_process_copy(p, t, running) ||
	    sample_lock_owner(p->pid, lock) != owner) {
		p->tally.ownerless++;
		return;
	}
	sample_process_unwind(p);
	sample_tally_owner(&p->tally, &stack, running ? SAMPLE_TALLY_CPU : SAMPLE_TALLY_SLEEP);
}

/* The copy is taken: what is the thread about? `ns`: the CPU time that it stands for. */
static struct sample_tally_one
sample_process_judge(struct sample_process *p, enum sample_tally_state state, uint64_t round,
		     double ns)
{
	struct sample_tally_one one;
	uint64_t lock = 0;

	if (state == SAMPLE_TALLY_SLEEP && sample_lock_waits(&p->maps, &shot, &lock))
		state = SAMPLE_TALLY_LOCK;
	sample_process_unwind(p);
	one = sample_tally_place(&p->tally, &stack, state, shot.call);
	sample_tally_count(&p->tally, &one, ns);
	if (state == SAMPLE_TALLY_LOCK)
		sample_process_owner(p, lock, round);
	return one;
}

/* Has it had a CPU since it was looked at the last time? */
static bool
sample_process_has_run(const struct sample_process *p, const struct sample_thread *t)
{
	char turns[sizeof(t->seen.turns)];

	return sample_peek_file(p->pid, t->tid, "schedstat", turns, sizeof(turns)) != 0 &&
	       strcmp(turns, t->seen.turns) != 0;
}

/* Copies a thread that we have interrupted: ready to run, or asleep. */
static bool
sample_process_take_copy(struct sample_process *p, struct sample_thread *t, bool running)
{
	bool good, ran;

	if (!running)
		return sample_process_copy(p, t, false);
	good = sample_process_stop(p, t, sample_turn_since(), &ran);
	sample_turn_end();
	return good;
}

bool
sample_process_take(struct sample_process *p, size_t place, uint64_t round, bool running)
{
	struct sample_thread *t = &p->threads[place];
	bool good;
	int cpu;
	char state = sample_peek_state(p->pid, t->tid, &cpu);

	if (running ? state != 'R' : state != 'S' && state != 'D')
		return false;
	if ((!running && !sample_process_has_run(p, t)) || !sample_turn_took(p->pid, t->tid, cpu))
		return false;
	t->taken = round;
	t->seen = (struct sample_peek_seen){0};
	good = sample_process_take_copy(p, t, running);
	sample_turn_aim(cpu);
	sample_process_read_maps(p, p->maps_stale ? MAPS_STALE_NS : MAPS_NS);
	p->visits++;
	p->tally.running++;
	if (good)
		sample_process_judge(p, SAMPLE_TALLY_CPU, round, sample_process_cpu_time(p, t));
	else
		p->skipped++;
	return true;
}

/*
 * A running thread that we have not interrupted. Where the kernel does not tell whom we interrupt, those are stopped
 * that run elsewhere.
 */
static void
sample_process_visit_running(struct sample_process *p, struct sample_thread *t, uint64_t round,
			     int cpu)
{
	bool ran;

	p->tally.running++;
	t->seen = (struct sample_peek_seen){0};
	sample_turn_aim(cpu);
	if (sample_turn_known())
		return;
	if (!sample_process_stop(p, t, 0, &ran))
		p->skipped++;
	else if (ran)
		sample_process_judge(p, SAMPLE_TALLY_CPU, round, sample_process_cpu_time(p, t));
	else
		sample_process_judge(p, SAMPLE_TALLY_READY, round, 0);
}

static void
sample_process_visit_sleeping(struct sample_process *p, struct sample_thread *t, uint64_t round)
{
	pid_t tid = t->tid;
	enum sample_peek seen = sample_peek_take(p->pid, tid, &p->maps.go, &shot, &t->seen);
	struct sample_tally_one one = t->last;

	if (seen == SAMPLE_PEEK_GONE)
		return;
	p->tally.sleeping++;
	if (seen == SAMPLE_PEEK_SAME)
		sample_tally_count(&p->tally, &one, 0);
	if (seen != SAMPLE_PEEK_TAKEN)
		return;
	one = sample_process_judge(p, SAMPLE_TALLY_SLEEP, round, 0);
	/* The list may have grown, and moved. */
	t = sample_process_thread(p, tid);
	if (t != NULL)
		t->last = one;
}

void
sample_process_visit(struct sample_process *p, size_t place, uint64_t round)
{
	struct sample_thread *t = &p->threads[place];
	int cpu;
	char state = sample_peek_state(p->pid, t->tid, &cpu);

	/* A thread that is stopped, or traced, is about nothing. */
	if (state == '\0' || state == 'T' || state == 't' || t->taken == round)
		return;
	sample_process_read_maps(p, p->maps_stale ? MAPS_STALE_NS : MAPS_NS);
	p->visits++;
	if (state == 'R')
		sample_process_visit_running(p, t, round, cpu);
	else
		sample_process_visit_sleeping(p, t, round);
	sample_stop_let_go();
}
