/* SPDX-License-Identifier: BSD-2-Clause */
/* stubs.S: the full wrappers on aarch64.
 *
 * Frame: 0 x29, 8 x30 (the host's return address), 16 x0, 24 x1, 32 x2, 40 unused; 48 bytes.
 * The C half answers in x0 with x1 = 0, or declines with x1 != 0; then arguments and x30 are
 * restored and the next definition is jumped to, with the host as its caller.
 */
#include "../../rollout/mode.h"

	.text

.macro SF_STUB name, answer, next
	.globl	\name
	.type	\name, %function
	.p2align 5
\name:
	.cfi_startproc
	hint	#34			/* bti c */
	adrp	x16, sf_phase
	ldr	w16, [x16, #:lo12:sf_phase]
	cmp	w16, #SF_PHASE_PASS
	b.eq	2f
	mov	x4, sp
	stp	x29, x30, [sp, #-48]!
	.cfi_adjust_cfa_offset 48
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	str	x2, [sp, #32]
	mov	x3, x30
	bl	\answer
	cbnz	x1, 1f
	ldp	x29, x30, [sp], #48
	.cfi_remember_state
	.cfi_adjust_cfa_offset -48
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_restore_state
1:	ldp	x0, x1, [sp, #16]
	ldr	x2, [sp, #32]
	ldp	x29, x30, [sp], #48
	.cfi_adjust_cfa_offset -48
	.cfi_restore x29
	.cfi_restore x30
2:	adrp	x16, sf_next
	add	x16, x16, #:lo12:sf_next
	ldr	x16, [x16, #\next]
	br	x16
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

	.section .note.GNU-stack, "", %progbits
