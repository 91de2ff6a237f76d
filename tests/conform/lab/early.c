// SPDX-License-Identifier: BSD-2-Clause
// A preload whose constructor looks names up before most others are ready.
#include "agent.h"

extern int early_value;
int early_found(void);

int early_value = 41;
static int found;

int
early_found(void)
{
	return found;
}

__attribute__((constructor)) static void
look_early(void)
{
	void *self = dlopen(NULL, RTLD_NOW);
	int i;

	for (i = 0; i < 64; i++) {
		found += dlsym(RTLD_DEFAULT, "early_value") == (void *)&early_value;
		found += dlsym(RTLD_NEXT, "early_value") == NULL;
		found += dlerror() != NULL;
		found += dlsym(self, "no_such_name_early") == NULL;
		found += dlvsym(self, "strlen", "no such version") == NULL;
	}
	found += 1000 * dlclose(self);
}
