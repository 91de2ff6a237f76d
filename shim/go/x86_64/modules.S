/* SPDX-License-Identifier: BSD-2-Clause */
/* The stub in front of a walk over Go's modules: copied twice to a page near the host's code by
 * modules.c, never run here.
 *
 *   findfunc, resolveNameOff    lea firstmoduledata,%rcx  is now  jmp stub
 *                               jmp TEST             <------ stub leaves here, RCX = where to begin
 *                               ... the host's own walk, from that module on
 *
 * RAX is the address that is looked for. The stub begins with the host's own module, then with the
 * one that was last found for the address's 64 KiB, and walks the list itself only if neither
 * contains it. Whatever it hands over contains the address, or is the first; the host's own loop
 * then checks it once more. Modules do not overlap.
 *
 * Only a module whose record lies by its own text is remembered, as a plugin's does that ld.so has
 * loaded and Go never unloads; those of run-time linkers lie in Go's heap, leave the list, and are
 * walked to. With it goes the module before it, of the same kind or the first: while that one leads to
 * it, it is in the list. Two words, each valid by itself; a pair of two writers fails that test or
 * passes it rightly.
 *
 * No stack, no call, no flags kept; RDX, RSI, RDI, R8, R9 are spoilt, which the parser has proved
 * unused. Safe in signal handlers and on any stack: the two stores are words that are checked before
 * they are believed, whoever wrote them last.
 */
	.section .rodata.sf_go_modules, "a", @progbits
	.p2align 6
	.globl	sf_go_modules_begin
	.hidden	sf_go_modules_begin
	.globl	sf_go_modules_constants
	.hidden	sf_go_modules_constants
	.globl	sf_go_modules_end
	.hidden	sf_go_modules_end

sf_go_modules_begin:
	movq	.Lfirst(%rip), %rcx
	movq	.Llow(%rip), %rdi
	movq	.Lhigh(%rip), %r8
	cmpq	(%rcx,%rdi), %rax
	jb	1f
	cmpq	(%rcx,%r8), %rax
	jae	1f
	jmp	*.Lresume(%rip)

1:	movq	.Lera(%rip), %rdx	/* the live switch is off: the host's own walk, from the first */
	cmpl	$0, (%rdx)
	je	4f
	movq	%rax, %rdx
	shrq	$16, %rdx
	andl	.Lmask(%rip), %edx
	shll	$4, %edx
	movq	.Ltable(%rip), %rsi
	addq	%rdx, %rsi
	movq	.Lnext(%rip), %r9
	movq	(%rsi), %rcx
	movq	8(%rsi), %rdx
	testq	%rcx, %rcx
	je	2f
	testq	%rdx, %rdx
	je	2f
	cmpq	%rcx, (%rdx,%r9)	/* is it still the one behind its predecessor? */
	jne	2f
	cmpq	(%rcx,%rdi), %rax
	jb	2f
	cmpq	(%rcx,%r8), %rax
	jae	2f
	jmp	*.Lresume(%rip)

2:	movq	.Lfirst(%rip), %rcx
3:	movq	%rcx, %rdx
	movq	(%rcx,%r9), %rcx
	testq	%rcx, %rcx
	je	4f
	cmpq	(%rcx,%rdi), %rax
	jb	3b
	cmpq	(%rcx,%r8), %rax
	jae	3b
	movq	(%rcx,%rdi), %r8	/* by its own text? within 1 GiB on either side */
	subq	%rcx, %r8
	addq	$0x40000000, %r8
	shrq	$31, %r8
	jne	5f
	cmpq	.Lfirst(%rip), %rdx
	je	6f
	movq	(%rdx,%rdi), %r8
	subq	%rdx, %r8
	addq	$0x40000000, %r8
	shrq	$31, %r8
	jne	5f
6:	movq	%rdx, 8(%rsi)
	movq	%rcx, (%rsi)
5:	jmp	*.Lresume(%rip)

4:	movq	.Lfirst(%rip), %rcx
	jmp	*.Lresume(%rip)

	.p2align 6
sf_go_modules_constants:
.Lfirst:
	.quad	0
.Llow:
	.quad	0
.Lhigh:
	.quad	0
.Lnext:
	.quad	0
.Lresume:
	.quad	0
.Ltable:
	.quad	0
.Lmask:
	.quad	0
.Lera:
	.quad	0
	.p2align 6
sf_go_modules_end:

	.section .note.GNU-stack, "", @progbits
