// SPDX-License-Identifier: BSD-2-Clause
// An object that reports its lifetime to the host: lab_event("NAME", +1 or -1), where the host has one.
#include "agent.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

__attribute__((weak)) void lab_event(const char *object, int step);
int shared_fn(void);
int AGENT_PASTE(only_, NAME)(void);

int
shared_fn(void)
{
	return V;
}

int
AGENT_PASTE(only_, NAME)(void)
{
	return V;
}

__attribute__((constructor)) static void
born(void)
{
	if (lab_event)
		lab_event(TEXT(NAME), 1);
}

__attribute__((destructor)) static void
dies(void)
{
	if (lab_event)
		lab_event(TEXT(NAME), -1);
}

AGENT(NAME);
