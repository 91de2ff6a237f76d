/* SPDX-License-Identifier: BSD-2-Clause */
/* guess.S: as x86_64/guess.S. x16 and x17 belong to nobody. */
	.section .tbss, "awT", %nobits
	.globl	sf_guess_perhaps
	.hidden	sf_guess_perhaps
	.type	sf_guess_perhaps, %object
	.size	sf_guess_perhaps, 8
	.p2align 3
sf_guess_perhaps:
	.zero	8

	.bss
	.globl	sf_guess_to
	.hidden	sf_guess_to
	.type	sf_guess_to, %object
	.size	sf_guess_to, 56
	.p2align 3
sf_guess_to:
	.zero	56

	.text

.macro SF_GUESS name, next
	.globl	sf_guess_\name
	.hidden	sf_guess_\name
	.type	sf_guess_\name, %function
	.p2align 4
sf_guess_\name:
	.cfi_startproc
	hint	#34 // bti c
	adrp	x16, :gottprel:sf_guess_perhaps
	ldr	x16, [x16, :gottprel_lo12:sf_guess_perhaps]
	cbz	x16, 1f
	mrs	x17, tpidr_el0
	add	x16, x16, x17
	mov	x17, #1
	str	x17, [x16]
1:	adrp	x16, sf_guess_to+\next
	ldr	x16, [x16, :lo12:sf_guess_to+\next]
	br	x16
	.cfi_endproc
	.size	sf_guess_\name, . - sf_guess_\name
.endm

	/* Offsets of struct sf_next_calls: asserted in next.c. */
	SF_GUESS dlopen, 0
	SF_GUESS dlmopen, 8
	SF_GUESS dlclose, 16
	SF_GUESS dlsym, 24
	SF_GUESS dlvsym, 32
	SF_GUESS dlerror, 40
	SF_GUESS dlinfo, 48

	.section .note.GNU-stack, "", %progbits
