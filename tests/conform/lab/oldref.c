// SPDX-License-Identifier: BSD-2-Clause
// References to the dl* names under their versions from before glibc 2.34, as old binaries carry
// them.
#include "agent.h"

void *old_dlsym(void *handle, const char *name);
void *old_dlopen(const char *file, int mode);
int old_dlclose(void *handle);
char *old_dlerror(void);
extern const struct agent agent_oldref;

#ifdef __x86_64__
#define OLD "GLIBC_2.2.5"
#else
#define OLD "GLIBC_2.17"
#endif
__asm__(".symver old_dlsym, dlsym@" OLD);
__asm__(".symver old_dlopen, dlopen@" OLD);
__asm__(".symver old_dlclose, dlclose@" OLD);
__asm__(".symver old_dlerror, dlerror@" OLD);

static void *
sym_(void *h, const char *n)
{
	return old_dlsym(h, n);
}

static void *
open_(const char *f, int m)
{
	return old_dlopen(f, m);
}

static int
close_(void *h)
{
	return old_dlclose(h);
}

static char *
error_(void)
{
	return old_dlerror();
}

const struct agent agent_oldref = {sym_, NULL, open_, close_, error_};
