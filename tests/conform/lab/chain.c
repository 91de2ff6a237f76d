// SPDX-License-Identifier: BSD-2-Clause
// An object with a dependency: chain_NAME() calls into it, so that the linker keeps DT_NEEDED.
#include "agent.h"

int AGENT_PASTE(only_, PEER)(void);
int AGENT_PASTE(only_, NAME)(void);
int AGENT_PASTE(chain_, NAME)(void);

int
AGENT_PASTE(only_, NAME)(void)
{
	return V;
}

int
AGENT_PASTE(chain_, NAME)(void)
{
	return V * 10 + AGENT_PASTE(only_, PEER)();
}

AGENT(NAME);
