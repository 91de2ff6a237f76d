// SPDX-License-Identifier: BSD-2-Clause
// A sampler's handler unwinds a thread that holds the allocator's lock, while another one unloads.
//
// libc's unload frees memory under the lock that dl_iterate_phdr takes. The sampled thread has the
// allocator's lock, the unloading thread has libc's and waits for the allocator's, the handler waits for
// libc's: stuck for ever. Profilers on nongnu libunwind meet this by chance; here both threads are led
// to it. The allocator is the program's own, as jemalloc or tcmalloc would be.
#include "stress.h"
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#define HEAP     (64u << 20)
#define PATIENCE 3 /* seconds until the sample counts as stuck; --patience where it must not be */

static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;
static char *heap;
static size_t heap_used;
static pthread_t unloader;
static atomic_int watching;
static sem_t locked, waiting, done;
static int frames[2];

/* ---- the allocator: never reuses anything, but locks as others do ---- */

static void
lock_heap(void)
{
	if (pthread_mutex_trylock(&heap_lock) == 0)
		return;
	if (atomic_load(&watching) && pthread_equal(pthread_self(), unloader))
		sem_post(&waiting);
	pthread_mutex_lock(&heap_lock);
}

void *
aligned_alloc(size_t align, size_t size)
{
	char *p;

	lock_heap();
	if (!heap)
		heap = mmap(NULL, HEAP, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	heap_used = (heap_used + sizeof(size) + align - 1) & ~(align - 1);
	p = heap_used + size <= HEAP ? heap + heap_used : NULL;
	if (p) {
		memcpy(p - sizeof(size), &size, sizeof(size));
		heap_used += size;
	}
	pthread_mutex_unlock(&heap_lock);
	return p;
}

void *
malloc(size_t size)
{
	return aligned_alloc(16, size);
}

void *
calloc(size_t n, size_t size)
{
	return aligned_alloc(16, n * size); /* fresh from the kernel: zero */
}

void *
realloc(void *old, size_t size)
{
	char *p = aligned_alloc(16, size);
	size_t before = 0;

	if (old)
		memcpy(&before, (char *)old - sizeof(before), sizeof(before));
	if (p && old)
		memcpy(p, old, before < size ? before : size);
	return p;
}

void
free(void *p)
{
	if (!p)
		return;
	lock_heap();
	pthread_mutex_unlock(&heap_lock);
}

/* ---- the sampler ---- */

static int
count_frames(void)
{
	unw_context_t context;
	unw_cursor_t cursor;
	int n = 0;

	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	while (n < 64 && unw_step(&cursor) > 0)
		n++;
	return n;
}

static void
on_sample(int number)
{
	(void)number;
	frames[1] = count_frames();
	sem_post(&done);
}

static void *
sampled(void *unused)
{
	frames[0] = count_frames(); /* whatever libunwind allocates is allocated now */
	unw_flush_cache(unw_local_addr_space, 0, 0);
	pthread_mutex_lock(&heap_lock);
	sem_post(&locked);
	sem_wait(&waiting);
	usleep(10000); /* the other one sleeps in its free by now */
	raise(SIGPROF);
	pthread_mutex_unlock(&heap_lock);
	return unused;
}

static void *
unloads(void *handle)
{
	unloader = pthread_self();
	sem_wait(&locked);
	atomic_store(&watching, 1);
	dlclose(handle);
	return NULL;
}

/* printf would allocate. */
static void
say(const char *line)
{
	if (write(1, line, strlen(line)) < 0)
		_exit(1);
}

int
main(int argc, char **argv)
{
	char path[STRESS_PATH];
	pthread_t threads[2];
	struct timespec late;
	int stuck;

	snprintf(path, sizeof(path), "%s/alpha.so", SF_LAB);
	signal(SIGPROF, on_sample);
	unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
	sem_init(&locked, 0, 0);
	sem_init(&waiting, 0, 0);
	sem_init(&done, 0, 0);
	pthread_create(&threads[0], NULL, unloads, dlopen(path, RTLD_NOW));
	pthread_create(&threads[1], NULL, sampled, NULL);
	clock_gettime(CLOCK_REALTIME, &late);
	late.tv_sec += stress_number(argc, argv, "--patience", PATIENCE);
	stuck = sem_timedwait(&done, &late) != 0;
	say(stuck ? "sample beside an unload: stuck\n" : "sample beside an unload: free\n");
	if (stuck)
		_exit(0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	dprintf(2, "%d frames, %d in the handler\n", frames[0], frames[1]);
	return frames[0] < 2 || frames[1] <= frames[0];
}
