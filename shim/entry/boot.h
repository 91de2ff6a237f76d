// SPDX-License-Identifier: BSD-2-Clause
// boot.h: finds the next definitions: the first part at relocation, the rest when they are needed.
#ifndef SF_BOOT_H
#define SF_BOOT_H

#include "../base/attr.h"

/* The first part, in COLD alone: no definition is looked up. */
void sf_boot_begin(void);
/* Finds the next definitions, once; before relocation or at any later time. */
void sf_boot(void);
/* False: the loader did not run the first part while it relocated us, so it is not glibc's. */
bool sf_boot_by_glibc(void);

#endif
