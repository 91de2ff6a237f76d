// SPDX-License-Identifier: BSD-2-Clause
// An object that another one brings along, and that has no search path of its own.
#include <dlfcn.h>
#include "passed.h"

int
passed_needed(void)
{
	return 1;
}

void *
passed_needed_open(const char *name, int mode)
{
	void *volatile got = dlopen(name, mode); /* no tail call: the caller matters */

	return got;
}
