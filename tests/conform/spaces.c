// SPDX-License-Identifier: BSD-2-Clause
// Contract 57: what lies in other namespaces, whose changes a glibc before 2.35 does not show, is never told from memory
// that is gone, while other threads open and close there; without them everything is answered.
//
// Preloaded only. `spaces serves`: with the table of our own, objects of this namespace are answered to the end. `spaces blind`:
// with libc's own _dl_find_object those that are opened beside another namespace are not; what was known stays known.
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS  400
#define FILES  8
#define FIRST  10 /* churn10.so */
#define EARLY  40
#define LATE   41
#define ASKED  40
#define WARMED 1000

static _Atomic(char *) place; /* of an object in another namespace, that is there or was */
static atomic_int stop, wrong;

static unsigned long
answered(void)
{
	int (*counter)(const char *, uint64_t *) = 0;
	uint64_t hits = 0, more = 0;

	*(void **)&counter = dlsym(RTLD_DEFAULT, "symfast_counter");
	if (counter == NULL || counter("dladdr.hit", &hits) != 0 ||
	    counter("dladdr.index", &more) != 0) {
		puts("the library is not preloaded");
		exit(EXIT_FAILURE);
	}
	return (unsigned long)(hits + more);
}

/* How many of WARMED questions for this address are answered. */
static unsigned long
answers(void *churn_id)
{
	unsigned long before = answered();
	Dl_info info;

	for (int i = 0; i < WARMED; i++)
		if (dladdr(churn_id, &info) == 0 || info.dli_sname == NULL ||
		    strcmp(info.dli_sname, "churn_id") != 0)
			atomic_fetch_add(&wrong, 1);
	return answered() - before;
}

/* It may be gone: what is told does not count, only that it can be asked. */
static void *
asks(void *unused)
{
	Dl_info info;

	while (!atomic_load(&stop)) {
		for (int i = 0; i < 64; i++)
			dladdr(atomic_load(&place) + i, &info);
		if (dladdr((void *)(uintptr_t)qsort, &info) == 0)
			atomic_fetch_add(&wrong, 1);
	}
	return unused;
}

static void
see(const char *what, const char *at, const char *file)
{
	Dl_info info = {.dli_fname = NULL};
	int found = dladdr(at, &info);

	if (file == NULL ? found == 0 : found != 0 && strcmp(info.dli_fname, file) == 0)
		return;
	if (atomic_fetch_add(&wrong, 1) < 10)
		printf("%s: %s, not %s\n", what, found != 0 ? info.dli_fname : "nothing",
		       file != NULL ? file : "nothing");
}

static void *
opened(bool apart, int number)
{
	char file[4096];
	void *h;

	snprintf(file, sizeof(file), SF_LAB "/churn%d.so", number);
	h = apart ? dlmopen(LM_ID_NEWLM, file, RTLD_NOW) : dlopen(file, RTLD_NOW);
	if (h == NULL) {
		puts(dlerror());
		exit(EXIT_FAILURE);
	}
	atomic_store(&place, (char *)dlsym(h, "churn_id"));
	for (int i = 0; i < ASKED; i++)
		see("opened", atomic_load(&place), file);
	return h;
}

static void
open_and_close(int turn)
{
	void *h = opened(turn % 3 != 0, FIRST + turn % FILES);

	dlclose(h);
	see("closed", atomic_load(&place), NULL);
}

int
main(int argc, char **argv)
{
	bool blind = argc > 1 && strcmp(argv[1], "blind") == 0;
	void *early = dlsym(opened(false, EARLY), "churn_id"), *late;
	unsigned long alone = answers(early), after, beside;
	pthread_t other;

	pthread_create(&other, NULL, asks, NULL);
	for (int i = 0; i < TURNS; i++)
		open_and_close(i);
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
	late = dlsym(opened(false, LATE), "churn_id");
	after = answers(early);
	beside = answers(late);
	printf("of %d: %lu answered alone, %lu then; of an object beside a namespace %lu; %d "
	       "wrong\n",
	       WARMED, alone, after, beside, atomic_load(&wrong));
	if (alone < WARMED / 2 || after < WARMED / 2 || atomic_load(&wrong) != 0)
		return EXIT_FAILURE;
	return (blind ? beside == 0 : beside > WARMED / 2) ? EXIT_SUCCESS : EXIT_FAILURE;
}
