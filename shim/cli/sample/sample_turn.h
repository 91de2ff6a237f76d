// SPDX-License-Identifier: BSD-2-Clause
// sample_turn.h: which thread did our own turn on a CPU interrupt?
//
// A running thread that is asked to stop goes on until the request reaches it, mostly to the end of its next system
// call: that is where it would seem to spend its time. So we take the CPU instead: a timer wakes us there, and the
// thread that was running stands where the timer met it, whatever it was doing. The scheduler notes the same moment
// for it and for us (se.exec_start of /proc/PID/sched), to the nanosecond.
#ifndef SF_CLI_SAMPLE_TURN_H
#define SF_CLI_SAMPLE_TURN_H

#include "../../base/attr.h"
#include <sys/types.h>

/* Does the kernel tell? */
bool sample_turn_known(void);
/* A thread is seen running on this CPU: our next turn is there, or where another such thread is. */
void sample_turn_aim(int cpu);
/* Before a sleep; after it; and when the CPU is given back. */
void sample_turn_prepare(void);
void sample_turn_begin(uint64_t now_ns);
void sample_turn_end(void);
/* When it began. */
uint64_t sample_turn_since(void);
/*
 * Did we interrupt this thread, whose CPU that is? If it sleeps: it was in the kernel when the timer went off, on its
 * way to sleep.
 */
bool sample_turn_took(pid_t pid, pid_t tid, int cpu);
/* Before all others on our CPU, or one among them again. Without CAP_SYS_NICE: as one whose turns are short. */
void sample_turn_first(bool on);

#endif
