// SPDX-License-Identifier: BSD-2-Clause
// sample_turn.c: see sample_turn.h.
#include "sample_turn.h"

#include "sample_peek.h"
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static cpu_set_t allowed;
static int allowed_count;    /* 0: not asked yet */
static int aimed = -1, seen; /* the CPU, and how many were offered since our last turn */
static uint64_t began;
static int ours = -1; /* the CPU of our turn */
static double moment; /* se.exec_start of our turn, in ms */

/* se.exec_start, the first line with a colon that has a number. */
static double
sample_turn_exec_start(pid_t pid, pid_t tid)
{
	static const char name[] = "se.exec_start";
	char text[512], *at;

	if (sample_peek_file(pid, tid, "sched", text, sizeof(text)) == 0)
		return -1;
	at = strstr(text, name);
	at = at != NULL ? strchr(at, ':') : NULL;
	return at != NULL ? strtod(at + 1, NULL) : -1;
}

bool
sample_turn_known(void)
{
	static int known;

	if (known == 0)
		known = sample_turn_exec_start(getpid(), getpid()) > 0 ? 1 : -1;
	return known > 0;
}

void
sample_turn_aim(int cpu)
{
	if (cpu >= 0 && cpu < CPU_SETSIZE && drand48() * ++seen < 1)
		aimed = cpu;
}

/*
 * Without the right to go first: a wish for short turns, for which the scheduler of Linux 6.12 interrupts longer ones.
 * Source: include/uapi/linux/sched/types.h, struct sched_attr of version 0.
 */
static void
sample_turn_short(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} wish = {.size = sizeof(wish), .nice = getpriority(PRIO_PROCESS, 0), .runtime = 100000};

	syscall(SYS_sched_setattr, 0, &wish, 0);
}

void
sample_turn_first(bool on)
{
	static bool denied;
	const struct sched_param first = {.sched_priority = on ? 1 : 0};

	if (denied)
		return;
	denied = sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &first) != 0;
	if (denied)
		sample_turn_short();
}

void
sample_turn_prepare(void)
{
	static int next;
	cpu_set_t one;

	if (allowed_count == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		allowed_count = CPU_COUNT(&allowed);
	if (allowed_count == 0 || !sample_turn_known())
		return;
	if (aimed < 0 || !CPU_ISSET(aimed, &allowed)) {
		do
			next = (next + 1) % CPU_SETSIZE;
		while (!CPU_ISSET(next, &allowed));
		aimed = next;
	}
	CPU_ZERO(&one);
	CPU_SET(aimed, &one);
	sched_setaffinity(0, sizeof(one), &one);
	sample_turn_first(true);
	aimed = -1;
	seen = 0;
}

void
sample_turn_begin(uint64_t now_ns)
{
	began = now_ns;
	ours = sched_getcpu();
	moment = sample_turn_known() ? sample_turn_exec_start(getpid(), getpid()) : -1;
}

void
sample_turn_end(void)
{
	if (allowed_count == 0 || !sample_turn_known())
		return;
	sample_turn_first(false);
	sched_setaffinity(0, sizeof(allowed), &allowed);
}

uint64_t
sample_turn_since(void)
{
	return began;
}

bool
sample_turn_took(pid_t pid, pid_t tid, int cpu)
{
	return cpu == ours && moment > 0 && sample_turn_exec_start(pid, tid) == moment;
}
