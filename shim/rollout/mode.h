// SPDX-License-Identifier: BSD-2-Clause
// mode.h: the one word that every entry reads first.
#ifndef SF_MODE_H
#define SF_MODE_H

/* The assembly stubs know SF_WORD_PASS by its number. */
#define SF_WORD_COLD    0 /* nothing known yet: boot on the way */
#define SF_WORD_PASS    1 /* tail jump to the next definition, nothing else */
#define SF_WORD_ON      2 /* answer from the map */
#define SF_WORD_EARLY   3 /* booted, constructor not yet run: pass through from C */
#define SF_WORD_OBSERVE 4 /* count and pass through */

#ifndef __ASSEMBLER__
#include "../base/attr.h"

/* Written in boot and constructor only (single-threaded); read relaxed by everyone. */
extern uint32_t sf_word;

/* The word for the settings, given whether the process can be served at all. */
uint32_t sf_mode_decide(bool can_serve);
/* "cold", "pass", "on", "early", "observe". */
const char *sf_mode_name(uint32_t word);
#endif

#endif
