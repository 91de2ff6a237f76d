// SPDX-License-Identifier: BSD-2-Clause
// mode.c: see mode.h.
#include "mode.h"

#include "../observe/settings.h"

uint32_t sf_word;

uint32_t
sf_mode_decide(bool can_serve)
{
	if (sf_settings.disable || sf_settings.mode == SF_MODE_OFF || !can_serve)
		return SF_WORD_PASS;
	return sf_settings.mode == SF_MODE_OBSERVE ? SF_WORD_OBSERVE : SF_WORD_ON;
}

const char *
sf_mode_name(uint32_t word)
{
	static const char *const names[] = {"cold", "pass", "on", "early", "observe"};

	return names[word <= SF_WORD_OBSERVE ? word : SF_WORD_COLD];
}
