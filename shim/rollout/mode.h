// SPDX-License-Identifier: BSD-2-Clause
// mode.h: the one word that every entry reads first, and the phase that says whether it counts.
//
// The mode word is in the page that other processes may write (observe/segment.h), so no value of it may
// make the shim lose its reference counts. The way to libc without any record, by a plain jump, is
// in the phase, which is private: cold, early and pass.
#ifndef SF_MODE_H
#define SF_MODE_H

/* The assembly stubs know SF_PHASE_PASS by its number. */
#define SF_PHASE_COLD  0 /* nothing known yet: boot on the way */
#define SF_PHASE_PASS  1 /* for good: tail jump to the next definition, nothing else */
#define SF_PHASE_EARLY 2 /* booted, constructor not yet run: pass through from C */
#define SF_PHASE_LIVE  3 /* references are counted, the mode word decides who answers */
#define SF_PHASE_READY                                                                             \
	4 /* the constructor has run; the rest waits for the first call (entry/prepare.h) */
#define SF_PHASE_PREPARING 5 /* one thread makes that; to all others the shim is off */

#ifndef __ASSEMBLER__
#include "../observe/segment.h"

/* Written in boot, constructor and entry/prepare.c only. */
extern SF_HIDDEN uint32_t sf_phase;

/* Are references counted? What start has made for that is seen afterwards. */
SF_INLINE bool
sf_mode_live(void)
{
	uint32_t phase = sf_load_32(&sf_phase);

	sf_fence_load(); /* pairs with the store fence in sf_mode_start() */
	return phase == SF_PHASE_LIVE;
}

#define sf_mode_word         sf_control.word
#define SF_MODE_WORD_OFF     SYMFAST_SHM_OFF
#define SF_MODE_WORD_ON      SYMFAST_SHM_ON
#define SF_MODE_WORD_OBSERVE SYMFAST_SHM_OBSERVE
#define SF_MODE_WORD_VERIFY  SYMFAST_SHM_VERIFY

/* What the settings and the canary come to. */
struct sf_decision {
	uint32_t phase;  /* PASS or LIVE */
	uint32_t word;   /* in phase LIVE */
	uint32_t reason; /* enum symfast_shm_reason */
	uint32_t check_every;
	uint32_t ab_share;
};

/* `refused`: why the process cannot be served, or NULL. `chosen`: by the canary. */
struct sf_decision sf_mode_decide(const char *refused, bool chosen);
/* Writes it down; `why` is for readers of the segment. Once, in the constructor. */
void sf_mode_start(const struct sf_decision *m, const char *why);
/* "cold", "early", "pass", "off", "observe", "verify", "on", "ab": what happens now. */
const char *sf_mode_name(void);
#endif

#endif
