// SPDX-License-Identifier: BSD-2-Clause
// ctl.c: see ctl.h.
#include "ctl.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct symfast_shm_header *
stress_segment(int pid)
{
	char path[64];
	void *map;
	int fd;

	snprintf(path, sizeof(path), SYMFAST_SHM_DIR "/" SYMFAST_SHM_PREFIX "%u.%d", geteuid(),
		 pid);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, SYMFAST_SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED || memcmp(map, SYMFAST_SHM_MAGIC, 8) != 0)
		return NULL;
	return map;
}

volatile struct symfast_shm_control *
stress_control(struct symfast_shm_header *h)
{
	return (volatile struct symfast_shm_control *)(void *)((char *)h + SYMFAST_SHM_CONTROL);
}

uint64_t
stress_counter(const struct symfast_shm_header *h, const char *name)
{
	const struct symfast_shm_group *g = &h->counters;
	const char *base = (const char *)h, *word = base + g->names_offset;
	uint64_t sum = 0;
	uint32_t id = 0;

	for (; id < g->names_count && strcmp(word, name) != 0; id++)
		word += strlen(word) + 1;
	for (uint32_t i = 0; id < g->names_count && i < g->blocks_used; i++)
		sum += ((const volatile uint64_t *)(const void *)(base + g->blocks_offset +
								  i * g->block_stride))[id];
	return sum;
}

void
stress_set(struct symfast_shm_header *h, uint32_t word)
{
	volatile struct symfast_shm_control *c = stress_control(h);

	c->ctl_pid = (uint32_t)getpid();
	symfast_shm_set(c, word, SYMFAST_SHM_BY_CTL);
	c->ctl_count++;
}
