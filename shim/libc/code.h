// SPDX-License-Identifier: BSD-2-Clause
// code.h: for a short while, the page that holds a place of ld.so's code can be written.
//
// Writable and executable at once, and then executable again: a policy against that (PR_SET_MDWE,
// SELinux execmem, systemd's MemoryDenyWriteExecute) refuses the first step, before anything is
// changed. Write-only first would leave ld.so without code if the second step were refused.
#ifndef SF_CODE_H
#define SF_CODE_H

#include "../base/attr.h"

/* `keep`: further rights that the code has and must not lose (aarch64: PROT_BTI). False: nothing was changed. */
bool sf_code_open(const uint8_t *at, long keep);
/* Executable only, again. False: it stays writable. */
bool sf_code_close(const uint8_t *at, long keep);

#endif
