// SPDX-License-Identifier: BSD-2-Clause
// behind.c: two objects of the start that have the same names; the first asks for the next one's.
#include <dlfcn.h>
#include <stddef.h>

int lie_next(void);
int truth_next(void);

static int
here_lies(void)
{
	return 3;
}

static int
here_is(void)
{
	return 4;
}

int lie_next(void) __attribute__((alias("here_lies")));
int truth_next(void) __attribute__((alias("here_is")));

#ifdef FIRST
void *ask_next(const char *name);

void *
ask_next(const char *name)
{
	void *volatile got = dlsym(RTLD_NEXT, name); /* no tail call: the caller matters */

	return got;
}
#else
void *own_next(const char *name);

void *
own_next(const char *name)
{
	return name[0] == 'l' ? (void *)here_lies : (void *)here_is;
}
#endif
