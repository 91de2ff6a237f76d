// SPDX-License-Identifier: BSD-2-Clause
// The common part of the stress programs.
#include "stress.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATE 60 /* seconds that a busy machine is given to bring about what must have happened */

static struct timespec end;

static void
later_by(int seconds)
{
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
}

int
stress_number(int argc, char **argv, const char *option, int otherwise)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return atoi(argv[i + 1]);
	return otherwise;
}

void
stress_begin(int argc, char **argv, int seconds)
{
	later_by(stress_number(argc, argv, "--seconds", seconds));
}

int
stress_has(int argc, char **argv, const char *option)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return 1;
	return 0;
}

static int
over_by(int seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec -= seconds;
	return now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec);
}

int
stress_over(void)
{
	return over_by(0);
}

int
stress_goes_on(int enough)
{
	return !over_by(0) || (!enough && !over_by(LATE));
}

void
stress_wrong(atomic_ulong *counter, const char *format, ...)
{
	va_list args;

	if (atomic_fetch_add(counter, 1) >= 10)
		return;
	va_start(args, format);
	fputs("wrong: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int
stress_end(unsigned long wrong)
{
	printf("wrong answers: %lu\n", wrong);
	return wrong ? 1 : 0;
}

long
stress_resident(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*s %ld", &pages) != 1)
		pages = -1;
	if (file)
		fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
