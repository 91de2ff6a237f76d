// SPDX-License-Identifier: BSD-2-Clause
// compared.c: a plugin whose memory is another one after each load, as a program may have it: addresses of the heap and the stack, a
// count, every second cycle, a time. With TELLS its constructor also notes whether it was really loaded, which is what retaining hides.
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int compared_value(void);

void *compared_heap, *compared_stack, *compared_own = &compared_own;
long compared_count, compared_odd, compared_third, compared_environ;
struct timespec compared_time;
static long fixed[512] = {1, 2, 3};
static unsigned long long loads;

static int
count_loads(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	loads = info->dlpi_adds;
	return 1;
}

static unsigned long long
remember(const char *name, unsigned long long now)
{
	const char *text = getenv(name);
	unsigned long long was = text != NULL ? strtoull(text, NULL, 10) : 0;
	char next[32];

	snprintf(next, sizeof(next), "%llu", now);
	setenv(name, next, 1);
	return was;
}

__attribute__((constructor)) static void
begin(void)
{
	compared_heap = malloc(100);
	compared_stack = &compared_heap;
	compared_count = (long)remember("COMPARED_COUNT", 0) + 1;
	remember("COMPARED_COUNT", (unsigned long long)compared_count);
	compared_odd = compared_count & 1;
	compared_third = compared_count % 3 == 0;
	compared_environ = getenv("COMPARED_COUNT") != NULL;
	clock_gettime(CLOCK_MONOTONIC, &compared_time);
	fixed[3] = 4;
#ifdef TELLS
	dl_iterate_phdr(count_loads, NULL);
	fixed[400] = remember("COMPARED_LOADS", loads) != loads;
#else
	(void)count_loads;
#endif
}

__attribute__((destructor)) static void
end(void)
{
	free(compared_heap);
}

int
compared_value(void)
{
	return (int)(fixed[0] + fixed[3] + (long)loads);
}
