/* SPDX-License-Identifier: BSD-2-Clause */
/* confine.S: prctl and syscall on x86-64: a look at the number, then a jump with everything as it was.
 *
 * syscall may return twice (vfork), with another stack, or not at all, so nothing of ours may be on the
 * stack when the next definition runs. Stack map at the call, from rsp: 0 first argument, 8 second, 16
 * third, 24 fourth, 32 fifth, 40 sixth, 48 rax, 56 return address. At entry rsp = 16n + 8; seven pushes
 * make it 16n - 48, aligned for the call.
 */
#define PR_SET_SECCOMP 22
#define PR_SET_TSC     26
#define SYS_prctl      157
#define SYS_seccomp    317

	.text

	/* Leaves through the next definition number \which. */
.macro SF_ONWARD which
	movq	sf_confine_next+8*\which(%rip), %r11
	testq	%r11, %r11
	je	2f
	jmp	*%r11
2:	pushq	%rax
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	movl	$\which, %edi
	movq	%rsp, %rsi
	call	sf_confine_look
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	popq	%rax
	.cfi_adjust_cfa_offset -8
	jmp	*sf_confine_next+8*\which(%rip)
.endm

	.globl	prctl
	.type	prctl, @function
	.p2align 5
prctl:
	.cfi_startproc
	endbr64
	cmpl	$PR_SET_SECCOMP, %edi
	je	2f
	cmpl	$PR_SET_TSC, %edi
	je	2f
	SF_ONWARD 0
	.cfi_endproc
	.size	prctl, . - prctl

	.globl	syscall
	.type	syscall, @function
	.p2align 5
syscall:
	.cfi_startproc
	endbr64
	cmpl	$SYS_seccomp, %edi
	je	2f
	cmpl	$SYS_prctl, %edi
	jne	1f
	cmpl	$PR_SET_SECCOMP, %esi
	je	2f
	cmpl	$PR_SET_TSC, %esi
	je	2f
1:	SF_ONWARD 1
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
