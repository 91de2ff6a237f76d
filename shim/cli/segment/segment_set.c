// SPDX-License-Identifier: BSD-2-Clause
// segment_set.c: gives a process its mode: the one write into a segment.
#include "segment_open.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

const char *
segment_refusal(const struct segment *s)
{
	if (s->liveness == SEGMENT_ENDED)
		return "has ended";
	if (s->liveness == SEGMENT_REPLACED)
		return "runs another program by now";
	if (s->control.phase != SYMFAST_SHM_PHASE_LIVE)
		return "passes everything to libc for good";
	return NULL;
}

static sigjmp_buf cut;

/* The file was cut while it was mapped: an error like any other. */
static void
segment_set_on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(cut, 1);
}

/* A write into the control: one more wish to drain, or else `word` and `reason`. */
static int
segment_set_control(const struct segment *s, bool drain, uint32_t word, uint32_t reason)
{
	const size_t size = SYMFAST_SHM_CONTROL + sizeof(struct symfast_shm_control);
	volatile struct symfast_shm_control *c;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);

	if (map == MAP_FAILED)
		return errno;
	signal(SIGBUS, segment_set_on_bus_error);
	if (sigsetjmp(cut, 1) != 0) {
		munmap(map, size);
		signal(SIGBUS, SIG_DFL);
		return ENXIO;
	}
	c = (void *)(map + SYMFAST_SHM_CONTROL);
	c->ctl_pid = (uint32_t)getpid();
	if (drain)
		c->drain = c->drain + 1;
	else
		symfast_shm_set(c, word, reason);
	c->ctl_count = c->ctl_count + 1;
	munmap(map, size);
	signal(SIGBUS, SIG_DFL);
	return 0;
}

int
segment_set(const struct segment *s, uint32_t word, uint32_t reason)
{
	return segment_set_control(s, false, word, reason);
}

int
segment_drain(const struct segment *s)
{
	return segment_set_control(s, true, 0, 0);
}
