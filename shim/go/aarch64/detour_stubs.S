/* SPDX-License-Identifier: BSD-2-Clause */
/* The stubs of the Go detour: copied to a page near the host's code by detour.c, never run here.
 *
 *   sub x20,sp,#N   b lookup ---> lookup: C leaf; hit:  ret to plugin.Open's caller
 *                                         miss: moved sub, b back
 *   what follows     <-------------------+
 *   ldr x4,[x0]     b fill -----> fill:   moved load; no plugin: b back; C leaf; b back
 *   cbz x4,missing   <-------------------+
 *   success         b end ------> end:    C leaf; moved load; b back               A/B only
 *   mov, ..., ret    <-------------------+
 *
 * Go's ABIInternal: x28 is g, x29 the frame pointer; every other register is the callee's to spoil, and
 * none but those named below holds anything at the three places (they are an entry, and what follows
 * a call). C gives back x19 to x29, so what is kept is kept there.
 *
 * Stack: SP is aligned to 16 by Go, too. The eight bytes below it are in use: Go's frame pointer is
 * saved there. So SP goes down by 16 before C is called; nothing is written here. A signal may arrive
 * at any instruction: Go's handlers find a PC in no Go function and neither preempt, scan nor move
 * this stack.
 *
 * At `lookup`: x0, x1 = name; x30 = plugin.Open's caller; frame not yet taken. At `fill`: x0 = address
 * of the map's value; SP = bottom of plugin.open's frame. At `end`: nothing but g; SP the same;
 * chanrecv1 has just returned.
 */
	.section .rodata.sf_go_stubs, "a", @progbits
	.p2align 6
	.macro	place name
	.globl	sf_go_stubs_\name
	.hidden	sf_go_stubs_\name
sf_go_stubs_\name:
	.endm

	.macro	leaf which
	sub	sp, sp, #16
	ldr	x16, .L\which\()_leaf
	blr	x16
	add	sp, sp, #16
	.endm

	place	begin
	mov	x19, x0
	mov	x20, x1
	mov	x21, x30
	mov	x2, x28
	leaf	lookup
	mov	x30, x21
	cbz	x0, 1f
	mov	x1, xzr
	mov	x2, xzr
	ret
1:	mov	x0, x19
	mov	x1, x20
	place	moved
	udf	#0
	place	back
	udf	#0

	.p2align 6
	place	fill
	ldr	x4, [x0]
	cbz	x4, sf_go_stubs_fill_back
	mov	x19, x0
	mov	x20, x4
	mov	x0, sp
	mov	x1, x4
	mov	x2, x28
	leaf	fill
	mov	x0, x19
	mov	x4, x20
	place	fill_back
	udf	#0

	.p2align 6
	place	end
	mov	x0, x28
	leaf	end
	place	end_moved
	udf	#0
	place	end_back
	udf	#0

	.p2align 6
	place	targets
.Llookup_leaf:
	.quad	0
.Lfill_leaf:
	.quad	0
.Lend_leaf:
	.quad	0
	place	size

	.section .note.GNU-stack, "", @progbits
