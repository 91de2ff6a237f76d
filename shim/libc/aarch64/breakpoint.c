// SPDX-License-Identifier: BSD-2-Clause
// Writes a jump over ld.so's empty breakpoint function, aarch64: not built yet, so always refused.
#include "../changes.h"

const char *
sf_break_write(uint8_t *at, void (*to)(void), uint8_t undo[SF_BREAK_ROOM])
{
	(void)at;
	(void)to;
	(void)undo;
	return "no jump for this CPU";
}

void
sf_break_undo(uint8_t *at, const uint8_t undo[SF_BREAK_ROOM])
{
	(void)at;
	(void)undo;
}
