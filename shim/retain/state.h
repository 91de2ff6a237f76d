// SPDX-License-Identifier: BSD-2-Clause
// state.h: what the files of shim/retain share: limits, and the state of an operation. Written under ld.so's lock.
#ifndef SF_RETAIN_STATE_H
#define SF_RETAIN_STATE_H

#include "retain.h"
#include "sets.h"

#define SF_RETAIN_QUEUE 16

struct sf_retain_state_of {
	struct sf_retain_limits limits;
	const void *busy; /* the record of the thread that is inside an operation; NULL: none */
	uint64_t turn;    /* number of the last close */
	uint32_t closing; /* destructors of a retained set run */
	uint8_t frozen;   /* what is known is not to be trusted: all is libc's */
	unsigned int queued;
	void *queue[SF_RETAIN_QUEUE]; /* closes that destructors asked for */
};

extern SF_HIDDEN struct sf_retain_state_of sf_retain_state_of;

/* Does the mode let retained objects be handed out (on, verify, ab)? In the others libc loads and unloads. */
bool sf_retain_serves(void);

/* Sets the state of each place of a set. */
void sf_retain_set_state(sf_retain_set set, enum sf_retain_state state);

/*
 * Lets go of this one; of all that is closed; of all, if any one's file has changed (then neither we nor libc may read
 * its memory); of the oldest, until so many are left; of those that are closed for too long.
 */
void sf_retain_release_one(int place);
void sf_retain_release_all(void);
void sf_retain_release_changed(void);
void sf_retain_release_beyond(unsigned int most);
void sf_retain_release_idle(void);
/* Gives libc's extra references back, before something is to go: whoever else needs an object holds it. */
void sf_retain_release_extra(void);

/* One dlclose and one dlopen, under ld.so's lock. */
int sf_retain_close(void *handle);
void *sf_retain_open(const char *name, int mode);

#endif
