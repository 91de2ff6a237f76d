// SPDX-License-Identifier: BSD-2-Clause
// boot.c: see boot.h.
#include "boot.h"

#include "../libc/next.h"
#include "../rollout/mode.h"

void
sf_boot_begin(void)
{
	if (sf_phase == SF_PHASE_COLD && sf_next_begin())
		sf_phase = SF_PHASE_EARLY;
}

void
sf_boot(void)
{
	sf_boot_begin();
	sf_next_boot();
}

/*
 * The dynamic loader calls this while it relocates us: every object of the initial set is mapped,
 * no constructor has run. The end of the link map list is therefore exactly the end of the set.
 */
static void (*boot_resolver(void))(void)
{
	sf_boot_begin();
	return sf_boot_begin;
}

void sf_boot_early(void) __attribute__((ifunc("boot_resolver"), visibility("hidden")));
