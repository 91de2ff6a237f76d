// SPDX-License-Identifier: BSD-2-Clause
// observe.c: see observe.h.
#include "observe.h"

#include "../base/ticks.h"
#include "../libc/facts.h"
#include "../map/address.h"
#include "../map/behind.h"

#define DEFAULTS 16 /* one RTLD_DEFAULT in so many is timed */
#define MIX      0x9e3779b97f4a7c15ull

void *
sf_observe_libc_says(const struct sf_question *q)
{
	void *handle = q->handle == 0 ? sf_next.main : (void *)q->handle;

	if (sf_behind_is(q->handle))
		return sf_behind_libc_says(q);
	return q->kind == SF_KIND_VSYM ? sf_next.dlvsym(handle, q->name, q->version)
				       : sf_next.dlsym(handle, q->name);
}

void
sf_observe_forget_error(void)
{
	if (sf_facts_error_pending())
		sf_facts_error_clear();
}

/* The lifetime that a handle has now, 0: of those that are not known. */
static uint32_t
observe_lifetime(uintptr_t handle)
{
	const struct sf_object *o = sf_object_find((const void *)handle);

	return o != NULL ? SF_STATE_GEN(sf_load_64(&o->state)) : 0;
}

enum observed { FIRST, LEARNT, ANSWERED };

/*
 * As the map does it: seen once, a question is passed; again, it is learnt for the lifetime that its handle has
 * then; and answered from there on, until that ends. Two fingerprints stand for it.
 */
static enum observed
observe_question(struct sf_question *q, uintptr_t handle)
{
	if (!sf_table_hash(q) || !sf_table_seen(q->hash))
		return FIRST;
	return sf_table_seen((q->hash ^ (observe_lifetime(handle) + 1ull) * MIX) * MIX) ? ANSWERED
											: LEARNT;
}

static enum sf_counter
observe_counter(const struct sf_question *q)
{
	if (q->kind == SF_KIND_VSYM)
		return SF_OBSERVE_DLVSYM;
	if (sf_behind_is(q->handle))
		return SF_OBSERVE_NEXT;
	return q->handle == 0 ? SF_OBSERVE_DEFAULT : SF_OBSERVE_DLSYM;
}

static void
observe_note_symbol(struct sf_thread *t, struct sf_question *q)
{
	enum observed what = observe_question(q, q->handle);

	if (what == LEARNT)
		sf_count_for(t, SF_OBSERVE_LEARN);
	if (what != ANSWERED)
		return;
	sf_count_for(t, SF_OBSERVE_REPEAT);
	sf_count_for(t, observe_counter(q));
}

static struct sf_answer
observe_timed(struct sf_thread *t, const struct sf_question *q, enum sf_counter reason)
{
	struct sf_timing timing = sf_timing_begin(sf_verify_function(q));
	void *value = sf_observe_libc_says(q);

	sf_timing_end(&timing, sf_verify_function(q));
	sf_pass(t, sf_outcome(q, SF_OUTCOME_PASS), reason);
	return SF_ANSWER(value);
}

/* One call in so many, whatever pattern they have. */
static bool
observe_seldom(uint32_t every)
{
	return (uint32_t)(sf_ticks() * MIX >> 32) < UINT32_MAX / every;
}

/*
 * RTLD_DEFAULT in an object that was opened later makes libc keep that object for the caller: only a call of the
 * host's own does so (CONTRACT 20).
 */
static bool
observe_finds_initial(const char *name)
{
	return sf_object_global_untouched() && !sf_facts_later_may_define(name);
}

/*
 * By handle a look-up does not depend on its caller (CONTRACT 15), so it can be made from here. One of a plain
 * caller's RTLD_DEFAULT can (CONTRACT 20), but for the text of its error: libc is then asked by the host itself, and
 * so it is for every RTLD_NEXT.
 */
struct sf_answer
sf_observe_symbol(struct sf_thread *t, struct sf_question *q, const void *caller,
		  enum sf_counter reason)
{
	struct sf_answer a;

	if (q->handle == 0) {
		q->caller = sf_caller_plain(t, caller);
		if (q->caller == NULL)
			return sf_pass(t, sf_outcome(q, SF_OUTCOME_PASS), SF_BYPASS_CALLER);
	}
	observe_note_symbol(t, q);
	if (q->handle != 0 && !sf_behind_is(q->handle))
		return observe_timed(t, q, reason);
	if (q->handle != 0 || !observe_seldom(DEFAULTS) || !observe_finds_initial(q->name))
		return sf_pass(t, sf_outcome(q, SF_OUTCOME_PASS), reason);
	a = observe_timed(t, q, reason);
	if (a.value != NULL)
		return a;
	sf_observe_forget_error();
	return SF_DECLINE;
}

void
sf_observe_note_address(struct sf_thread *t, const void *address, enum sf_counter kind)
{
	struct link_map *map;
	uintptr_t lo, hi;

	if (!sf_address_serves() || !sf_facts_object(address, &map, &lo, &hi))
		return;
	sf_count_for(t, kind);
	if (!sf_table_seen(((uintptr_t)map ^ lo << 1) * MIX))
		sf_count_for(t, SF_OBSERVE_OBJECT);
}

void
sf_observe_note_open(struct sf_thread *t, struct sf_question *q, const void *handle)
{
	if (observe_question(q, (uintptr_t)handle) == ANSWERED)
		sf_count_for(t, SF_OBSERVE_DLOPEN);
}

/* Would this name's plugin be known? One that is opened for the first time is not. */
static void
observe_note_path(struct sf_thread *t, const char *name)
{
	struct sf_question q = {
		.handle = SF_OBJECT_DEFAULT - 1, .name = name, .kind = SF_KIND_OPEN};

	sf_thread_passes(t);
	if (sf_table_hash(&q) && sf_table_seen(q.hash))
		sf_count_for(t, SF_OBSERVE_REALPATH);
}

char *
sf_observe_realpath(const char *name, char *out)
{
	struct sf_timing timing;
	char *path;

	if (name == NULL || sf_load_32(&sf_mode_word) != SF_MODE_WORD_OBSERVE)
		return sf_next.realpath(name, out);
	timing = sf_timing_begin(SF_TIMED_REALPATH);
	path = sf_next.realpath(name, out);
	sf_timing_end(&timing, SF_TIMED_REALPATH);
	if (path != NULL)
		observe_note_path(&sf_thread, name);
	return path;
}
