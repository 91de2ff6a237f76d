// SPDX-License-Identifier: BSD-2-Clause
// dlsym.c: dlsym and dlvsym.
#include "verify.h"

#include "../base/ticks.h"
#include "../libc/facts.h"
#include "../observe/sites.h"

static struct sf_answer
dlsym_decline(struct sf_thread *t, const struct sf_question *q, enum sf_counter reason)
{
	return sf_pass(t, sf_outcome(q, SF_OUTCOME_PASS), reason);
}

/* The error of a negative answer, in the words libc would use for this caller and handle. */
static struct sf_answer
dlsym_negative(struct sf_thread *t, const struct sf_question *q, const struct sf_reply *r)
{
	const struct sf_object *named = q->handle == 0 ? q->caller : r->object;
	const struct link_map *map = (const struct link_map *)q->handle;
	const char *file;
	uint32_t turn;
	size_t len;

	if (q->handle == 0)
		map = (const struct link_map *)named->handle;
	else if (map == sf_next.main)
		named = NULL;
	file = sf_negative_file(named, map == sf_next.main ? map : NULL, &len);
	if (file == NULL || sf_learn_errors_raw())
		return dlsym_decline(t, q, SF_BYPASS_NEGATIVE);
	do {
		turn = sf_negative_write(t, file, len, q->name, q->name_len - 1, q->version,
					 q->version_len - (q->version != NULL));
		/* The record's name was read while this lifetime ran, or the answer is not given. */
		sf_fence_load();
		if (turn == 0 || !sf_object_is_gen(r->object, r->gen)) {
			t->pending = 0;
			return dlsym_decline(t, q, SF_BYPASS_NEGATIVE);
		}
		t->pending = 1;
	} while (!sf_negative_whole(t, turn));
	if (sf_unlikely(sf_verify_due(t, sf_outcome(q, SF_OUTCOME_NEGATIVE))) &&
	    !sf_verify_negative_stands(t, q, r, turn)) {
		t->pending = 0;
		sf_count_for(t, sf_outcome(q, SF_OUTCOME_NEGATIVE)); /* it was this one's turn */
		return SF_DECLINE;
	}
	sf_count_for(t, sf_outcome(q, SF_OUTCOME_NEGATIVE));
	return SF_ANSWER(NULL);
}

static struct sf_answer
dlsym_give(struct sf_thread *t, const struct sf_question *q, const struct sf_reply *r,
	   enum sf_outcome how)
{
	if (sf_unlikely(sf_facts_error_pending()))
		sf_facts_error_clear();
	if (r->verdict == SF_NEGATIVE)
		return dlsym_negative(t, q, r);
	if (r->verdict != SF_VALUE)
		return dlsym_decline(t, q, (enum sf_counter)(uintptr_t)r->value);
	if (sf_unlikely(sf_verify_due(t, sf_outcome(q, how))) && !sf_verify_value_stands(t, q, r)) {
		sf_count_for(t, sf_outcome(q, how)); /* it was this one's turn */
		return SF_DECLINE;
	}
	sf_count_for(t, sf_outcome(q, how));
	return SF_ANSWER(r->value);
}

/* It is not known how long this handle is valid, so nothing can be cached but that. */
static void
dlsym_mark_handle(const struct sf_question *q)
{
	sf_cell_mark(sf_cell_set_of(sf_table.cells, q), q->name, &sf_object_permanent, 1,
		     SF_BYPASS_HANDLE);
}

static struct sf_answer
dlsym_learn(struct sf_thread *t, struct sf_question *q)
{
	struct sf_learn_result result;
	uint64_t from = sf_ticks();
	enum sf_learnt learnt;

	sf_chores_hooks();
	learnt = sf_learn_copy(t, q, &result);

	/* RTLD_NEXT is not one call of libc's. */
	if (sf_unlikely(sf_sites_every != 0) && !sf_behind_is(q->handle))
		sf_histogram_add(sf_verify_function(q), SF_ARM_LIBC, sf_ticks_since(from));
	if (result.kept)
		sf_cell_keep(q, result.reply.entry);
	if (learnt == SF_LEARNT_REPLAY && result.why == SF_BYPASS_HANDLE)
		dlsym_mark_handle(q);
	if (learnt == SF_LEARNT_REPLAY)
		return dlsym_decline(t, q, result.why);
	if (result.kept && result.reply.verdict == SF_NEGATIVE)
		return dlsym_negative(t, q, &result.reply);
	sf_count_for(t, sf_outcome(q, SF_OUTCOME_LEARN));
	return SF_ANSWER(result.value);
}

/* A wrapped name is looked up: does the host get libc's own function? CONTRACT 36, 48. */
static struct sf_answer
dlsym_wrapped_name(struct sf_thread *t, const struct sf_question *q, const void *caller)
{
	void *value;

	if (q->handle == (uintptr_t)RTLD_NEXT || q->handle == 0) {
		if (q->kind == SF_KIND_VSYM || (q->handle != 0 && sf_facts_next_is_raw(caller)))
			sf_learn_raw(q->name);
		return dlsym_decline(t, q, SF_BYPASS_RAW);
	}
	value = q->kind == SF_KIND_VSYM ? sf_next.dlvsym((void *)q->handle, q->name, q->version)
					: sf_next.dlsym((void *)q->handle, q->name);
	if (value != NULL)
		sf_facts_error_none();
	if (value != NULL && sf_facts_is_raw(value))
		sf_learn_raw(q->name);
	sf_count_for(t, sf_outcome(q, SF_OUTCOME_LEARN));
	return SF_ANSWER(value);
}

/* Apart, as what follows if it is not found needs the stack for libc. */
static SF_NOINLINE bool
dlsym_found(struct sf_thread *t, const struct sf_question *q, struct sf_answer *a)
{
	struct sf_reply r;

	if (!sf_table_find(q, &r))
		return false;
	if (sf_thread_keeps(t))
		sf_cell_keep(q, r.entry);
	*a = dlsym_give(t, q, &r, SF_OUTCOME_SHARED);
	return true;
}

static struct sf_answer
dlsym_by_content(struct sf_thread *t, struct sf_question *q)
{
	struct sf_answer a;

	if (!sf_table_hash(q))
		return dlsym_decline(t, q, SF_BYPASS_LONG);
	if (dlsym_found(t, q, &a))
		return a;
	if (!sf_table_seen(q->hash))
		return dlsym_decline(t, q, SF_BYPASS_FIRST);
	return dlsym_learn(t, q);
}

/* What the fast path left: names without a cell, negative answers, first callers, everything unusual. */
static struct sf_answer
dlsym_look_up(void *handle, const char *name, const char *version, enum sf_kind kind,
	      const void *caller)
{
	struct sf_thread *t = &sf_thread;
	struct sf_question q = {
		.handle = (uintptr_t)handle, .name = name, .version = version, .kind = kind};
	enum sf_counter reason;

	SF_ENTRY_CHORES();
	sf_thread_passes(t);
	t->pending = 0;
	if (sf_unreadable(name) || (kind == SF_KIND_VSYM && sf_unreadable(version)))
		return dlsym_decline(t, &q, SF_BYPASS_NULL);
	if ((intptr_t)handle < -1) /* never a handle, and ours among them */
		return sf_pass(t, kind == SF_KIND_VSYM ? SF_DLVSYM_PASS : SF_DLSYM_PASS,
			       SF_BYPASS_HANDLE);
	if (name[0] == 'd' && sf_learn_is_wrapped(name))
		return dlsym_wrapped_name(t, &q, caller);
	if (sf_unlikely(!sf_verify_may_answer(t, sf_load_32(&sf_mode_word), &reason)))
		return sf_verify_symbol(t, &q, caller, reason);
	if (t->close_depth > 0)
		return dlsym_decline(t, &q, SF_BYPASS_NESTED);
	if (handle == RTLD_NEXT && !sf_verify_next(t, &q, caller))
		return dlsym_decline(t, &q, SF_BYPASS_NEXT);
	if (handle == RTLD_DEFAULT)
		q.caller = sf_caller_plain(t, caller);
	if (handle == RTLD_DEFAULT && q.caller == NULL) {
		if (t->block != NULL && !t->stock)
			sf_caller_note_gap(&t->not_plain, (uintptr_t)caller, SF_CALLER_PLAIN);
		return dlsym_decline(t, &q, SF_BYPASS_CALLER);
	}
	if (t->block == NULL && !sf_thread_attach(t))
		return dlsym_decline(t, &q, SF_BYPASS_BUSY);
	return dlsym_by_content(t, &q);
}

struct sf_answer
sf_entry_dlsym(void *handle, const char *name, long unused, const void *caller)
{
	(void)unused;
	if (sf_unlikely(!sf_prepare_is_live()))
		return sf_off_path_symbol(handle, name, false, caller);
	return dlsym_look_up(handle, name, NULL, SF_KIND_SYM, caller);
}

struct sf_answer
sf_entry_dlvsym(void *handle, const char *name, const char *version, const void *caller)
{
	if (sf_unlikely(!sf_prepare_is_live()))
		return sf_off_path_symbol(handle, name, true, caller);
	return dlsym_look_up(handle, name, version, SF_KIND_VSYM, caller);
}
