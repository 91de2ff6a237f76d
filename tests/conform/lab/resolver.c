// SPDX-License-Identifier: BSD-2-Clause
// An IFUNC whose resolver calls dl* while the process is still being relocated.
#include "agent.h"

int early_resolved(void);

static int
resolved_with(void)
{
	return 42;
}

static int
resolved_without(void)
{
	return 43;
}

typedef int (*choice)(void);

/* No dlerror here: before the thread-local data is set up, libc's own crashes on its locale. */
static choice
choose(void)
{
	int i, found = 0;

	for (i = 0; i < 64; i++) {
		found += dlsym(RTLD_DEFAULT, "strtol") != NULL;
		found -= dlsym(RTLD_NEXT, "no_such_name_resolver") != NULL;
	}
	return found == 64 ? resolved_with : resolved_without;
}

int early_resolved(void) __attribute__((ifunc("choose")));
