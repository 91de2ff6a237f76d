// SPDX-License-Identifier: BSD-2-Clause
// cpu.h: this process's CPU time, which bears a machine on which others work, too.
#ifndef DEMO_CPU_H
#define DEMO_CPU_H

#include <time.h>

static inline double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

#endif
