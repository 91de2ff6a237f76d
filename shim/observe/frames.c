// SPDX-License-Identifier: BSD-2-Clause
// frames.c: see frames.h.
#include "frames.h"

#include "../base/sys.h"
#include "../image/unwind.h"
#include "../libc/next.h"
#include <errno.h>
#include <sys/uio.h>
#include <ucontext.h>

struct frame {
	uintptr_t pc, reg[SF_UNWIND_REGISTERS];
	bool exact; /* pc is where execution stands, not where it will come back to */
};

/* False: it cannot be read. qemu-user has no such call, nor stacks that somebody else unmaps. */
static bool
frames_read(uintptr_t from, void *to, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)from, size};
	long pid, got;

	if (sf_sys_confined)
		return false;
	pid = sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
	got = sf_syscall6(SYS_process_vm_readv, pid, (long)&local, 1, (long)&remote, 1, 0);
	if (got != -ENOSYS || !sf_sys_is_mapped((const void *)from))
		return got == (long)size;
	__builtin_memcpy(to, (const void *)from, size);
	return true;
}

static bool
frames_load(const struct sf_unwind *u, const struct frame *old, uintptr_t cfa, int reg,
	    uintptr_t *to)
{
	uintptr_t base = u->reg[reg].saved == SF_SAVED_AT_CFA ? cfa : old->reg[u->reg[reg].base];

	return frames_read(base + (uintptr_t)(intptr_t)u->reg[reg].offset, to, sizeof(*to));
}

static bool
frames_is_in_memory(const struct sf_unwind *u, int reg)
{
	return u->reg[reg].saved == SF_SAVED_AT_CFA || u->reg[reg].saved == SF_SAVED_AT_BASE;
}

#ifdef __x86_64__
static bool
frames_return(const struct sf_unwind *u, const struct frame *old, uintptr_t cfa, struct frame *f)
{
	return frames_is_in_memory(u, SF_UNWIND_RA) &&
	       frames_load(u, old, cfa, SF_UNWIND_RA, &f->pc);
}

/* A signal's frame has rules of its own, in libc. */
static bool
frames_step_signal(struct frame *f)
{
	(void)f;
	return false;
}
#else
/* Without the bits of pointer authentication; an address that has none stays as it is. Older CPUs: a nop. */
static uintptr_t
frames_strip(uintptr_t address)
{
	register uintptr_t x30 __asm__("x30") = address;

	__asm__("hint #7" /* xpaclri */ : "+r"(x30));
	return x30;
}

/* x30 has been loaded, or is still the caller's where nothing was called yet. */
static bool
frames_return(const struct sf_unwind *u, const struct frame *old, uintptr_t cfa, struct frame *f)
{
	bool kept = u->reg[SF_UNWIND_RA].saved == SF_SAVED_SAME && old->exact;

	(void)cfa;
	if (!kept && !frames_is_in_memory(u, SF_UNWIND_RA))
		return false;
	f->reg[SF_UNWIND_RA] = frames_strip(f->reg[SF_UNWIND_RA]);
	f->pc = f->reg[SF_UNWIND_RA];
	return true;
}

/* What the kernel leaves below a handler: siginfo, and the ucontext with all registers. */
struct frames_signal {
	char info[128];
	ucontext_t context;
};
#define MOV_X8_SIGRETURN 0xd2801168u
#define SVC_0            0xd4000001u

/* The kernel's code after a handler has no rules (vDSO, Linux 5.8 and newer), so it is known by its two instructions. */
static bool
frames_step_signal(struct frame *f)
{
	uintptr_t at = f->reg[SF_UNWIND_SP] + offsetof(struct frames_signal, context.uc_mcontext);
	mcontext_t saved;
	uint32_t code[2];

	if (!frames_read(f->pc, code, sizeof(code)) || code[0] != MOV_X8_SIGRETURN ||
	    code[1] != SVC_0 || !frames_read(at, &saved, offsetof(mcontext_t, pstate)))
		return false;
	for (int i = 0; i < SF_UNWIND_SP; i++)
		f->reg[i] = saved.regs[i];
	f->reg[SF_UNWIND_SP] = saved.sp;
	f->pc = saved.pc;
	f->exact = true;
	return true;
}
#endif

static bool
frames_rules(const struct frame *f, struct sf_unwind *u)
{
	uintptr_t at = f->pc - !f->exact;
	struct dl_find_object o;

	return sf_next.find_object((void *)at, &o) == 0 && o.dlfo_eh_frame != NULL &&
	       sf_unwind_rules(o.dlfo_eh_frame, at, u) && u->cfa_register <= SF_UNWIND_LAST;
}

/* The frame's caller. */
static bool
frames_step(struct frame *f)
{
	struct frame old = *f;
	struct sf_unwind u;
	uintptr_t cfa;

	if (!frames_rules(f, &u))
		return frames_step_signal(f);
	cfa = f->reg[u.cfa_register] + (uintptr_t)(intptr_t)u.cfa_offset;
	if (u.cfa_in_memory && !frames_read(cfa, &cfa, sizeof(cfa)))
		return false;
	/* Stacks grow downwards, but for the step from a signal's own stack; a function without a frame has the same. */
	if (!u.signal &&
	    (cfa < f->reg[SF_UNWIND_SP] || (cfa == f->reg[SF_UNWIND_SP] && !old.exact)))
		return false;
	f->reg[SF_UNWIND_SP] = cfa;
	for (int i = 0; i <= SF_UNWIND_LAST; i++)
		if (frames_is_in_memory(&u, i) && !frames_load(&u, &old, cfa, i, &f->reg[i]))
			return false;
	f->exact = u.signal;
	return frames_return(&u, &old, cfa, f) && f->pc != 0;
}

/* The registers that a caller expects back, as they are here. */
#ifdef __x86_64__
#define FRAMES_HERE(f)                                                                             \
	__asm__ volatile("lea 0(%%rip), %0\n\t"                                                    \
			 "mov %%rsp, %1\n\t"                                                       \
			 "mov %%rbp, %2\n\t"                                                       \
			 "mov %%rbx, %3\n\t"                                                       \
			 "mov %%r12, %4\n\t"                                                       \
			 "mov %%r13, %5\n\t"                                                       \
			 "mov %%r14, %6\n\t"                                                       \
			 "mov %%r15, %7"                                                           \
			 : "=&r"((f).pc), "=m"((f).reg[SF_UNWIND_SP]), "=m"((f).reg[6]),           \
			   "=m"((f).reg[3]), "=m"((f).reg[12]), "=m"((f).reg[13]),                 \
			   "=m"((f).reg[14]), "=m"((f).reg[15]))
#else
#define FRAMES_HERE(f)                                                                             \
	__asm__ volatile("adr x16, .\n\t"                                                          \
			 "mov x17, sp\n\t"                                                         \
			 "str x16, [%0]\n\t"                                                       \
			 "stp x19, x20, [%1, #152]\n\t"                                            \
			 "stp x21, x22, [%1, #168]\n\t"                                            \
			 "stp x23, x24, [%1, #184]\n\t"                                            \
			 "stp x25, x26, [%1, #200]\n\t"                                            \
			 "stp x27, x28, [%1, #216]\n\t"                                            \
			 "stp x29, x30, [%1, #232]\n\t"                                            \
			 "str x17, [%1, #248]"                                                     \
			 :                                                                         \
			 : "r"(&(f).pc), "r"((f).reg)                                              \
			 : "x16", "x17", "memory")
#endif

uint32_t
sf_frames_walk(uintptr_t *pc, uint32_t max)
{
	struct frame f = {.exact = true};
	uint32_t n = 0;

	FRAMES_HERE(f);
	while (n < max && frames_step(&f))
		pc[n++] = f.pc;
	return n;
}
