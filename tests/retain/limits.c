// SPDX-License-Identifier: BSD-2-Clause
// The host of limits.py: opens and closes what it is told to, and prints what it sees and what the library has counted.
//
// many FOLDER N     each of 0.so .. N-1.so three times; memory at half of them, and at the end
// cycle FILE N      N times: does its constructor run? is it mapped afterwards?
// idle FILE S       the same four times, then S seconds, then another dlopen and dlclose
#include "../../include/symfast.h"
#include "lab/part.h"
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern int symfast_counter(const char *name, uint64_t *value) __attribute__((weak));

static int begun, ended;

void
part_say(const char *format, ...)
{
	(void)format;
}
void
part_begins(const char *who, int argc, char **argv, char **envp)
{
	(void)who, (void)argc, (void)argv, (void)envp;
	begun++;
}
void
part_ends(const char *who)
{
	(void)who;
	ended++;
}
int
part_throws(void)
{
	return 0;
}

static long
resident_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		exit(9);
	fclose(f);
	return pages * 4;
}

/* The process's own mappings: an emulator's are not among them. */
static long
mapped_kib(void)
{
	unsigned long from, to, sum = 0;
	char line[4200];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%lx-%lx", &from, &to) == 2)
			sum += (to - from) / 1024;
	if (f != NULL)
		fclose(f);
	return (long)sum;
}

static void
tell_memory(const char *when)
{
	printf("%s %ld\n%s mapped %ld\n", when, resident_kib(), when, mapped_kib());
}

static int
is_mapped(const char *file)
{
	char line[4200];
	FILE *f = fopen("/proc/self/maps", "r");
	int found = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		found |= strstr(line, file) != NULL;
	if (f != NULL)
		fclose(f);
	return found;
}

static void
tell(const char *name)
{
	uint64_t value = 0;

	if (symfast_counter != NULL)
		symfast_counter(name, &value);
	printf("%s %lu\n", name, (unsigned long)value);
}

static void
cycle(const char *file, int n)
{
	for (int i = 0; i < n; i++) {
		int before = begun;
		void *h = dlopen(file, RTLD_NOW);

		if (h == NULL) {
			printf("%s\n", dlerror());
			exit(8);
		}
		printf("%s ", begun > before ? "began" : "did not begin");
		dlclose(h);
	}
	printf("ended %d\n", ended);
}

static void
many(const char *folder, int n)
{
	char path[4096];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%d.so", folder, i);
		for (int k = 0; k < 3; k++) {
			void *h = dlopen(path, RTLD_NOW);

			if (h == NULL || dlsym(h, "number") == NULL)
				exit(7);
			dlclose(h);
		}
		if (i == n / 2)
			tell_memory("early");
	}
	tell_memory("late");
}

int
main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	if (strcmp(argv[1], "many") == 0)
		many(argv[2], atoi(argv[3]));
	else
		cycle(argv[2], strcmp(argv[1], "idle") == 0 ? 4 : atoi(argv[3]));
	if (strcmp(argv[1], "idle") == 0) {
		printf("before %d\n", is_mapped(argv[2]));
		usleep((useconds_t)(atof(argv[3]) * 1e6));
		dlclose(dlopen(NULL, RTLD_NOW));
		dlclose(dlopen("libc.so.6", RTLD_NOW));
	}
	printf("mapped %d\n", is_mapped(argv[2]));
	tell("retain.open");
	tell("retain.close");
	tell("retain.release");
	return 0;
}
