// SPDX-License-Identifier: BSD-2-Clause
// fast_next.c: dlsym(RTLD_NEXT): a hit for a caller of the initial set, or a jump; as fast.c.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

/* Everything declared from here on is this library's own: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "fast.h"

#include "../base/ticks.h"
#include "../libc/facts.h"

/* Counted, and libc is asked. */
SF_INLINE void *
fast_next_passed(struct sf_thread *t, void *handle, const char *name, enum sf_counter reason)
{
	uint64_t *n = t->n; /* read once */

	n[SF_NEXT_PASS]++;
	n[reason]++;
	t->pending = 0;
	return sf_next.dlsym(handle, name);
}

static SF_NOINLINE void *
fast_next_tick(void *value)
{
	SF_ENTRY_CHORES();
	sf_chores_hooks();
	sf_thread_sample_next(&sf_thread, sf_thread.n[SF_NEXT_HIT]);
	return value;
}

/* One hit in so many, as it is for dlsym by handle: timed, and perhaps compared. */
static SF_NOINLINE void *
fast_next_sample_due(void *handle, const char *name)
{
	struct sf_thread *t = &sf_thread;
	uintptr_t key = t->behind->handle;
	unsigned int due = sf_thread_due(t);
	uint64_t from = sf_ticks();
	uint32_t seq;
	const struct sf_cell *c =
		sf_cell_tagged(sf_cell_set(t->cells, key, name), sf_cell_tag(name), &seq);
	void *value;

	if (c == NULL || sf_facts_error_pending() || !sf_cell_value(c, seq, key, name, &value))
		return sf_full_dlsym(handle, name);
	from = sf_ticks_since(from);
	if (sf_thread_hit(t, SF_NEXT_HIT))
		sf_thread_sample_next(t, t->n[SF_NEXT_HIT]);
	return sf_verify_sampled((void *)key, name, NULL, value, due, from);
}

/* One marked look-up in so many goes the whole way. */
SF_INLINE void *
fast_next_marked(struct sf_thread *t, void *handle, const char *name, const struct sf_cell *c)
{
	if (sf_fast_perhaps_wrapped(name) ||
	    sf_unlikely(sf_clear_32((const uint32_t *)(const void *)&t->n[SF_NEXT_PASS],
				    SF_CELL_MARK_TRUST - 1)))
		return sf_full_dlsym(handle, name);
	return fast_next_passed(t, handle, name, (enum sf_counter)sf_cell_mark_why(c));
}

/* Nothing under this address. With a sample due the thread has an empty table. */
static SF_NOINLINE void *
fast_next_no_cell(void *handle, const char *name)
{
	struct sf_thread *t = &sf_thread;

	if (t->stock || !sf_fast_may_answer(t, name))
		return sf_full_dlsym(handle, name);
	if (t->due != SF_DUE_NOTHING)
		return fast_next_sample_due(handle, name);
	return sf_full_dlsym(handle, name);
}

/* Not the caller that was answered last. Where none is there is a block. */
SF_INLINE void *
fast_next_of_other(struct sf_thread *t, void *handle, const char *name, const void *caller)
{
	if (sf_unlikely(!sf_thread_in_gap(t->not_behind, caller) || sf_unreadable(name)) ||
	    sf_fast_perhaps_wrapped(name))
		return sf_full_dlsym(handle, name);
	return fast_next_passed(t, handle, name, SF_BYPASS_NEXT);
}

void *
sf_fast_next_dlsym(void *handle, const char *name)
{
	struct sf_thread *t = &sf_thread;
	const struct sf_object *b = t->behind; /* read once */
	const struct sf_cell *c;
	uintptr_t key;
	uint32_t seq;
	void *value;

	if (sf_unlikely(!sf_object_is_caller(b, __builtin_return_address(0))))
		return fast_next_of_other(t, handle, name, __builtin_return_address(0));
	key = b->handle;
	c = sf_cell_set(t->cells, key, name);
	seq = sf_load_32(&c->seq);
	sf_fence_load(); /* as in sf_cell_seq */
	if (sf_unlikely(!sf_holds_32(&c->tag, sf_cell_tag(name)))) {
		if (sf_cell_marked(c, name))
			return fast_next_marked(t, handle, name, c);
		seq = sf_load_32(&(++c)->seq);
		sf_fence_load();
		if (!sf_holds_32(&c->tag, sf_cell_tag(name)))
			return sf_cell_marked(c, name) ? fast_next_marked(t, handle, name, c)
						       : fast_next_no_cell(handle, name);
	}
	if (sf_unlikely(!sf_cell_value(c, seq | 1u, key, name, &value) || sf_facts_error_pending()))
		return fast_next_no_cell(handle, name);
	if (sf_unlikely(sf_thread_hit(t, SF_NEXT_HIT)))
		return fast_next_tick(value);
	return value;
}

#pragma GCC visibility pop
