// SPDX-License-Identifier: BSD-2-Clause
// touched.c: a plugin that is used between load and unload. It calls libc through a lazily bound slot, which is no state; its constructor
// fills a variable, which is as after each load. With STATE its use changes a variable that has a name and one that has none.
#include <unistd.h>

void touch(void);

int touched_times = 7;
long touched_filled;
long touched_seen[8];
static long hidden[8];

__attribute__((constructor)) static void
fill(void)
{
	touched_filled = 5;
}

void
touch(void)
{
	touched_filled = getppid() > 0 ? 5 : 6;
#ifdef STATE
	touched_times++;
	hidden[touched_times & 3]++;
#endif
}

/* After the comparison, which is about what a dlclose finds. */
__attribute__((destructor)) static void
empty(void)
{
	touched_filled = hidden[3] + touched_seen[0];
}
