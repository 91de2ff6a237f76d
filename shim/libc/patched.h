// SPDX-License-Identifier: BSD-2-Clause
// patched.h: has somebody written a jump over the first bytes of libc's own functions (an in-place hook)?
//
// Such a hook sees every call that reaches libc, and would miss cached answers. A function
// counts as patched if it begins with a jump that leaves libc, or a breakpoint, at the first
// check, and whenever its first eight bytes change afterwards.
#ifndef SF_PATCHED_H
#define SF_PATCHED_H

#include "../base/attr.h"

/*
 * The first patched one's name, with "libc's own" implied; NULL if there is none. Once found it stays.
 * Cost: two loads for each of eleven functions. Any thread, no lock.
 */
const char *sf_patched(void);

/*
 * For a CPU's part: does code at `at` begin with a jump elsewhere, or with a breakpoint (*to NULL)? Reads
 * no more than 16 bytes on x86-64, 28 on aarch64.
 */
bool sf_patched_jumps(const uint8_t *at, const void **to);

#endif
