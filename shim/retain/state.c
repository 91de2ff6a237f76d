// SPDX-License-Identifier: BSD-2-Clause
// state.c: see state.h.
#include "state.h"

#include "place.h"

bool sf_retain_on;
struct sf_retain_state_of sf_retain_state_of;

void
sf_retain_set_state(sf_retain_set set, enum sf_retain_state state)
{
	for (; set != 0; set &= set - 1)
		sf_retain_places[__builtin_ctzll(set)].state = (uint8_t)state;
}
