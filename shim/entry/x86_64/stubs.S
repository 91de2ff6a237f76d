/* SPDX-License-Identifier: BSD-2-Clause */
/* stubs.S: the full wrappers on x86-64.
 *
 * Stack map at the call: 0 third argument, 8 second, 16 first, 24 return address of the host.
 * At entry rsp = 16n + 8; three pushes make it 16n - 16, aligned for the call.
 * A declined call leaves registers and stack as the host made them and jumps: the next definition
 * sees the host's return address. Budget on top of the C half: 12 instructions.
 */
#include "../../rollout/mode.h"

	.text

.macro SF_STUB name, answer, next
	.globl	\name
	.type	\name, @function
	.p2align 5
\name:
	.cfi_startproc
	endbr64
	cmpl	$SF_PHASE_PASS, sf_phase(%rip)
	je	2f
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	movq	24(%rsp), %rcx
	leaq	24(%rsp), %r8
	call	\answer
	testl	%edx, %edx
	jne	1f
	addq	$24, %rsp
	.cfi_adjust_cfa_offset -24
	ret
	.cfi_adjust_cfa_offset 24
1:	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
2:	jmp	*sf_next+\next(%rip)
	.cfi_endproc
	.size	\name, . - \name
.endm

	/* Offsets into struct sf_next: asserted in entry/offsets.c. */
	SF_STUB	sf_full_dlopen, sf_entry_dlopen, 0
	SF_STUB	dlmopen, sf_entry_dlmopen, 8
	SF_STUB	sf_full_dlclose, sf_entry_dlclose, 16
	SF_STUB	sf_full_dlsym, sf_entry_dlsym, 24
	SF_STUB	sf_full_dlvsym, sf_entry_dlvsym, 32
	SF_STUB	sf_full_dlerror, sf_entry_dlerror, 40
	SF_STUB	dlinfo, sf_entry_dlinfo, 48

	.section .note.GNU-stack, "", @progbits
	/* The stubs start with endbr64 and keep calls and returns paired: IBT and shadow stack. */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
