// SPDX-License-Identifier: BSD-2-Clause
// retain_stubs.S: the functions that stand in a retained object's DT_INIT, DT_INIT_ARRAY, DT_FINI and DT_FINI_ARRAY.
//
// One pair for each place of the table, 16 bytes apart; see x86_64/retain_stubs.S.
#include "../retain_limits.h"

	.text
	.hidden sf_retain_run_init
	.hidden sf_retain_run_fini

	.balign 16
	.globl sf_retain_init_stubs
	.hidden sf_retain_init_stubs
	.type sf_retain_init_stubs, %function
sf_retain_init_stubs:
	.cfi_startproc
	.set place, 0
	.rept SF_RETAIN_PLACES
	hint #34
	mov w3, #place
	b sf_retain_run_init
	.balign 16
	.set place, place + 1
	.endr
	.cfi_endproc
	.size sf_retain_init_stubs, . - sf_retain_init_stubs

	.balign 16
	.globl sf_retain_fini_stubs
	.hidden sf_retain_fini_stubs
	.type sf_retain_fini_stubs, %function
sf_retain_fini_stubs:
	.cfi_startproc
	.set place, 0
	.rept SF_RETAIN_PLACES
	hint #34
	mov w0, #place
	b sf_retain_run_fini
	.balign 16
	.set place, place + 1
	.endr
	.cfi_endproc
	.size sf_retain_fini_stubs, . - sf_retain_fini_stubs

	.section .note.GNU-stack, "", %progbits
