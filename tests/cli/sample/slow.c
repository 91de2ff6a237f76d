// SPDX-License-Identifier: BSD-2-Clause
// slow.c: a plugin whose constructor takes its time, with the loader's lock held.
#include <unistd.h>

int slow_constructed;

__attribute__((constructor)) static void
slow_constructor(void)
{
	usleep(20000);
	slow_constructed++;
}
