// SPDX-License-Identifier: BSD-2-Clause
// chores.c: see chores.h.
#include "chores.h"

#include "../base/sys.h"
#include "../libc/patched.h"
#include "../map/self.h"

bool
sf_chores_hooks(void)
{
	static uint8_t seen;

	if (sf_patched() == NULL)
		return false;
	if (!sf_load_8(&seen))
		sf_count(SF_HOOK_SEEN);
	sf_store_8(&seen, 1);
	sf_breaker_yield("libc's own functions are hooked in place");
	return true;
}

void
sf_chores(void)
{
	if (sf_sys_confined)
		return;
	sf_chores_hooks();
	if (sf_segment_due)
		sf_segment_open();
	if (sf_breaker_waiting)
		sf_breaker_poll();
	if (sf_killfile_waiting)
		sf_killfile_poll();
	if (sf_table_damaged) {
		sf_table_damaged = 0;
		sf_breaker_doubt("the map is damaged");
	}
}
