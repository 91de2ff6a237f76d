// SPDX-License-Identifier: BSD-2-Clause
// sample_cpu.h: the registers of a stopped thread by libunwind's numbers, and what a system call does with them.
#ifndef SF_CLI_SAMPLE_CPU_H
#define SF_CLI_SAMPLE_CPU_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/user.h>

#if defined(__x86_64__)

#define SAMPLE_CPU_REGISTERS 17
#define SAMPLE_CPU_IP        16
#define SAMPLE_CPU_SP        7
#define SAMPLE_CPU_FP        6
typedef struct user_regs_struct sample_cpu_raw;

/* rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, rip: the order of DWARF. */
static inline void
sample_cpu_registers(const sample_cpu_raw *r, uint64_t *to)
{
	const uint64_t values[SAMPLE_CPU_REGISTERS] = {
		r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8,
		r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip};

	memcpy(to, values, sizeof(values));
}

/* The system call that it was stopped in; -1: none. */
static inline long
sample_cpu_call(const sample_cpu_raw *r)
{
	return (long)r->orig_rax;
}

/*
 * Calls that give EINTR at any stop of their thread, where others are begun again by the kernel (signal(7),
 * "Interruption of system calls"). close is none of them: it has closed.
 */
static inline int
sample_cpu_gives_eintr(long call)
{
	static const short calls[] = {SYS_epoll_wait,
				      SYS_epoll_pwait,
				      SYS_semop,
				      SYS_semtimedop,
				      SYS_io_getevents,
				      SYS_read,
				      SYS_write,
				      SYS_recvfrom,
				      SYS_recvmsg,
				      SYS_sendto,
				      SYS_sendmsg,
				      SYS_accept,
				      SYS_accept4,
				      SYS_msgrcv,
				      SYS_msgsnd,
				      SYS_rt_sigtimedwait,
				      441 /* epoll_pwait2 */,
				      333 /* io_pgetevents */};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == call)
			return 1;
	return 0;
}

/*
 * Did our stop end a system call with EINTR? Then where in struct user its result stands, and in *to what
 * makes the kernel begin it again, unless a handler runs first: ERESTARTNOHAND. -1: nothing to mend.
 */
#define SAMPLE_CPU_RESTARTNOHAND 514
static inline long
sample_cpu_mend(const sample_cpu_raw *r, uint64_t *to)
{
	if ((long)r->rax != -EINTR || !sample_cpu_gives_eintr((long)r->orig_rax))
		return -1;
	*to = (uint64_t)-SAMPLE_CPU_RESTARTNOHAND;
	return offsetof(struct user, regs.rax);
}

#elif defined(__aarch64__)

#define SAMPLE_CPU_REGISTERS 33
#define SAMPLE_CPU_IP        32
#define SAMPLE_CPU_SP        31
#define SAMPLE_CPU_FP        29
typedef struct user_regs_struct sample_cpu_raw;

/* x0 to x30, sp, pc. */
static inline void
sample_cpu_registers(const sample_cpu_raw *r, uint64_t *to)
{
	for (int i = 0; i < 31; i++)
		to[i] = r->regs[i];
	to[SAMPLE_CPU_SP] = r->sp;
	to[SAMPLE_CPU_IP] = r->pc;
}

/* Not to be had: x8 keeps it when the call has returned. */
static inline long
sample_cpu_call(const sample_cpu_raw *r)
{
	(void)r;
	return -1;
}

/* What the call was asked is lost when it returns: nothing can be mended. */
static inline long
sample_cpu_mend(const sample_cpu_raw *r, uint64_t *to)
{
	(void)r;
	(void)to;
	return -1;
}

#endif
#endif
