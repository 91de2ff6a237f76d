// SPDX-License-Identifier: BSD-2-Clause
// turn.c: see turn.h.
#include "turn.h"

#include "sys.h"

/* A short callback is over before the kernel could put us to sleep. */
#define TRIES 40

void
sf_turn_wait_slow(struct sf_turn *t, uint32_t me)
{
	for (int i = 0; i < TRIES; i++) {
		if (sf_load_32(&t->word) == 0 && sf_cas_32(&t->word, 0, me))
			return;
		sf_stall();
	}
	for (;;) {
		uint32_t word = sf_load_32(&t->word);

		/* Others may sleep as well: the thread that took the turn here wakes one more. */
		if (word == 0) {
			if (sf_cas_32(&t->word, 0, me | SF_TURN_WAITED))
				return;
			continue;
		}
		if (!(word & SF_TURN_WAITED) && !sf_cas_32(&t->word, word, word | SF_TURN_WAITED))
			continue;
		sf_sys_wait(&t->word, word | SF_TURN_WAITED);
	}
}

void
sf_turn_wake_slow(struct sf_turn *t)
{
	sf_swap_32(&t->word, 0);
	sf_sys_wake(&t->word, 1);
}
