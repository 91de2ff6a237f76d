// SPDX-License-Identifier: BSD-2-Clause
// Walks of dl_iterate_phdr that read all they are told of, beside threads that load, unload and throw.
#include "stress.h"
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALKERS 3
#define LOADERS 2

static atomic_ulong wrong, walks, loads, handled;
static atomic_int stop;
static int free_running; /* --free: callbacks may meet */

/* What callbacks rely on libc's lock for: a counter without a lock, and nobody else inside. */
static volatile unsigned long kept;
static atomic_ulong made;
static int storming; /* --signals */
static atomic_int inside;
static __thread int handling;

static void
read_byte(const void *p)
{
	(void)*(const volatile char *)p;
}

static void
read_segments(const struct dl_phdr_info *info)
{
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + p->p_vaddr);

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_R) || p->p_memsz == 0)
			continue;
		read_byte(at);
		read_byte(at + p->p_memsz / 2);
		read_byte(at + p->p_memsz - 1);
		/* One that holds nothing of the file says 0, too. */
		if (p->p_offset == 0 && p->p_filesz != 0 && memcmp(at, ELFMAG, SELFMAG) != 0)
			stress_wrong(&wrong, "%s has no ELF header", info->dlpi_name);
	}
}

struct walk {
	unsigned long count;
	unsigned long long adds, loaded;
};

static int
look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;

	(void)size;
	/* A handler's walk is inside its own thread's: it is alone already, and may not count. */
	if (!handling) {
		unsigned long before;

		if (!free_running && atomic_fetch_add(&inside, 1) != 0)
			stress_wrong(&wrong, "%s", "two callbacks at once");
		before = kept;
		/* Free ones must meet, on one processor, too. */
		if (free_running && before % 64 == 0)
			sched_yield();
		kept = before + 1;
		atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
	}
	if (w->count++ == 0) {
		w->adds = info->dlpi_adds;
		w->loaded = info->dlpi_adds - info->dlpi_subs;
	} else if (info->dlpi_adds != w->adds || info->dlpi_adds - info->dlpi_subs != w->loaded) {
		stress_wrong(&wrong, "%s", "the numbers changed within a walk");
	}
	if (strlen(info->dlpi_name) > STRESS_PATH)
		stress_wrong(&wrong, "%s", "a name too long");
	read_segments(info);
	if (info->dlpi_tls_data)
		read_byte(info->dlpi_tls_data);
	if (!handling)
		atomic_fetch_sub(&inside, !free_running);
	return 0;
}

static void
walk(void)
{
	struct walk w = {0};

	if (dl_iterate_phdr(look, &w) != 0)
		stress_wrong(&wrong, "%s", "another result");
	/* A walk that met an unload half-way ends with the new list under the old numbers (ADR 0016). */
	if (w.count > w.loaded + 8 || w.count + 8 < w.loaded)
		stress_wrong(&wrong, "%lu objects, the numbers say %llu", w.count, w.loaded);
}

static void
on_signal(int number)
{
	(void)number;
	handling++;
	walk();
	handling--;
	atomic_fetch_add(&handled, 1);
}

static void *
walker(void *unused)
{
	while (!atomic_load(&stop)) {
		walk();
		atomic_fetch_add_explicit(&walks, 1, memory_order_relaxed);
	}
	return unused;
}

/* Its own list must have what it has just opened, and no longer what it has just closed. */
static int
find(struct dl_phdr_info *info, size_t size, void *name)
{
	(void)size;
	return strcmp(info->dlpi_name, name) == 0;
}

static void *
loader(void *arg)
{
	unsigned int turn = (unsigned int)(size_t)arg * 7;
	char path[STRESS_PATH];

	while (!atomic_load(&stop)) {
		void *handle;

		if (turn % 8 == 0)
			snprintf(path, STRESS_PATH, "%s/kinds.so", SF_LAB);
		else
			/* Loaders never share an object, so that each dlclose unloads. */
			snprintf(path, STRESS_PATH, "%s/churn%d.so", SF_LAB,
				 10 + (int)(turn % 16) + 16 * (int)(size_t)arg);
		turn++;
		handle = dlopen(path, RTLD_NOW);
		if (!handle || !dl_iterate_phdr(find, path))
			stress_wrong(&wrong, "%s was opened and is not listed", path);
		if (dlclose(handle) || (strstr(path, "churn") && dl_iterate_phdr(find, path)))
			stress_wrong(&wrong, "%s was closed and is listed", path);
		atomic_fetch_add_explicit(&loads, 1, memory_order_relaxed);
	}
	return NULL;
}

static int
enough(void)
{
	return walks && loads && (!storming || handled >= 100) && (!free_running || kept != made);
}

/* The signals go to walkers only: a handler of libc's that walks within dlclose is asking for it. */
static void
signals(pthread_t *threads)
{
	while (stress_goes_on(enough())) {
		if (storming)
			pthread_kill(threads[0], SIGUSR1);
		usleep(300);
	}
}

int
main(int argc, char **argv)
{
	pthread_t threads[WALKERS + LOADERS];
	size_t i;

	stress_begin(argc, argv, 3);
	free_running = stress_has(argc, argv, "--free");
	storming = stress_has(argc, argv, "--signals");
	signal(SIGUSR1, on_signal);
	for (i = 0; i < WALKERS + LOADERS; i++)
		pthread_create(&threads[i], NULL, i < WALKERS ? walker : loader,
			       (void *)(i < WALKERS ? 0 : i - WALKERS));
	signals(threads);
	atomic_store(&stop, 1);
	for (i = 0; i < WALKERS + LOADERS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr, "%lu walks, %lu loads, %lu in handlers, %lu of %lu updates kept\n", walks,
		loads, handled, kept, made);
	if (!walks || !loads || (storming && handled < 100))
		stress_wrong(&wrong, "%s", "no storm");
	if (!free_running && kept != made)
		stress_wrong(&wrong, "%lu updates of callbacks were lost", made - kept);
	if (free_running && kept == made)
		stress_wrong(&wrong, "%s", "no update was lost: not free at all");
	return stress_end(wrong);
}
