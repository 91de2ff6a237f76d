// SPDX-License-Identifier: BSD-2-Clause
// writable.h: may this process write there? For the tests of the installers.
#ifndef SF_WRITABLE_H
#define SF_WRITABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static bool
writable(const void *at)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	bool w = false;

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long from, to;
		char rights[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && (uintptr_t)at >= from &&
		    (uintptr_t)at < to)
			w = rights[1] == 'w';
	}
	if (f)
		fclose(f);
	return w;
}

#endif
