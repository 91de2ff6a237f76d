// SPDX-License-Identifier: BSD-2-Clause
// A plugin that registers functions with libc: for the process's end, for its own unload, and for fork.
#include "part.h"
#include <pthread.h>
#include <stdlib.h>

static int times;

static void
at_exit(void)
{
	part_say("registers: atexit %d", times);
}

static void
before_fork(void)
{
	part_say("registers: before fork %d", times);
}

static void
in_child(void)
{
	part_say("registers: in child %d", times);
}

#ifdef ON_EXIT
static void
on_exit_of(int status, void *arg)
{
	(void)arg;
	part_say("registers: on_exit %d, %d", status, times);
}
#endif

__attribute__((constructor)) static void
begins(void)
{
	times++;
	part_say("registers begins %d", times);
	atexit(at_exit);
	pthread_atfork(before_fork, NULL, in_child);
#ifdef ON_EXIT
	on_exit(on_exit_of, NULL);
#endif
}

__attribute__((destructor)) static void
ends(void)
{
	part_say("registers ends %d", times);
}

void
registers_more(void)
{
	times += 10;
	atexit(at_exit);
}
