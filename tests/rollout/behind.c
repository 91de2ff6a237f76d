// SPDX-License-Identifier: BSD-2-Clause
// behind.c: two objects of the start that have the same names; the first asks for the next one's.
#include <dlfcn.h>
#include <stddef.h>

int lie_next(void);
int truth_next(void);

int
lie_next(void)
{
	return 3;
}

int
truth_next(void)
{
	return 4;
}

#ifdef FIRST
void *ask_next(const char *name);

void *
ask_next(const char *name)
{
	void *volatile got = dlsym(RTLD_NEXT, name); /* no tail call: the caller matters */

	return got;
}
#endif
