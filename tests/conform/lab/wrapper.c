// SPDX-License-Identifier: BSD-2-Clause
// Wraps functions of libc the plain way: it asks for the next one at each call. NAME tells the copies apart.
#include "agent.h"
#include <unistd.h>

int shared_fn(void);
long AGENT_PASTE(calls_, NAME)(void);
void *AGENT_PASTE(tail_, NAME)(const char *name);
extern int shared_data;

int shared_data = V;
static long calls;

int
shared_fn(void)
{
	int (*next)(void) = (int (*)(void))dlsym(RTLD_NEXT, "shared_fn");

	calls++;
	return next ? 1000 * V + next() : V;
}

#ifdef WRAPS_MALLOC
static volatile int busy;

/*
 * Its lock is not recursive: who calls malloc from within dlsym would wait for ever. libc does if nothing is found,
 * so this one goes with nobody who asks for that.
 */
void *
malloc(size_t size)
{
	void *(*next)(size_t);

	if (busy)
		_exit(97);
	busy = 1;
	next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	busy = 0;
	calls++;
	return next(size);
}
#endif

pid_t
getppid(void)
{
	pid_t (*next)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "getppid");

	calls++;
	return next();
}

long
AGENT_PASTE(calls_, NAME)(void)
{
	return calls;
}

/* A jump: who called this is who asks. */
__attribute__((optimize("O2,optimize-sibling-calls"))) void *
AGENT_PASTE(tail_, NAME)(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

AGENT(NAME);
