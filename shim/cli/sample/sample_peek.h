// SPDX-License-Identifier: BSD-2-Clause
// sample_peek.h: a sleeping thread is copied without being stopped.
//
// A stop would wake it: epoll_wait and a dozen others then give EINTR. The kernel tells where a thread sleeps
// (/proc/PID/task/TID/syscall); the copy counts if it says the same, with as many turns on a CPU, afterwards.
#ifndef SF_CLI_SAMPLE_PEEK_H
#define SF_CLI_SAMPLE_PEEK_H

#include "sample_shot.h"

/* What was seen of a thread the last time. */
struct sample_peek_seen {
	char where[192], turns[96];
};

enum sample_peek {
	SAMPLE_PEEK_TAKEN,
	SAMPLE_PEEK_SAME,  /* it has not run since the last time */
	SAMPLE_PEEK_MOVED, /* it ran meanwhile, or the kernel does not tell */
	SAMPLE_PEEK_GONE
};

/* The letter of its state; 0: it has ended. *cpu: the one that it is on, or was last; -1: not known. */
char sample_peek_state(pid_t pid, pid_t tid, int *cpu);
/* Copies where it sleeps. */
enum sample_peek sample_peek_take(pid_t pid, pid_t tid, const struct sample_shot_go *go,
				  struct sample_shot *shot, struct sample_peek_seen *seen);
/* A short file of /proc/PID/task/TID; its length, 0 with errno. */
size_t sample_peek_file(pid_t pid, pid_t tid, const char *name, char *to, size_t size);

#endif
