// SPDX-License-Identifier: BSD-2-Clause
// learn.h: asks libc on the host's behalf and keeps what the contract proves (CONTRACT 12, 15-22).
#ifndef SF_LEARN_H
#define SF_LEARN_H

#include "negative.h"
#include "stack.h"

enum sf_learnt {
	SF_LEARNT_ANSWER, /* `value` is the host's answer; error state is as libc leaves it */
	SF_LEARNT_REPLAY, /* pass the call through: libc must be asked as the host */
};

struct sf_learn_result {
	struct sf_reply reply;
	bool kept;           /* `reply` is in the table */
	enum sf_counter why; /* reason for a replay */
	void *value;
};

/*
 * Asks dlsym or dlvsym for question `q`. RTLD_DEFAULT (handle 0) is asked of the executable's
 * handle; the caller must have been found plain. Takes libc's loader lock, as the host's own call
 * would.
 */
enum sf_learnt sf_learn(struct sf_thread *t, const struct sf_question *q,
			struct sf_learn_result *out);

/*
 * libc's dlerror, for a thread with SF_PENDING_OWED: what could not be learnt at the look-up is learnt if
 * the text is ours, byte for byte.
 */
const char *sf_learn_owed(struct sf_thread *t);

/*
 * Learns a question that has been seen before. libc is asked with a copy of the names, and they are kept
 * from there: if the host changes its string meanwhile, other answers stay right.
 */
enum sf_learnt sf_learn_copy(struct sf_thread *t, struct sf_question *q,
			     struct sf_learn_result *result);

/* The host holds, or asks for, one of libc's own functions under this name. */
void sf_learn_raw(const char *name);
/* Called then, if set: the room that retains objects has to let them go. */
extern SF_HIDDEN void (*sf_learn_on_raw)(void);
/* A dlopen of this name is passed through: its handle may be adopted at the first look-up. */
void sf_learn_passed_open(const char *name);
/* libc is about to close this handle: it is not adopted again. */
void sf_learn_closing(const void *handle);
/* No negative answer may be given: libc's own dlerror may clear the error unseen. */
extern SF_HIDDEN uint8_t sf_learn_raw_errors;
SF_INLINE bool
sf_learn_errors_raw(void)
{
	return sf_load_8(&sf_learn_raw_errors) != 0;
}
/* Is this one of the wrapped names? */
bool sf_learn_is_wrapped(const char *name);
/* More than one namespace exists: handles are not adopted, global negatives not kept. */
void sf_learn_namespaces(void);
bool sf_learn_has_namespaces(void);

#endif
