/* SPDX-License-Identifier: BSD-2-Clause */
/* The stubs of the Go detour: copied to a page near the host's code by detour.c, never run here.
 *
 *   sub $N,%rsp     jmp lookup ---> lookup: C leaf; hit:  ret to plugin.Open's caller
 *     (six bytes of seven,             |             miss: moved sub, jmp back
 *      written by detour.c)            v
 *   what follows     <-----------------+
 *   je missing      jae fill -----> fill:   no plugin: jmp missing; C leaf; jmp behind the je
 *   what follows     <-----------------+
 *   success         jmp end ------> end:    C leaf; displaced load; jmp behind it      A/B only,
 *   xor, ..., ret   <------------------+                              with `split` as its lookup
 *
 * Go's ABIInternal: R14 is g, X15 is zero, RBP is the caller's frame pointer; every other register is
 * the callee's to spoil. C gives back RBX, RBP, R12 to R15.
 *
 * Stack: C wants RSP aligned to 16 and Go only to 8, so RSP is kept in R12 and
 * rounded down; nothing is written above it. A signal may arrive at any instruction: Go's handlers
 * find a PC in no Go function and neither preempt, scan nor move this stack.
 *
 * At `lookup` and `split`: RAX, RBX = name; RSP = return address of plugin.Open's caller (Go 1.19) or
 * the RBP pushed below it, frame not yet taken. At `fill`: RDX = *Plugin or 0, carry is clear, RAX =
 * address of the map's value; RSP = bottom of plugin.open's frame. At
 * `end`: nothing but g; RSP the same; chanrecv1 has just returned, so that every register is free.
 */
	.section .rodata.sf_go_stubs, "a", @progbits
	.p2align 6
	.globl	sf_go_stubs_begin
	.hidden	sf_go_stubs_begin
	.globl	sf_go_stubs_moved
	.hidden	sf_go_stubs_moved
	.globl	sf_go_stubs_pop
	.hidden	sf_go_stubs_pop
	.globl	sf_go_stubs_split_pop
	.hidden	sf_go_stubs_split_pop
	.globl	sf_go_stubs_split
	.hidden	sf_go_stubs_split
	.globl	sf_go_stubs_split_moved
	.hidden	sf_go_stubs_split_moved
	.globl	sf_go_stubs_fill
	.hidden	sf_go_stubs_fill
	.globl	sf_go_stubs_end
	.hidden	sf_go_stubs_end
	.globl	sf_go_stubs_end_moved
	.hidden	sf_go_stubs_end_moved
	.globl	sf_go_stubs_targets
	.hidden	sf_go_stubs_targets
	.globl	sf_go_stubs_size
	.hidden	sf_go_stubs_size

	.macro	ask_leaf pop
	call	*.Llookup_leaf(%rip)
	movq	%r12, %rsp
	xorps	%xmm15, %xmm15
	testq	%rax, %rax
	je	1f
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
\pop:	nop			/* or pop %rbp */
	ret
1:	movq	%r13, %rax
	.endm

sf_go_stubs_begin:
	movq	%rsp, %r12
	movq	%rax, %r13
	andq	$-16, %rsp
	movq	%rax, %rdi
	movq	%rbx, %rsi
	movq	%r14, %rdx
	ask_leaf sf_go_stubs_pop
sf_go_stubs_moved:
	.fill	7, 1, 0x90
	jmp	*.Llookup_resume(%rip)

	.p2align 6
sf_go_stubs_fill:
	testq	%rdx, %rdx
	je	1f
	movq	%rsp, %r12
	movq	%rax, %r13
	movq	%rdx, %rbx
	movq	%rsp, %rdi
	movq	%rdx, %rsi
	movq	%r14, %rdx
	andq	$-16, %rsp
	call	*.Lfill_leaf(%rip)
	movq	%r12, %rsp
	movq	%r13, %rax
	movq	%rbx, %rdx
	xorps	%xmm15, %xmm15
	jmp	*.Lfill_resume(%rip)
1:	jmp	*.Lfill_missing(%rip)

	.p2align 6
sf_go_stubs_split:
	movq	%rsp, %r12
	movq	%rax, %r13
	andq	$-16, %rsp
	movq	%rax, %rdi
	movq	%rbx, %rsi
	movq	%r14, %rdx
	ask_leaf sf_go_stubs_split_pop
sf_go_stubs_split_moved:
	.fill	7, 1, 0x90
	jmp	*.Llookup_resume(%rip)

	.p2align 6
sf_go_stubs_end:
	movq	%rsp, %r12
	movq	%r14, %rdi
	andq	$-16, %rsp
	call	*.Lend_leaf(%rip)
	movq	%r12, %rsp
	xorps	%xmm15, %xmm15
sf_go_stubs_end_moved:
	.fill	8, 1, 0x90
	jmp	*.Lend_resume(%rip)

	.p2align 6
sf_go_stubs_targets:
.Llookup_leaf:
	.quad	0
.Llookup_resume:
	.quad	0
.Lfill_leaf:
	.quad	0
.Lfill_resume:
	.quad	0
.Lfill_missing:
	.quad	0
.Lend_leaf:
	.quad	0
.Lend_resume:
	.quad	0
sf_go_stubs_size:

	.section .note.GNU-stack, "", @progbits
