// SPDX-License-Identifier: BSD-2-Clause
// unwind.h: what .eh_frame says about one address: where the caller's registers are.
//
// A pure reader: follows the object's own tables, allocates nothing, reads no stack. Understands what
// compilers write for ordinary code, and the expressions of a signal's frame; all else is "unknown".
#ifndef SF_UNWIND_H
#define SF_UNWIND_H

#include "../base/attr.h"

/* Numbers of DWARF's: how many are kept, which is the last of a register, the stack pointer, the return address. */
#ifdef __x86_64__
#define SF_UNWIND_REGISTERS 17
#define SF_UNWIND_LAST      15
#define SF_UNWIND_SP        7
#define SF_UNWIND_RA        16 /* no register: always in memory */
#else
#define SF_UNWIND_REGISTERS 32
#define SF_UNWIND_LAST      31
#define SF_UNWIND_SP        31
#define SF_UNWIND_RA        30 /* x30, and in memory where the function calls another */
#endif

enum sf_saved {
	SF_SAVED_SAME,      /* still in its register */
	SF_SAVED_AT_CFA,    /* in memory, at CFA + offset */
	SF_SAVED_AT_BASE,   /* in memory, at the frame's own register `base` + offset */
	SF_SAVED_UNDEFINED, /* gone; of the return address: the outermost frame */
	SF_SAVED_UNKNOWN,   /* told in a way that is not understood */
};

struct sf_unwind {
	uint8_t cfa_register;
	uint8_t cfa_in_memory; /* the CFA is what stands there */
	uint8_t signal;        /* a frame that a signal interrupted: its pc is exact */
	uint8_t is_signed;     /* the return address, by aarch64's pointer authentication */
	int32_t cfa_offset;
	struct {
		uint8_t saved; /* enum sf_saved */
		uint8_t base;
		int32_t offset;
	} reg[SF_UNWIND_REGISTERS];
};

/*
 * The rules at `pc` from an object's .eh_frame_hdr. False: no entry, or one that is not understood.
 * The tables are trusted as far as the object is: they are the ones that its exceptions use.
 */
bool sf_unwind_rules(const void *eh_frame_hdr, uintptr_t pc, struct sf_unwind *u);

#endif
