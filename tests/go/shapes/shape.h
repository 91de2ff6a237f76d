/* SPDX-License-Identifier: BSD-2-Clause */
// clang-format off
/* Frame of the byte pairs: NAME, NAME_end, NAME_free (offsets of four bytes each that may be anything),
 * and behind the end the targets of the four calls, one byte each: gostring, mapaccess1_faststr,
 * chanrecv1, morestack_noctxt. */
#define SHAPE_BEGIN(name)                                                                          \
	.section .rodata;                                                                          \
	.p2align 6;                                                                                \
	.globl name;                                                                               \
	.globl name##_end;                                                                         \
	.globl name##_free;                                                                        \
	name : ;                                                                                   \
.Lbegin:
#define SHAPE_END(name)                                                                            \
	name##_end : ;                                                                             \
.Ltargets:                                                                                         \
	.fill 16, 1, 0xc3;                                                                         \
	.p2align 3;                                                                                \
	name##_free : ;                                                                            \
	.long .Lfree0 - .Lbegin, .Lfree1 - .Lbegin, .Lfree2 - .Lbegin;                             \
	.section .note.GNU-stack, "", @progbits
#define FREE(n) .Lfree##n:
