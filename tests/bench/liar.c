// SPDX-License-Identifier: BSD-2-Clause
// A preload that lies now and then: the bench must call a run with it a failure, however fast.
#include <dlfcn.h>

void *
dlsym(void *handle, const char *name)
{
	static void *(*real)(void *, const char *);
	static unsigned calls;

	if (!real)
		real = dlvsym(RTLD_NEXT, "dlsym", LIAR_VERSION);
	return ++calls % 5000 == 0 ? (void *)&calls : real(handle, name);
}
