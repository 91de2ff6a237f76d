// SPDX-License-Identifier: BSD-2-Clause
// sample_stop.h: a running thread is stopped, copied, and let go, as exactly as ptrace(2) can.
//
// Each sample seizes the thread and detaches from it again: between two samples nobody traces it. No options
// are set, so the end of this program at any moment, kill -9 included, lets the kernel detach and continue it.
// What stops the thread instead of us is passed on: a signal is delivered with its own siginfo, a stop by job
// control stays one. A thread that does not stop in time (it is deep in the kernel) is let go when it does.
#ifndef SF_CLI_SAMPLE_STOP_H
#define SF_CLI_SAMPLE_STOP_H

#include "sample_shot.h"

enum sample_stop {
	SAMPLE_STOP_TAKEN,
	SAMPLE_STOP_GONE, /* the thread has ended */
	SAMPLE_STOP_LATE, /* it did not stop in time */
	SAMPLE_STOP_BUSY, /* another thread of its process did not, and is still being waited for */
	SAMPLE_STOP_DENIED /* it may not be traced, or is traced: errno */
};

/* At start: signals that would stop or end us while a thread is stopped wait for sample_stop_rest. */
void sample_stop_begin(void);
/*
 * Takes one. `taken`: when our turn interrupted it (sample_turn.h), or 0. *ns: how long it was kept from running:
 * exactly if taken, and else at most. *ran: it was on a CPU when it was asked to stop, and not just ready for one.
 */
enum sample_stop sample_stop_take(pid_t pid, pid_t tid, const struct sample_shot_go *go,
				  struct sample_shot *shot, uint64_t taken, uint64_t *ns,
				  bool *ran);
/*
 * Sleeps until the time (CLOCK_MONOTONIC), lets go who stops meanwhile, and begins a turn (sample_turn.h). False: a
 * signal wants us to end.
 */
bool sample_stop_rest(uint64_t until_ns);
/* Lets go who stopped late; and how long one of those was stopped at most. */
void sample_stop_let_go(void);
uint64_t sample_stop_late_longest(void);
uint64_t sample_stop_now(void);

#endif
