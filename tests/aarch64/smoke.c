// SPDX-License-Identifier: BSD-2-Clause
// smoke.c: a program under the preloaded library on another CPU: every kind of look-up, checked.
//
// Prints the same with and without the shim; smoke compares the two runs.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
fail(void *handle, const char *name)
{
	char text[256];
	const char *error;

	errno = 77;
	if (dlsym(handle, name) != NULL)
		puts("found what is not there");
	error = dlerror();
	snprintf(text, sizeof(text), "%s, errno %d", error != NULL ? error : "no error", errno);
	printf("%s, then %s\n", text, dlerror() == NULL ? "nothing" : "an error");
}

int
main(void)
{
	static const char *const names[] = {"strtod", "qsort", "getenv", "memcpy", "stdout"};
	void *libm = dlopen("libm.so.6", RTLD_NOW), *again;
	double (*cosine)(double);
	unsigned int right = 0;

	if (libm == NULL)
		return EXIT_FAILURE;
	for (int i = 0; i < 1000; i++) {
		void *libc = dlopen("libc.so.6", RTLD_NOW);

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			right += dlsym(libc, names[k]) == dlsym(RTLD_DEFAULT, names[k]);
		right += dlsym(libm, "cos") == dlvsym(libm, "cos", "GLIBC_2.17");
		right += dlsym(RTLD_NEXT, "qsort") == (void *)qsort;
		right += dlclose(libc) == 0;
	}
	printf("%u right\n", right);
	cosine = (double (*)(double))dlsym(libm, "cos");
	printf("cos 0 is %.1f\n", cosine(0));
	for (int i = 0; i < 4; i++) {
		fail(libm, "no_such_symbol");
		fail(RTLD_DEFAULT, "no_such_symbol");
		fail(dlopen(NULL, RTLD_NOW), "nothing_either");
	}
	again = dlopen("libm.so.6", RTLD_NOW);
	printf("%s, %d %d", again == libm ? "same" : "other", dlclose(again), dlclose(libm));
	printf(" %s\n", dlopen("/no/such/file.so", RTLD_NOW) == NULL ? dlerror() : "opened");
	return EXIT_SUCCESS;
}
