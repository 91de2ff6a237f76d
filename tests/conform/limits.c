// SPDX-License-Identifier: BSD-2-Clause
// Rows on what the host may have of memory: the shim's is not to be taken from it.
#include "row.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_KIB 50

static void
look_up(void)
{
	void *alpha = must_open("alpha.so", RTLD_LAZY);

	for (int i = 0; i < 300; i++) {
		dlsym(alpha, "shared_fn");
		dlsym(alpha, "missing_one");
		dlerror();
	}
}

static void
limit_to(unsigned long kib)
{
	const struct rlimit limit = {kib * 1024, kib * 1024};

	setrlimit(RLIMIT_DATA, &limit);
}

/* In tenths of the limit, as libc alone; qemu's user mode obeys no limit on data, and the machine has to live on. */
static void
take_all(const char *who, unsigned long kib)
{
	unsigned long got = 0;
	void **last = NULL, **block;

	while (got < 4 * kib && (block = malloc(STEP_KIB * 1024)) != NULL) {
		*block = last;
		last = block;
		got += STEP_KIB;
	}
	while ((block = last) != NULL) {
		last = *block;
		free(block);
	}
	say("%s, %lu KiB: %lu tenths of it", who, kib, (got * 10 + kib / 2) / kib);
}

static void
set_by_itself(void)
{
	int status;

	limit_to(8000);
	take_all("before", 8000);
	look_up();
	take_all("after", 8000);
	fflush(stdout);
	if (fork() == 0) {
		take_all("child", 8000);
		look_up();
		take_all("child, after", 8000);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	say("child %d", status);
}

void
inner_main(const char *inner)
{
	unsigned long kib = strtoul(inner, NULL, 10);

	look_up();
	take_all("from the start", kib);
}

static void
inherited(void)
{
	limit_to(16000);
	in_process("16000", "SF_X", "1");
	limit_to(8000);
	in_process("8000", "SF_X", "1");
}

const struct row rows[] = {
	{"T04 a limit on data, set by itself", set_by_itself, 0},
	{"T04 a limit on data from the start", inherited, 0},
	{0},
};
