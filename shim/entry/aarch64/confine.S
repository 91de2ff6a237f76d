/* SPDX-License-Identifier: BSD-2-Clause */
/* confine.S: prctl and syscall on aarch64: a look at the number, then a jump with everything as it was.
 *
 * Frame of the look: 0 x0 to x7, 64 x29, 72 x30; 80 bytes.
 */
#define PR_SET_SECCOMP 22
#define PR_SET_TSC     26 /* Linux 6.12 */
#define SYS_prctl      167
#define SYS_seccomp    277

	.text

	/* Leaves through the next definition number \which. */
.macro SF_ONWARD which
	adrp	x16, sf_confine_next
	add	x16, x16, #:lo12:sf_confine_next
	ldr	x16, [x16, #8*\which]
	cbz	x16, 2f
	br	x16
2:	stp	x0, x1, [sp, #-80]!
	.cfi_adjust_cfa_offset 80
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x29, x30, [sp, #64]
	.cfi_rel_offset x29, 64
	.cfi_rel_offset x30, 72
	mov	w0, #\which
	mov	x1, sp
	bl	sf_confine_look
	ldp	x29, x30, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp], #80
	.cfi_adjust_cfa_offset -80
	.cfi_restore x29
	.cfi_restore x30
	adrp	x16, sf_confine_next
	add	x16, x16, #:lo12:sf_confine_next
	ldr	x16, [x16, #8*\which]
	br	x16
.endm

	.globl	prctl
	.type	prctl, %function
	.p2align 5
prctl:
	.cfi_startproc
	hint	#34			/* bti c */
	cmp	w0, #PR_SET_SECCOMP
	b.eq	2f
	cmp	w0, #PR_SET_TSC
	b.eq	2f
	SF_ONWARD 0
	.cfi_endproc
	.size	prctl, . - prctl

	.globl	syscall
	.type	syscall, %function
	.p2align 5
syscall:
	.cfi_startproc
	hint	#34			/* bti c */
	cmp	x0, #SYS_seccomp
	b.eq	2f
	cmp	x0, #SYS_prctl
	b.ne	1f
	cmp	w1, #PR_SET_SECCOMP
	b.eq	2f
	cmp	w1, #PR_SET_TSC
	b.eq	2f
1:	SF_ONWARD 1
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", %progbits
