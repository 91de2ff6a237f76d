// SPDX-License-Identifier: BSD-2-Clause
// Children of forks that fall into loads and unloads of other threads walk and read everything.
#include "stress.h"
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS    300
#define LOADERS  2
#define PATIENCE 30 /* seconds until a child counts as stuck; libc's own would be in one of six */

static atomic_ulong wrong, loads;
static atomic_int stop;

static int
look(struct dl_phdr_info *info, size_t size, void *arg)
{
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_R)
			(void)*(volatile char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	++*(int *)arg;
	return 0;
}

static int
walk(void)
{
	int n = 0;

	return dl_iterate_phdr(look, &n) || n < 4;
}

static void *
walks(void *failed)
{
	*(int *)failed = walk();
	return NULL;
}

static int
wait_for(pid_t child)
{
	int status = -1;

	return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

/* In a child nobody else has the turn, and what this thread had before, it still has. */
static int
child_walks(void)
{
	pthread_t thread;
	int failed = 1;

	if (walk() || pthread_create(&thread, NULL, walks, &failed) != 0)
		return 1;
	pthread_join(thread, NULL);
	return failed;
}

static int
fork_inside(struct dl_phdr_info *info, size_t size, void *unused)
{
	pid_t child;

	(void)info;
	(void)size;
	(void)unused;
	child = fork();
	if (child == 0) {
		alarm(PATIENCE);
		_exit(walk()); /* within the walk that the parent began */
	}
	return 1 + wait_for(child);
}

static void *
loader(void *arg)
{
	unsigned int turn = 0;
	char path[STRESS_PATH];

	while (!atomic_load(&stop)) {
		void *handle;

		snprintf(path, STRESS_PATH, "%s/churn%d.so", SF_LAB,
			 10 + (int)(turn++ % 16) + 16 * (int)(size_t)arg);
		handle = dlopen(path, RTLD_NOW);
		if (!handle || dlclose(handle))
			stress_wrong(&wrong, "%s does not open and close", path);
		atomic_fetch_add_explicit(&loads, 1, memory_order_relaxed);
	}
	return NULL;
}

static void
fork_once(int turn)
{
	pid_t child;

	if (turn % 4 == 0) {
		if (dl_iterate_phdr(fork_inside, NULL) != 1)
			stress_wrong(&wrong, "%s", "a child of a callback failed");
		return;
	}
	child = fork();
	if (child == 0) {
		alarm(PATIENCE);
		_exit(child_walks());
	}
	if (wait_for(child))
		stress_wrong(&wrong, "%s", "a child failed, or hung");
}

int
main(void)
{
	pthread_t threads[LOADERS];
	size_t i;

	for (i = 0; i < LOADERS; i++)
		pthread_create(&threads[i], NULL, loader, (void *)i);
	for (i = 0; i < FORKS; i++)
		fork_once((int)i);
	atomic_store(&stop, 1);
	for (i = 0; i < LOADERS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr, "%d forks, %lu loads\n", FORKS, loads);
	return stress_end(wrong);
}
