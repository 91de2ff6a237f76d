// SPDX-License-Identifier: BSD-2-Clause
// Contract 58: an error that the shim has given stays its thread's own while another thread gets libc's own functions.
//
// Preloaded only.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "nowhere_at_all"

static void *
gets_libcs_own(void *unused)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW), *libdl = dlopen("libdl.so.2", RTLD_NOW);

	if (libc == NULL || (dlsym(libc, "dlsym") == NULL && dlsym(libdl, "dlsym") == NULL))
		puts("libc's own dlsym was not found");
	return unused;
}

int
main(void)
{
	const char *said;
	pthread_t beside;

	for (int i = 0; i < 100; i++) {
		if (dlsym(RTLD_DEFAULT, NAME) != NULL)
			return EXIT_FAILURE;
		if (i == 50) {
			if (pthread_create(&beside, NULL, gets_libcs_own, NULL) != 0)
				return EXIT_FAILURE;
			pthread_join(beside, NULL);
		}
		said = dlerror();
		if (said == NULL || strstr(said, NAME) == NULL || dlerror() != NULL) {
			printf("error %d is lost\n", i);
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}
