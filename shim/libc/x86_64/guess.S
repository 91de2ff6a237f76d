/* SPDX-License-Identifier: BSD-2-Clause */
/* guess.S: the ways to libc where libc does not show whether an error is pending (before glibc 2.34), x86-64.
 *
 * Each notes for its thread that there may be one by now, and jumps on; stack, arguments and return address are the
 * caller's. r11 belongs to nobody. Before this library is relocated the place of the note is not known, and 0.
 */
	.section .tbss, "awT", @nobits
	.globl	sf_guess_perhaps
	.hidden	sf_guess_perhaps
	.type	sf_guess_perhaps, @object
	.size	sf_guess_perhaps, 8
	.p2align 3
sf_guess_perhaps:
	.zero	8

	.bss
	.globl	sf_guess_to
	.hidden	sf_guess_to
	.type	sf_guess_to, @object
	.size	sf_guess_to, 56
	.p2align 3
sf_guess_to:
	.zero	56

	.text

.macro SF_GUESS name, next
	.globl	sf_guess_\name
	.hidden	sf_guess_\name
	.type	sf_guess_\name, @function
	.p2align 4
sf_guess_\name:
	.cfi_startproc
	endbr64
	movq	sf_guess_perhaps@gottpoff(%rip), %r11
	testq	%r11, %r11
	je	1f
	movq	$1, %fs:(%r11)
1:	jmp	*sf_guess_to+\next(%rip)
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

	.section .note.GNU-stack, "", @progbits
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
