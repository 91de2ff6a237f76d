// SPDX-License-Identifier: BSD-2-Clause
// mode.c: see mode.h.
#include "mode.h"

#include "../base/bytes.h"
#include "../observe/settings.h"

SF_FIRST uint32_t sf_phase;

static uint32_t
mode_word_of(unsigned int mode)
{
	switch (mode) {
	case SF_MODE_OBSERVE:
		return SF_MODE_WORD_OBSERVE;
	case SF_MODE_VERIFY:
		return sf_settings.mode.arg == 0 ? SF_MODE_WORD_VERIFY : SF_MODE_WORD_ON;
	default:
		return SF_MODE_WORD_ON;
	}
}

struct sf_decision
sf_mode_decide(const char *refused, bool chosen)
{
	struct sf_decision m = {.phase = SF_PHASE_PASS, .word = SF_MODE_WORD_OFF};

	if (refused != NULL) {
		m.reason = SYMFAST_SHM_BY_REFUSAL;
	} else if (!chosen) {
		m.reason = SYMFAST_SHM_BY_CANARY;
	} else if (!sf_settings.disable && sf_settings.mode.n != SF_MODE_OFF) {
		m.phase = SF_PHASE_LIVE;
		m.word = mode_word_of(sf_settings.mode.n);
		if (sf_settings.mode.n == SF_MODE_VERIFY)
			m.check_every = sf_settings.mode.arg;
		if (sf_settings.mode.n == SF_MODE_AB)
			m.ab_share = sf_settings.mode.arg;
	}
	return m;
}

void
sf_mode_start(const struct sf_decision *m, const char *why)
{
	struct symfast_shm_control *c = &sf_control;

	c->setting_word = m->word;
	c->ab_share = m->ab_share;
	c->phase = m->phase == SF_PHASE_LIVE ? SYMFAST_SHM_PHASE_LIVE : SYMFAST_SHM_PHASE_PASS;
	sf_bytes_cut(c->why, why, sizeof(c->why));
	/* Other threads may be here already: what the phase promises is there first, the mode word comes last. */
	sf_fence_store();
	sf_store_32(&sf_phase, m->phase);
	sf_fence_store();
	sf_segment_set_mode(m->word, (enum symfast_shm_reason)m->reason);
}

const char *
sf_mode_name(void)
{
	static const char phases[][6] = {"cold", "pass", "early", "", "ready", "ready"};
	uint32_t phase = sf_load_32(&sf_phase);

	/* Where there is nothing yet to pass calls on to, why they would be is known nevertheless. */
	if (phase == SF_PHASE_COLD && sf_control.phase == SYMFAST_SHM_PHASE_PASS)
		return "pass";
	if (phase != SF_PHASE_LIVE)
		return phases[phase];
	switch (sf_load_32(&sf_mode_word)) {
	case SF_MODE_WORD_ON:
		return sf_control.ab_share != 0 ? "ab" : "on";
	case SF_MODE_WORD_OBSERVE:
		return "observe";
	case SF_MODE_WORD_VERIFY:
		return "verify";
	default:
		return "off";
	}
}
