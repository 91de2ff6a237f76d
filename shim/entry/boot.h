// SPDX-License-Identifier: BSD-2-Clause
// boot.h: finds the next definitions: the first part at relocation, the rest when they are needed.
#ifndef SF_BOOT_H
#define SF_BOOT_H

/* The first part, in COLD alone: no definition is looked up. */
void sf_boot_begin(void);
/* Finds the next definitions, once; before relocation or at any later time. */
void sf_boot(void);
/* Never needed: its IFUNC relocation is what makes the dynamic loader run the first part. */
void sf_boot_early(void) __attribute__((visibility("hidden")));

#endif
