// SPDX-License-Identifier: BSD-2-Clause
// sample_process.h: one process under observation: its threads, its maps, what was counted.
#ifndef SF_CLI_SAMPLE_PROCESS_H
#define SF_CLI_SAMPLE_PROCESS_H

#include "sample_peek.h"
#include "sample_stop.h"
#include "sample_tally.h"

/* The longest share of its time that a thread may be stopped. */
#define SAMPLE_PROCESS_SHARE 0.01

struct sample_thread {
	pid_t tid;
	bool present;      /* in the latest list */
	uint64_t since;    /* when it was seen first */
	uint64_t stopped;  /* how long it was stopped in all */
	uint64_t expected; /* how long the next stop may take */
	uint64_t cpu;      /* its CPU time at the last sample that stands for some */
	bool cpu_known;
	uint64_t taken; /* the round in which our turn interrupted it */
	struct sample_peek_seen seen;
	struct sample_tally_one last; /* what `seen` was */
};

struct sample_process {
	pid_t pid;
	char *exe;
	uint64_t start_time;
	struct sample_maps maps;
	uint64_t maps_read; /* when */
	bool maps_stale;
	struct sample_thread *threads;
	size_t thread_count, thread_room;
	struct sample_tally tally;
	uint64_t visits, lists,
		listed; /* threads visited; lists of threads read, and their lengths' sum */
	uint64_t stops, stop_ns, stop_longest; /* stops of threads */
	double stop_share;                     /* the largest of a thread's */
	uint64_t
		skipped; /* running threads that were not stopped: it was their time, or they were late */
	uint64_t owner_round; /* the round in which the owner of a lock was looked at last */
	bool ended;
	bool denied; /* a thread could not be traced; it was possible at the beginning */
};

struct sample_process *sample_process_new(pid_t pid);
void sample_process_free(struct sample_process *p);
/* Reads which threads there are; ends the process's part if it has ended. */
void sample_process_list(struct sample_process *p);
/* At the end: which share of its time a thread was stopped. */
void sample_process_end(struct sample_process *p);
/*
 * If our turn has interrupted this thread: copies it, gives the CPU back, and counts it. `running`: looks at it if it
 * is ready to run; else if it sleeps, which can wait until the CPU is given back.
 */
bool sample_process_take(struct sample_process *p, size_t place, uint64_t round, bool running);
/* Looks at one thread, by its place in the list. `round`: its number, from 1. */
void sample_process_visit(struct sample_process *p, size_t place, uint64_t round);

#endif
