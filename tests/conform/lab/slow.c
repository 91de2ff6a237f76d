// SPDX-License-Identifier: BSD-2-Clause
// An object whose constructor opens itself, then takes its time: nobody may get its handle
// meanwhile.
#include "agent.h"
#include <unistd.h>

__attribute__((weak)) const char *lab_path(const char *file);
__attribute__((weak)) void lab_slow_inside(void);
extern volatile int slow_ready;
int slow_fn(void);

volatile int slow_ready;

int
slow_fn(void)
{
	return slow_ready;
}

__attribute__((constructor)) static void
born(void)
{
	int i;

	if (!lab_path)
		return;
	for (i = 0; i < 8; i++)
		dlopen(lab_path("slow.so"), RTLD_LAZY);
	lab_slow_inside();
	usleep(60 * 1000);
	slow_ready = 1;
}
