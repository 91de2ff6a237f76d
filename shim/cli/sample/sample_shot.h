// SPDX-License-Identifier: BSD-2-Clause
// sample_shot.h: what is copied of one thread at one moment: registers, the top of its stack, its system call.
//
// A thread that runs is stopped for it by ptrace, and let go before anything else is done. A thread that
// sleeps is not touched: the kernel shows where it sleeps, and its stack does not change while it does.
#ifndef SF_CLI_SAMPLE_SHOT_H
#define SF_CLI_SAMPLE_SHOT_H

#include "../../base/attr.h"
#include "sample_cpu.h"
#include <sys/types.h>

#define SAMPLE_SHOT_STACK (32u << 10) /* bytes of stack that are copied at most */
#define SAMPLE_SHOT_OTHER (4u << 10)  /* and of the goroutine's stack below C code */

struct sample_shot {
	uint64_t regs[SAMPLE_CPU_REGISTERS];
	bool whole; /* all of them; else the stack and instruction pointers alone */
	long call;  /* the system call that it sleeps in; -1: none, or not known */
	uint64_t arguments[6];
	uint64_t stack_at, other_at;
	size_t stack_len, other_len;
	unsigned char stack[SAMPLE_SHOT_STACK], other[SAMPLE_SHOT_OTHER];
};

/* Where C code that Go has called returns to; see sample_shot_goroutine. */
struct sample_shot_go {
	uint64_t back; /* in runtime.asmcgocall, after the call; 0: no such process */
	uint64_t
		g_slot; /* from the stack pointer there: the goroutine; the word below: its stack's depth */
};

/* Eight aligned bytes at an address, from the copies alone. */
bool sample_shot_word(const struct sample_shot *s, uint64_t at, uint64_t *word);

/* Copies the stack from the stack pointer on; and the goroutine's, if C code runs on behalf of one. */
void sample_shot_copy(struct sample_shot *s, pid_t pid, const struct sample_shot_go *go);
/* As many bytes as can be read from there, at most `len`. */
size_t sample_shot_read(pid_t pid, uint64_t at, void *to, size_t len);

#endif
