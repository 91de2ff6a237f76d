// SPDX-License-Identifier: BSD-2-Clause
// What SYMFAST_PHDR=free breaks: a callback that keeps a cache and relies on libc's lock for it.
//
// The cache is of the kind that LLVM's libunwind has when it is built with its frame header cache
// (LIBUNWIND_USE_FRAME_HEADER_CACHE), and libgcc had before gcc 13 on older libcs: a static list of the
// objects found last, the latest first, started anew when dlpi_adds or dlpi_subs have moved. In mode
// free two threads turn the list at once; here the turn takes a moment longer than theirs, so that
// seconds show what would take them days. Broken: an entry is lost or found twice.
//
// phdr_cache [--broken]    goes on until it is
#include "stress.h"
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTRIES 4
#define THREADS 3

struct entry {
	ElfW(Addr) base;
	struct entry *next;
};

static struct entry entries[ENTRIES], *latest;
static unsigned long long last_adds, last_subs;
static atomic_ulong broken, walks;
static int wants_broken;

static void
start_anew(const struct dl_phdr_info *info)
{
	int i;

	for (i = 0; i < ENTRIES; i++) {
		entries[i].base = 0;
		entries[i].next = i + 1 < ENTRIES ? &entries[i + 1] : NULL;
	}
	latest = &entries[0];
	last_adds = info->dlpi_adds;
	last_subs = info->dlpi_subs;
}

/* The entry of this object, or the last of the list for it, moves to the front. */
static void
use(ElfW(Addr) base)
{
	struct entry *before = NULL, *e = latest;
	int steps = 0;

	while (e && e->base != base && e->next && steps++ < ENTRIES) {
		before = e;
		e = e->next;
	}
	if (!e)
		return;
	e->base = base;
	if (!before)
		return;
	before->next = e->next;
	sched_yield();
	e->next = latest;
	latest = e;
}

static void
check(void)
{
	const struct entry *e;
	int length = 0;

	for (e = latest; e && length <= ENTRIES; e = e->next)
		length++;
	if (length != ENTRIES)
		atomic_fetch_add(&broken, 1);
}

static int
look(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	if (!latest || info->dlpi_adds != last_adds || info->dlpi_subs != last_subs)
		start_anew(info);
	use(info->dlpi_addr);
	check();
	return --*(int *)arg == 0;
}

static void *
walker(void *unused)
{
	int turn = 0;

	while (stress_goes_on(!wants_broken || broken)) {
		int objects = 1 + turn++ % ENTRIES;

		dl_iterate_phdr(look, &objects);
		atomic_fetch_add_explicit(&walks, 1, memory_order_relaxed);
	}
	return unused;
}

int
main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int i;

	stress_begin(argc, argv, 1);
	wants_broken = stress_has(argc, argv, "--broken");
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, walker, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr, "%lu walks\n", walks);
	printf("cache: %s\n", broken ? "broken" : "whole");
	return walks == 0;
}
