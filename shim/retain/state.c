// SPDX-License-Identifier: BSD-2-Clause
// state.c: see state.h.
#include "state.h"

#include "../observe/segment.h"
#include "place.h"

bool sf_retain_on;
struct sf_retain_state_of sf_retain_state_of;

bool
sf_retain_serves(void)
{
	uint32_t word = sf_load_32(&sf_control.word);

	return word == SYMFAST_SHM_ON || word == SYMFAST_SHM_VERIFY;
}

void
sf_retain_set_state(sf_retain_set set, enum sf_retain_state state)
{
	for (; set != 0; set &= set - 1)
		sf_retain_places[__builtin_ctzll(set)].state = (uint8_t)state;
}
