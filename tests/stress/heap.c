// SPDX-License-Identifier: BSD-2-Clause
// Names in heap blocks that end with the NUL: for memcheck, which sees each byte read past one.
#include "stress.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	"cbrt",     "acosh",        "expm1",
	"lgamma_r", "no_such_name", "a_name_that_is_longer_than_two_blocks_of_sixteen"};
#define COUNT (sizeof(names) / sizeof(names[0]))

int
main(void)
{
	void *libm = dlopen("libm.so.6", RTLD_LAZY), *want[COUNT];
	atomic_ulong wrong = 0;

	for (size_t k = 0; k < COUNT; k++)
		want[k] = dlsym(libm, names[k]);
	for (int i = 0; i < 400; i++) {
		for (size_t k = 0; k < COUNT; k++) {
			char *name = strdup(names[k]);

			if (dlsym(libm, name) != want[k])
				stress_wrong(&wrong, "%s", name);
			free(name);
		}
	}
	return wrong != 0;
}
