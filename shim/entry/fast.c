// SPDX-License-Identifier: BSD-2-Clause
// fast.c: dlsym itself: a hit, or a jump to the full wrapper.
//
// Every function here either returns or ends in a sibling call (a jump), so that the full wrapper and
// libc still see the host's return address on top of the stack. tests/asm checks the built object:
// no call instruction reaches sf_full_* or sf_next.
//
// Budget of a dlsym hit: 50 instructions, no store but the thread's own counter and flag, no atomic;
// lines read: thread record, cell, generation.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

/* Everything declared from here on is this library's own: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "fast.h"

#include "../base/ticks.h"
#include "../libc/facts.h"

/* Every so many hits: apart, so that the wrapper stays a leaf. */
static SF_NOINLINE void *
fast_tick(void *value, enum sf_counter hit)
{
	SF_ENTRY_CHORES();
	sf_chores_hooks();
	sf_thread_sample_next(&sf_thread, sf_thread.n[hit]);
	return value;
}

/* What a step of the way has found, and what is next; both travel in registers. */
struct fast_step {
	void *value;
	enum { FOUND, ASK_FULL, ASK_LIBC, GO_ON } next;
};

#define STEP(value, next) ((struct fast_step){(value), (next)})

/* The end of each way: the value, or a jump. A step that says GO_ON is not the last. */
SF_INLINE void *
fast_finish(void *handle, const char *name, struct fast_step step)
{
	if (sf_likely(step.next == FOUND))
		return step.value;
	return step.next == ASK_LIBC ? sf_next.dlsym(handle, name) : sf_full_dlsym(handle, name);
}

SF_INLINE enum sf_counter
fast_outcome(const void *handle, enum sf_outcome o)
{
	return (handle == RTLD_DEFAULT ? SF_DEFAULT_HIT : SF_DLSYM_HIT) + o;
}

/* Declined here and now: counted, and libc is to be asked. In few instructions: it must cost the host nothing. */
SF_INLINE struct fast_step
fast_passed(struct sf_thread *t, uint64_t *n, const void *handle, enum sf_counter reason)
{
	n[fast_outcome(handle, SF_OUTCOME_PASS)]++;
	n[reason]++;
	t->pending = 0;
	return STEP(NULL, ASK_LIBC);
}

/* By the name's address (a hit), or by its content (shared). */
SF_INLINE struct fast_step
fast_found(struct sf_thread *t, const void *handle, void *value, enum sf_outcome how)
{
	enum sf_counter hit = fast_outcome(handle, how);

	if (sf_thread_hit(t, hit)) {
		SF_ENTRY_LOOK();
		sf_thread_sample_next(t, t->n[hit]);
	}
	return STEP(value, FOUND);
}

/* One marked look-up in so many goes the whole way. */
SF_INLINE bool
fast_mark_due(const uint64_t *n, const void *handle)
{
	const void *passes = &n[fast_outcome(handle, SF_OUTCOME_PASS)];

	return sf_clear_32((const uint32_t *)passes, SF_CELL_MARK_TRUST - 1);
}

/*
 * A negative hit: libc's error text, from our own copies of the names. They are used only if the
 * entry and the lifetime they belong to are still the ones that answered.
 */
SF_INLINE struct fast_step
fast_negative(struct sf_thread *t, const void *handle, const struct sf_entry *e,
	      const struct sf_reply *r)
{
	size_t len = sf_load_8(&r->object->file_len);
	uint32_t turn;

	/* RTLD_DEFAULT names its caller: the full wrapper knows it. One in so many is compared there. */
	if (len == 0 || handle == RTLD_DEFAULT || sf_learn_errors_raw() ||
	    !sf_negative_named(r->object, handle))
		return STEP(NULL, ASK_FULL);
	if (sf_unlikely(sf_thread_next_hit_due(t, SF_DLSYM_NEGATIVE))) {
		SF_ENTRY_LOOK();
		if (sf_thread_sample(t, t->n[SF_DLSYM_NEGATIVE] + 1) & SF_DUE_CHECK)
			return STEP(NULL, ASK_FULL);
		sf_thread_take_sample(t, t->n[SF_DLSYM_NEGATIVE] + 1);
	}
	do {
		turn = sf_negative_write_stored(t, r->object->file, len, e->name,
						(size_t)sf_load_16(&e->name_len) - 1);
		if (turn == 0 || !sf_entry_still(e, r)) {
			t->pending = 0;
			return STEP(NULL, ASK_FULL);
		}
		t->pending = 1;
	} while (!sf_negative_whole(t, turn));
	t->n[SF_DLSYM_NEGATIVE]++;
	return STEP(NULL, FOUND);
}

/* The handle that the lifetimes of its answers have. */
SF_INLINE uintptr_t
fast_lifetime_handle(const void *handle)
{
	return handle != RTLD_DEFAULT ? (uintptr_t)handle : SF_OBJECT_DEFAULT;
}

/* What a cell says that holds no value: the entry that it refers to. */
static SF_NOINLINE struct fast_step
fast_read_entry(void *handle, const char *name, const struct sf_cell *c)
{
	struct sf_thread *t = &sf_thread;
	uint32_t seq = sf_cell_seq(c);
	const struct sf_entry *e = sf_cell_entry(c, seq);
	struct sf_reply r;

	/* The tag again, after the number: the cell may be another name's by now. */
	if (e == NULL || !sf_holds_32(&c->tag, sf_cell_tag(name)) || sf_facts_error_pending() ||
	    !sf_entry_answers(e, (uintptr_t)handle, name, NULL, SF_KIND_SYM, &r))
		return STEP(NULL, GO_ON);
	if (r.verdict == SF_NEGATIVE)
		return fast_negative(t, handle, e, &r);
	return r.verdict == SF_VALUE ? fast_found(t, handle, r.value, SF_OUTCOME_HIT)
				     : STEP(NULL, ASK_FULL);
}

/* Not found: a first sighting goes on to libc at once. */
SF_INLINE struct fast_step
fast_missed(struct sf_thread *t, const void *handle, uint64_t hash)
{
	if (sf_table_seen(hash))
		return STEP(NULL, ASK_FULL);
	return fast_passed(t, t->n, handle, SF_BYPASS_FIRST);
}

/* A long name, or one at the end of a page. */
static SF_NOINLINE struct fast_step
fast_find_long(struct sf_thread *t, void *handle, const char *name)
{
	struct sf_question q = {.handle = (uintptr_t)handle, .name = name, .kind = SF_KIND_SYM};
	struct sf_reply r;

	if (!sf_table_hash(&q))
		return STEP(NULL, ASK_FULL);
	if (!sf_table_find(&q, &r))
		return fast_missed(t, handle, q.hash);
	if (r.verdict != SF_VALUE || sf_facts_error_pending())
		return STEP(NULL, ASK_FULL);
	if (sf_thread_keeps(t))
		sf_cell_keep(&q, r.entry);
	return fast_found(t, handle, r.value, SF_OUTCOME_SHARED);
}

static SF_NOINLINE void
fast_keep_short(void *handle, const char *name, uint32_t entry)
{
	struct sf_question q = {.handle = (uintptr_t)handle, .name = name, .kind = SF_KIND_SYM};

	sf_cell_keep(&q, entry);
}

/* By content: the name is in a fresh buffer, or one of more names than there are cells. */
static SF_NOINLINE struct fast_step
fast_find(struct sf_thread *t, void *handle, const char *name)
{
	struct sf_short s;
	uint64_t hash;
	uint32_t entry;
	void *value;

	if (sf_unlikely(!sf_bytes_load_short(name, &s) || !sf_cell_has_room(name)))
		return fast_find_long(t, handle, name);
	hash = sf_table_hash_short(&s, (uintptr_t)handle, SF_KIND_SYM);
	entry = sf_table_value_short((uintptr_t)handle, &s, hash, &value);
	if (entry == 0)
		return fast_missed(t, handle, hash);
	if (sf_facts_error_pending())
		return STEP(NULL, ASK_FULL);
	if (sf_thread_keeps(t))
		fast_keep_short(handle, name, entry);
	return fast_found(t, handle, value, SF_OUTCOME_SHARED);
}

static void *fast_sample_due(void *handle, const char *name);

/* Nothing under this address. A thread that has a sample due, or is not answered, has an empty table. */
static SF_NOINLINE void *
fast_no_cell(void *handle, const char *name)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(t->due != SF_DUE_NOTHING))
		return fast_sample_due(handle, name);
	if (sf_unlikely(t->stock || !sf_fast_may_answer(t, name)))
		return sf_full_dlsym(handle, name);
	return fast_finish(handle, name, fast_find(t, handle, name));
}

/* The name's cell, but not a value for this question. */
static SF_NOINLINE void *
fast_cell_without_value(void *handle, const char *name, const struct sf_cell *c)
{
	struct fast_step step = fast_read_entry(handle, name, c);

	if (sf_unlikely(step.next == GO_ON))
		return fast_no_cell(handle, name);
	return fast_finish(handle, name, step);
}

/* A marked address. */
SF_INLINE void *
fast_marked(struct sf_thread *t, void *handle, const char *name, const struct sf_cell *c)
{
	uint64_t *n = t->n; /* read once */

	if (sf_fast_perhaps_wrapped(name) || sf_unlikely(fast_mark_due(n, handle)))
		return sf_full_dlsym(handle, name);
	return fast_finish(handle, name,
			   fast_passed(t, n, handle, (enum sf_counter)sf_cell_mark_why(c)));
}

/* A value in the thread's table, for RTLD_DEFAULT of a plain caller, or for a handle. */
SF_INLINE void *
fast_answer(struct sf_thread *t, void *handle, const char *name)
{
	enum sf_counter hit = fast_outcome(handle, SF_OUTCOME_HIT);
	const struct sf_cell *c = sf_cell_set(t->cells, (uintptr_t)handle, name);
	struct sf_cell_reading r;
	uint32_t seq = sf_load_32(&c->seq);

	sf_fence_load(); /* as in sf_cell_seq */
	if (sf_unlikely(!sf_holds_32(&c->tag, sf_cell_tag(name)))) {
		if (sf_unlikely(sf_cell_marked(c, name)))
			return fast_marked(t, handle, name, c);
		seq = sf_load_32(&(++c)->seq);
		sf_fence_load();
		if (sf_unlikely(!sf_holds_32(&c->tag, sf_cell_tag(name))))
			return sf_unlikely(sf_cell_marked(c, name))
				       ? fast_marked(t, handle, name, c)
				       : fast_no_cell(handle, name);
	}
	if (sf_unlikely(!sf_cell_read(c, name, &r)) ||
	    sf_unlikely(!sf_cell_of_handle(&r, fast_lifetime_handle(handle))) ||
	    sf_unlikely(!sf_cell_still(c, seq | 1u, &r) || sf_facts_error_pending()))
		return fast_cell_without_value(handle, name, c);
	if (sf_unlikely(sf_thread_hit(t, hit)))
		return fast_tick(r.value, hit);
	return r.value;
}

/*
 * RTLD_DEFAULT depends on its caller: what cannot be answered for it is one jump away. A
 * thread that knows a caller that is not plain has a block, and is answered by the map.
 */
static SF_NOINLINE __attribute__((noipa)) void *
fast_default_dlsym(void *handle, const char *name)
{
	const void *caller = __builtin_return_address(0);
	struct sf_thread *t = &sf_thread;

	if (sf_likely(sf_object_is_caller(t->caller, caller)))
		return fast_answer(t, RTLD_DEFAULT, name);
	if (sf_unlikely(!sf_thread_is_not_plain(t, caller) || sf_unreadable(name)) ||
	    sf_fast_perhaps_wrapped(name))
		return sf_full_dlsym(handle, name);
	return fast_finish(handle, name, fast_passed(t, t->n, RTLD_DEFAULT, SF_BYPASS_CALLER));
}

/* The sample of a name that is in no cell, or in one whose buffer holds another by now. */
static SF_NOINLINE void *
fast_sample_content(void *handle, const char *name, unsigned int due, uint64_t from)
{
	struct sf_thread *t = &sf_thread;
	struct fast_step step;

	if (!sf_fast_may_answer(t, name))
		return sf_full_dlsym(handle, name);
	step = fast_find(t, handle, name);
	if (step.next != FOUND)
		return fast_finish(handle, name, step);
	return sf_verify_sampled(handle, name, NULL, step.value, due, sf_ticks_since(from));
}

/*
 * This look-up is the one in so many: timed, if it is a hit, and perhaps compared. What is timed is the
 * hit's own work, with the caches as the host has left them. From here on the thread has its cells again.
 */
static SF_NOINLINE void *
fast_sample_due(void *handle, const char *name)
{
	struct sf_thread *t = &sf_thread;
	enum sf_counter hit = fast_outcome(handle, SF_OUTCOME_HIT);
	unsigned int due = sf_thread_due(t);
	struct sf_cell *table = SF_NO_CELLS;
	const struct sf_cell *c;
	uint64_t from;
	uint32_t seq;
	void *value;
	bool found;

	/*
	 * Once with the empty table: the code that takes the time is as cold as it is rare, where a hit's is not. What the
	 * host has left in the caches is read the second time only.
	 */
	for (int turn = 0; turn < 2; turn++) {
		from = sf_ticks();
		c = sf_cell_tagged(sf_cell_set(table, (uintptr_t)handle, name), sf_cell_tag(name),
				   &seq);
		found = c != NULL &&
			sf_cell_value(c, seq, fast_lifetime_handle(handle), name, &value);
		table = t->cells;
	}
	if (!found || sf_facts_error_pending())
		return fast_sample_content(handle, name, due, from);
	from = sf_ticks_since(from);
	if (sf_thread_hit(t, hit))
		sf_thread_sample_next(t, t->n[hit]);
	return sf_verify_sampled(handle, name, NULL, value, due, from);
}

/* Any other one is wild. */
SF_INLINE void *
fast_special_dlsym(void *handle, const char *name)
{
	if (handle == RTLD_DEFAULT)
		return fast_default_dlsym(handle, name);
	return handle == RTLD_NEXT ? sf_fast_next_dlsym(handle, name) : sf_full_dlsym(handle, name);
}

SF_EXPORT void *
dlsym(void *restrict handle, const char *restrict name)
{
	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON))
		return sf_full_dlsym(handle, name);
	if (sf_unlikely(sf_fast_is_special(handle)))
		return fast_special_dlsym(handle, name);
	return fast_answer(&sf_thread, handle, name);
}
#pragma GCC visibility pop
