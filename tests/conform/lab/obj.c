// SPDX-License-Identifier: BSD-2-Clause
// The plain object of the lab: NAME and V make each copy another one that exports the same names.
#include "agent.h"

int shared_fn(void);
int AGENT_PASTE(only_, NAME)(void);
extern int shared_data;
extern int AGENT_PASTE(data_, NAME);

int shared_data = V;
int AGENT_PASTE(data_, NAME) = V;

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

AGENT(NAME);
