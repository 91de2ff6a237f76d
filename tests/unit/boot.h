// SPDX-License-Identifier: BSD-2-Clause
// boot.h: how a unit program that is not preloaded gets libc's definitions and what says which object covers an address.
#ifndef UNIT_BOOT_H
#define UNIT_BOOT_H

#include "libc/changes.h"
#include "libc/mapped.h"
#include <stdbool.h>

/* As at the start of a host: the table of the initial set where libc has no _dl_find_object. As often as one likes. */
static inline bool
unit_boot(void)
{
	return sf_next_boot() && (sf_next.find_object != NULL || sf_mapped_init() == NULL);
}

/* And what is loaded later, for which ld.so's breakpoint is needed. */
static inline bool
unit_changes(void)
{
	bool done = sf_changes_init();

	if (done)
		sf_mapped_begin();
	return done;
}

#endif
