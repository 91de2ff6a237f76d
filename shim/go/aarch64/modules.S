/* SPDX-License-Identifier: BSD-2-Clause */
/* The stub in front of a walk over Go's modules: copied twice to a page near the host's code by
 * modules.c, never run here.
 *
 *   findfunc, resolveNameOff    adrp M; add M,M    firstmoduledata
 *                               b TEST             is now  b stub
 *                               TEST  <------------------- stub leaves here, M = where to begin
 *                               ... the host's own walk, from that module on
 *
 * x0 is the address that is looked for. What the stub does, and why it cannot be wrong, is told in
 * x86_64/modules.S. Here, too: no stack, no call; x9 to x16 are spoilt, which are the callee's to
 * spoil and not yet in use (image/go_arm64_modules.c).
 *
 * Order: a module that is read from the table or the list is only looked into through its own address,
 * so nothing of it is older than what that address came with; whoever has stored it there had read its bounds
 * before. ldar: the bounds are not read before it is known that the module is in the list.
 */
	.section .rodata.sf_go_modules, "a", @progbits
	.p2align 6
	.macro	place name
	.globl	sf_go_modules_\name
	.hidden	sf_go_modules_\name
sf_go_modules_\name:
	.endm

	.macro	below bound, module, then	/* x0 below that bound of the module */
	ldr	x15, [\module, \bound]
	cmp	x0, x15
	b.lo	\then
	.endm

	.macro	far_text module, then		/* not within 1 GiB of its own text on either side */
	ldr	x15, [\module, x10]
	sub	x15, x15, \module
	mov	x16, #0x40000000
	add	x15, x15, x16
	lsr	x15, x15, #31
	cbnz	x15, \then
	.endm

	place	begin
	ldr	x9, .Lfirst
	ldr	x10, .Llow
	ldr	x11, .Lhigh
	below	x10, x9, 1f
	below	x11, x9, 9f

1:	ldr	x12, .Lera		/* the live switch is off: the host's own walk, from the first */
	ldr	w12, [x12]
	cbz	w12, 4f
	lsr	x12, x0, #16
	ldr	x13, .Lmask
	and	x12, x12, x13
	ldr	x13, .Ltable
	add	x13, x13, x12, lsl #4
	ldr	x14, .Lnext
	ldr	x9, [x13]
	ldr	x12, [x13, #8]
	cbz	x9, 2f
	cbz	x12, 2f
	add	x15, x12, x14		/* is it still the one behind its predecessor? */
	ldar	x15, [x15]
	cmp	x15, x9
	b.ne	2f
	below	x10, x9, 2f
	below	x11, x9, 9f

2:	ldr	x9, .Lfirst
3:	mov	x12, x9
	ldr	x9, [x9, x14]
	cbz	x9, 4f
	below	x10, x9, 3b
	below	x11, x9, 5f
	b	3b

5:	far_text x9, 9f
	ldr	x15, .Lfirst
	cmp	x12, x15
	b.eq	6f
	far_text x12, 9f
6:	str	x12, [x13, #8]
	str	x9, [x13]
	b	9f

4:	ldr	x9, .Lfirst
9:
	place	module
	udf	#0			/* mov M,x9 */
	place	back
	udf	#0

	.p2align 6
	place	constants
.Lfirst:
	.quad	0
.Llow:
	.quad	0
.Lhigh:
	.quad	0
.Lnext:
	.quad	0
.Ltable:
	.quad	0
.Lmask:
	.quad	0
.Lera:
	.quad	0
	.p2align 6
	place	end

	.section .note.GNU-stack, "", @progbits
