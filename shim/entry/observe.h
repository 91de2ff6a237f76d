// SPDX-License-Identifier: BSD-2-Clause
// entry/observe.h: calls that libc answers while they are counted and timed: mode observe, the stock arm.
//
// What is noted is what the estimate needs (observe/estimate.h): how long libc takes, and which calls the
// map would answer. Nothing is kept but fingerprints of questions.
#ifndef SF_ENTRY_OBSERVE_H
#define SF_ENTRY_OBSERVE_H

#include "verify.h"

#include "../observe/timing.h"

/* A look-up as libc answers it, RTLD_DEFAULT by the executable's handle (CONTRACT 20). */
void *sf_observe_libc_says(const struct sf_question *q);
/* libc's error of a question of ours is not the host's. */
void sf_observe_forget_error(void);

/* dlsym and dlvsym, in a thread that has a block. */
struct sf_answer sf_observe_symbol(struct sf_thread *t, struct sf_question *q, const void *caller,
				   enum sf_counter reason);

/* Is this thread's call of a function by address counted and timed? For calls that were not answered. */
SF_INLINE bool
sf_observe_address(const struct sf_thread *t)
{
	uint32_t word = sf_load_32(&sf_mode_word);

	return word == SF_MODE_WORD_OBSERVE || (word == SF_MODE_WORD_ON && t->stock);
}

/* Notes an address that libc has just answered for: would the map? Counted as `kind` if so. */
void sf_observe_note_address(struct sf_thread *t, const void *address, enum sf_counter kind);

/* realpath of a Go host's executable, which its plugin.Open calls first (go/go.h). */
SF_HIDDEN char *sf_observe_realpath(const char *name, char *out);

/* A dlopen that libc has answered with an object that was open: would the map have? */
void sf_observe_note_open(struct sf_thread *t, struct sf_question *q, const void *handle);

#endif
