// SPDX-License-Identifier: BSD-2-Clause
// verify.c: see verify.h.
#include "observe.h"

#include "../libc/facts.h"
#include "../libc/next.h"
#include <errno.h>

static struct sf_finding
verify_finding(const void *value)
{
	return (struct sf_finding){value != NULL ? SYMFAST_SHM_KIND_VALUE : SYMFAST_SHM_KIND_NULL,
				   value};
}

/* RTLD_DEFAULT, RTLD_NEXT: libc is to be asked by the host itself. */
static bool
verify_by_caller(const struct sf_question *q)
{
	return (intptr_t)q->handle <= 0;
}

static enum sf_counter
verify_compared(const struct sf_question *q, const struct sf_reply *r)
{
	if (q->kind == SF_KIND_OPEN)
		return SF_COMPARED_DLOPEN;
	if (r->verdict != SF_VALUE)
		return SF_COMPARED_NEGATIVE;
	if (q->kind == SF_KIND_VSYM)
		return SF_COMPARED_DLVSYM;
	if (verify_by_caller(q))
		return q->handle == 0 ? SF_COMPARED_DEFAULT : SF_COMPARED_NEXT;
	return SF_COMPARED_DLSYM;
}

bool
sf_verify_judge(struct sf_thread *t, enum sf_counter compared, bool same,
		const struct sf_verify_sides *sides)
{
	sf_count_for(t, compared);
	if (same) {
		sf_count_for(t, SF_VERIFY_SAME);
		sf_breaker_same();
		return true;
	}
	if (sf_chores_hooks())
		sf_count_for(t, SF_VERIFY_VOID); /* not libc's answer */
	else
		sf_breaker_mismatch(sides->function, sides->name, sides->map, sides->libc);
	return false;
}

/*
 * The reply was valid before libc was asked. If its lifetime still runs afterwards, it was the answer
 * all the time in between, and libc's may not differ. `alike`: so much is known to be the same.
 */
static bool
verify_compare_more(struct sf_thread *t, const struct sf_question *q, const struct sf_reply *r,
		    const void *value, bool alike)
{
	const void *kept = r->verdict == SF_VALUE ? r->value : NULL;
	struct sf_verify_sides sides = {.function = sf_histogram_name(sf_verify_function(q)),
					.name = q->name};

	sf_fence_load();
	if (SF_SEAM_LIE(q->name))
		kept = (const char *)kept + 1;
	if (!sf_object_is_gen(r->object, r->gen)) {
		sf_count_for(t, SF_VERIFY_VOID);
		return false;
	}
	sides.map = verify_finding(kept);
	sides.libc = verify_finding(value);
	return sf_verify_judge(t, verify_compared(q, r), kept == value && alike, &sides);
}

static bool
verify_compare(struct sf_thread *t, const struct sf_question *q, const struct sf_reply *r,
	       const void *value)
{
	return verify_compare_more(t, q, r, value, true);
}

bool
sf_verify_value_stands(struct sf_thread *t, const struct sf_question *q, const struct sf_reply *r)
{
	bool same = verify_compare(t, q, r, sf_observe_libc_says(q));

	sf_observe_forget_error();
	return same;
}

/*
 * By handle the text is libc's, too: both are of the same object. RTLD_DEFAULT is asked of the executable's
 * handle, whose text names another.
 */
bool
sf_verify_negative_stands(struct sf_thread *t, const struct sf_question *q,
			  const struct sf_reply *r, uint32_t turn)
{
	const void *value = sf_observe_libc_says(q);
	bool alike = true, same = false;
	const char *text;
	int saved = errno;

	if (value == NULL && q->handle != 0) {
		text = sf_next.dlerror();
		alike = text != NULL && sf_bytes_same(text, t->block->text);
	}
	errno = saved;
	/* A handler that came in between may have left a text of its own: nothing to compare. */
	if (sf_negative_whole(t, turn))
		same = verify_compare_more(t, q, r, value, alike);
	else
		sf_count_for(t, SF_VERIFY_VOID);
	sf_observe_forget_error();
	return same;
}

bool
sf_verify_open_stands(struct sf_thread *t, const char *name, int mode, const void *handle)
{
	const void *kept = SF_SEAM_LIE(name) ? (const char *)handle + 1 : handle;
	void *again;

	t->open_depth++;
	again = sf_next.dlopen(name[0] != '\0' ? name : NULL, mode | RTLD_NOLOAD);
	t->open_depth--;
	sf_count_for(t, SF_COMPARED_DLOPEN);
	if (again == kept)
		sf_count_for(t, SF_VERIFY_SAME);
	else
		sf_breaker_mismatch("dlopen", name, verify_finding(kept), verify_finding(again));
	if (again == kept)
		sf_breaker_same();
	/* A reference is elided, so this one is not the last. */
	if (again != NULL)
		sf_next.dlclose(again);
	sf_observe_forget_error();
	return again == kept;
}

static struct sf_answer
verify_passed(struct sf_thread *t, const struct sf_question *q, enum sf_counter reason)
{
	return sf_pass(t, sf_outcome(q, SF_OUTCOME_PASS), reason);
}

/*
 * Not in the map. What libc says while it is learnt is the host's answer: asked twice, the resolver of an
 * IFUNC would run twice (CONTRACT 10). But of a negative answer that is kept, libc's error is gone.
 */
static struct sf_answer
verify_learnt(struct sf_thread *t, struct sf_question *q)
{
	struct sf_learn_result result;
	bool answered = sf_table_seen(q->hash) &&
			sf_learn_copy(t, q, &result) == SF_LEARNT_ANSWER && !verify_by_caller(q) &&
			!(result.kept && result.reply.verdict == SF_NEGATIVE);

	verify_passed(t, q, SF_BYPASS_VERIFY);
	return answered ? SF_ANSWER(result.value) : SF_DECLINE;
}

/*
 * RTLD_DEFAULT is compared with a look-up by the executable's handle (CONTRACT 20), and is then made
 * once more by the host itself.
 */
static struct sf_answer
verify_by_libc(struct sf_thread *t, struct sf_question *q)
{
	struct sf_timing timing;
	struct sf_reply r;
	void *value;

	if (!sf_table_hash(q))
		return verify_passed(t, q, SF_BYPASS_LONG);
	if (!sf_table_find(q, &r))
		return verify_learnt(t, q);
	if (r.verdict == SF_PASS)
		return verify_passed(t, q, (enum sf_counter)(uintptr_t)r.value);
	timing = sf_timing_begin(sf_verify_function(q));
	value = sf_observe_libc_says(q);
	if (!sf_behind_is(q->handle)) /* not one call of libc's */
		sf_timing_end(&timing, sf_verify_function(q));
	verify_compare(t, q, &r, value);
	verify_passed(t, q, SF_BYPASS_VERIFY);
	return verify_by_caller(q) ? SF_DECLINE : SF_ANSWER(value);
}

struct sf_answer
sf_verify_symbol(struct sf_thread *t, struct sf_question *q, const void *caller,
		 enum sf_counter reason)
{
	if (reason == SF_BYPASS_OFF)
		return verify_passed(t, q, reason);
	if (t->close_depth > 0)
		return verify_passed(t, q, SF_BYPASS_NESTED);
	if (q->handle == (uintptr_t)RTLD_NEXT && !sf_verify_next(t, q, caller))
		return verify_passed(t, q, SF_BYPASS_NEXT);
	if (t->block == NULL && !sf_thread_attach(t))
		return verify_passed(t, q, SF_BYPASS_BUSY);
	if (reason != SF_BYPASS_VERIFY)
		return sf_observe_symbol(t, q, caller, reason);
	if (q->handle == 0) {
		q->caller = sf_caller_plain(t, caller);
		if (q->caller == NULL)
			return verify_passed(t, q, SF_BYPASS_CALLER);
	}
	return verify_by_libc(t, q);
}

/*
 * The hit's own cell may have been for another lifetime: whose it was is asked of the map again. RTLD_DEFAULT is
 * asked of the executable's handle, which says the same for a caller that was answered (CONTRACT 20).
 */
static void *
verify_checked(struct sf_thread *t, const struct sf_question *q, void *value)
{
	struct sf_reply r;
	void *truth;

	if (!sf_table_find(q, &r) || r.verdict != SF_VALUE) {
		sf_count_for(t, SF_VERIFY_VOID);
		return value;
	}
	r.value = value;
	t->pending = 0;
	truth = sf_observe_libc_says(q);
	verify_compare(t, q, &r, truth);
	return truth;
}

void
sf_verify_sampled_open(enum sf_timed function, unsigned int due, uint64_t ticks)
{
	if ((due & SF_DUE_TIME) && sf_histogram_add(function, SF_ARM_MAP, ticks))
		sf_count_for(&sf_thread, SF_SAMPLE_HIT);
}

void *
sf_verify_sampled(void *handle, const char *name, const char *version, void *value,
		  unsigned int due, uint64_t ticks)
{
	struct sf_question q = {.handle = (uintptr_t)handle,
				.name = name,
				.version = version,
				.kind = version != NULL ? SF_KIND_VSYM : SF_KIND_SYM};

	sf_verify_sampled_open(sf_verify_function(&q), due, ticks);
	if (!(due & SF_DUE_CHECK) || !sf_table_hash(&q))
		return value;
	return verify_checked(&sf_thread, &q, value);
}

struct sf_claim
sf_verify_open_claim(struct sf_question *q)
{
	struct sf_claim c = {.any = false};
	uint64_t s;

	if (!sf_table_hash(q) || !sf_table_find(q, &c.reply))
		return c;
	s = sf_load_64(&c.reply.object->state);
	sf_fence_load(); /* as elide(): the lifetime is looked at before libc is asked */
	c.any = SF_STATE_GEN(s) == c.reply.gen && SF_STATE_REAL(s) > 0;
	return c;
}

void
sf_verify_open_compare(struct sf_thread *t, const struct sf_question *q, const struct sf_claim *c,
		       const void *handle)
{
	if (c->any)
		verify_compare(t, q, &c->reply, handle);
}
