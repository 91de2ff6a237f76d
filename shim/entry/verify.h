// SPDX-License-Identifier: BSD-2-Clause
// verify.h: calls that libc answers although the shim could: observe, verify, off, the stock arm.
//
// Lifetimes, reference counts, raw hand-outs and pending errors are kept in every mode alike, so a
// change of the mode word needs no transition: ADR 0018.
#ifndef SF_VERIFY_H
#define SF_VERIFY_H

#include "entry.h"

#include "../observe/histogram.h"
#include "../rollout/breaker.h"

/* Does the map answer this call of this thread? Else `reason` is what it is counted as. */
SF_INLINE bool
sf_verify_may_answer(const struct sf_thread *t, uint32_t word, enum sf_counter *reason)
{
	if (sf_likely(word == SF_MODE_WORD_ON)) {
		*reason = SF_BYPASS_STOCK;
		return !t->stock;
	}
	*reason = word == SF_MODE_WORD_OBSERVE  ? SF_BYPASS_OBSERVE
		  : word == SF_MODE_WORD_VERIFY ? SF_BYPASS_VERIFY
						: SF_BYPASS_OFF;
	return false;
}

SF_INLINE enum sf_timed
sf_verify_function(const struct sf_question *q)
{
	if (q->kind == SF_KIND_OPEN)
		return SF_TIMED_DLOPEN;
	if (q->kind == SF_KIND_VSYM)
		return SF_TIMED_DLVSYM;
	if ((intptr_t)q->handle < 0)
		return SF_TIMED_NEXT;
	return q->handle == 0 ? SF_TIMED_DEFAULT : SF_TIMED_DLSYM;
}

/* RTLD_NEXT of a caller that the map answers: the question gets its handle. False: it is libc's. */
SF_INLINE bool
sf_verify_next(struct sf_thread *t, struct sf_question *q, const void *caller)
{
	q->caller = q->kind == SF_KIND_SYM ? sf_behind_caller(t, caller) : NULL;
	if (q->caller != NULL)
		q->handle = q->caller->handle;
	return q->caller != NULL;
}

/* dlsym and dlvsym: everything but names that are wrapped or cannot be read. */
struct sf_answer sf_verify_symbol(struct sf_thread *t, struct sf_question *q, const void *caller,
				  enum sf_counter reason);
/*
 * A hit of dlsym or dlvsym that was made and counted: its duration is recorded, and it is compared with
 * libc's answer, as `due` says. dlsym: `version` NULL. Returns the host's answer: libc's, if it was asked.
 * The arguments fit the registers, so that it can be jumped to.
 */
void *sf_verify_sampled(void *handle, const char *name, const char *version, void *value,
			unsigned int due, uint64_t ticks);
/* The same for a hit of dlopen or dlclose, which is only timed. */
void sf_verify_sampled_open(enum sf_timed function, unsigned int due, uint64_t ticks);

/* What differs, if it does: the function, its argument, and both answers. */
struct sf_verify_sides {
	const char *function, *name;
	struct sf_finding map, libc;
};
/*
 * A comparison is counted as `compared`. False: they are not the same, and libc's answer is the host's; told, but if a
 * hook of the host's may have answered in libc's place.
 */
bool sf_verify_judge(struct sf_thread *t, enum sf_counter compared, bool same,
		     const struct sf_verify_sides *sides);

/* Is the next one of these hits to be compared with libc's answer (verify:1/N)? Asked once for each. */
SF_INLINE bool
sf_verify_due(struct sf_thread *t, enum sf_counter hit)
{
	return t->block != NULL && sf_thread_next_hit_due(t, hit) &&
	       (sf_thread_take_sample(t, t->n[hit] + 1) & SF_DUE_CHECK);
}

/*
 * A hit that is due and not yet given: is it what libc says? The host's answer then stands, with libc's
 * error as it was before. False: pass the call through.
 */
bool sf_verify_value_stands(struct sf_thread *t, const struct sf_question *q,
			    const struct sf_reply *r);
/* The same for a negative one, whose text is written already, in this turn. */
bool sf_verify_negative_stands(struct sf_thread *t, const struct sf_question *q,
			       const struct sf_reply *r, uint32_t turn);
/* And for the handle of a dlopen that has just been elided. */
bool sf_verify_open_stands(struct sf_thread *t, const char *name, int mode, const void *handle);

/* What the map would answer to this dlopen. */
struct sf_claim {
	struct sf_reply reply;
	bool any;
};
struct sf_claim sf_verify_open_claim(struct sf_question *q);
/* Compares it with the handle that libc gave. */
void sf_verify_open_compare(struct sf_thread *t, const struct sf_question *q,
			    const struct sf_claim *c, const void *handle);

#endif
