// SPDX-License-Identifier: BSD-2-Clause
// Two versions of one name, one name that exists only under a non-default version, one without any.
#include "agent.h"

int foo_old(void);
int foo_new(void);
int bar_old(void);
int plain(void);

int
foo_old(void)
{
	return 1;
}

int
foo_new(void)
{
	return 2;
}

int
bar_old(void)
{
	return 3;
}

int
plain(void)
{
	return 4;
}

__asm__(".symver foo_old, foo@VER_1");
__asm__(".symver foo_new, foo@@VER_2");
__asm__(".symver bar_old, bar@VER_1");

AGENT(versions);
