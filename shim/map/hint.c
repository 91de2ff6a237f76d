// SPDX-License-Identifier: BSD-2-Clause
// hint.c: see hint.h: how slots are written.
#include "hint.h"

void
sf_hint_keep(uint64_t *hints, uint64_t key, uint32_t n)
{
	uint64_t *set = sf_hint_set(hints, key);
	int way = -1;

	for (int i = 0; i < SF_HINT_WAYS; i++) {
		uint64_t slot = sf_load_64(&set[i]);
		uint32_t strikes = SF_SLOT_STRIKES(slot);

		if (slot == 0) {
			way = way < 0 ? i : way;
			continue;
		}
		if (SF_SLOT_TAG(slot) != (uint32_t)key)
			continue;
		if (SF_SLOT_ENTRY(slot) == 0 || SF_SLOT_ENTRY(slot) == n)
			return;
		if (strikes < SF_SLOT_STRIKES_MAX)
			sf_store_64(&set[i], SF_SLOT(key, n, strikes + 1));
		else
			sf_store_64(&set[i], SF_SLOT(key, 0, 0));
		return;
	}
	/* A full set: replace the way that the key itself picks, so that no history is needed. */
	if (way < 0)
		way = (int)(key >> 63);
	sf_store_64(&set[way], SF_SLOT(key, n, 0));
}
