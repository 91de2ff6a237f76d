// SPDX-License-Identifier: BSD-2-Clause
// dlsym.c: dlsym and dlvsym.
#include "ask.h"

#include "../base/ticks.h"
#include "../libc/facts.h"
#include "../observe/sites.h"

static struct sf_answer
dlsym_decline(struct sf_thread *t, const struct sf_question *q, enum sf_counter reason)
{
	return sf_pass(t, sf_outcome(q, SF_OUTCOME_PASS), reason);
}

/*
 * What lies around a caller that is not plain, up to the next objects whose calls are. These are of the
 * initial set and stay where they are, so nothing else can ever come to lie there.
 */
static void
dlsym_note_not_plain(struct sf_thread *t, uintptr_t caller)
{
	uintptr_t lo = 0, hi = UINTPTR_MAX;

	for (const struct link_map *l = sf_next.main; l != NULL;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		const struct sf_object *o = sf_object_find(l);

		if (o == NULL || o->code_size == 0)
			continue;
		if (o->code_start > caller)
			hi = o->code_start < hi ? o->code_start : hi;
		else if (caller - o->code_start < o->code_size)
			return;
		else
			lo = o->code_start + o->code_size > lo ? o->code_start + o->code_size : lo;
	}
	*(volatile sf_pair *)&t->not_plain = (sf_pair){lo, hi - lo};
}

const struct sf_object *
sf_plain_caller(struct sf_thread *t, const void *caller)
{
	const struct sf_object *o = t->caller;
	struct link_map *l;
	uintptr_t lo, hi;

	if (sf_object_is_caller(o, caller))
		return o;
	if (!sf_facts_object(caller, &l, &lo, &hi))
		return NULL;
	o = sf_object_find(l);
	if (o == NULL || !sf_object_is_caller(o, caller))
		return NULL;
	t->caller = o;
	return o;
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
	if (sf_unlikely(sf_ask_due(t, sf_outcome(q, SF_OUTCOME_NEGATIVE))) &&
	    !sf_ask_negative_stands(t, q, r, turn)) {
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
	if (sf_unlikely(sf_ask_due(t, sf_outcome(q, how))) && !sf_ask_value_stands(t, q, r)) {
		sf_count_for(t, sf_outcome(q, how)); /* it was this one's turn */
		return SF_DECLINE;
	}
	sf_count_for(t, sf_outcome(q, how));
	return SF_ANSWER(r->value);
}

#define NAME_SMALL 256 /* bytes that any stack has */

static SF_NOINLINE enum sf_learnt
dlsym_learn_copy(struct sf_thread *t, struct sf_question *q, struct sf_learn_result *result)
{
	char copy[q->name_len + q->version_len];
	const char *name = q->name, *version = q->version;
	char *end = sf_bytes_put(copy, name, q->name_len - 1);
	enum sf_learnt learnt;

	*end++ = '\0';
	q->name = copy;
	if (version != NULL) {
		q->version = end;
		*sf_bytes_put(end, version, q->version_len - 1) = '\0';
	}
	sf_table_hash(q);
	learnt = sf_learn(t, q, result);
	q->name = name;
	q->version = version;
	return learnt;
}

enum sf_learnt
sf_ask_copy(struct sf_thread *t, struct sf_question *q, struct sf_learn_result *result)
{
	if (q->name_len + q->version_len <= NAME_SMALL || sf_learn_has_room())
		return dlsym_learn_copy(t, q, result);
	result->kept = false;
	result->why = SF_BYPASS_STACK;
	return SF_LEARNT_REPLAY;
}

/* Nobody knows how long this handle is valid, so nothing can be kept but that. */
static void
dlsym_mark_handle(const struct sf_question *q)
{
	if (q->kind == SF_KIND_VSYM)
		sf_cell_mark_pair(sf_cell_pair(sf_table.pairs, q->handle, q->name, q->version),
				  q->name, &sf_object_permanent, 1, SF_BYPASS_HANDLE);
	else
		sf_cell_mark(sf_cell_set(sf_table.cells, q->handle, q->name), q->name,
			     &sf_object_permanent, 1, SF_BYPASS_HANDLE);
}

static struct sf_answer
dlsym_learn(struct sf_thread *t, struct sf_question *q)
{
	struct sf_learn_result result;
	uint64_t from = sf_ticks();
	enum sf_learnt learnt;

	sf_entry_hooks();
	learnt = sf_ask_copy(t, q, &result);

	if (sf_unlikely(sf_sites_every != 0))
		sf_histogram_add(sf_ask_function(q), SF_ARM_LIBC, sf_ticks_since(from));
	if (result.kept)
		sf_note_hint(q, result.reply.entry);
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
	sf_note_content_hit(t, q, r.entry);
	*a = dlsym_give(t, q, &r, SF_OUTCOME_SHARED);
	return true;
}

static struct sf_answer
dlsym_by_content(struct sf_thread *t, struct sf_question *q)
{
	struct sf_answer a;

	if (sf_flood_sample(t))
		return dlsym_decline(t, q, SF_BYPASS_FLOOD);
	if (!sf_table_hash(q))
		return dlsym_decline(t, q, SF_BYPASS_LONG);
	if (dlsym_found(t, q, &a))
		return a;
	if (!sf_table_seen(q->hash)) {
		t->firsts++;
		return dlsym_decline(t, q, SF_BYPASS_FIRST);
	}
	t->firsts -=
		t->firsts / 4; /* perhaps not seen: the doorkeeper mistakes one name in 16384 */
	return dlsym_learn(t, q);
}

/* What the fast path left: hint misses, negative answers, first callers, everything unusual. */
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
	if (name[0] == 'd' && sf_learn_is_wrapped(name))
		return dlsym_wrapped_name(t, &q, caller);
	if (sf_unlikely(!sf_ask_map(t, sf_load_32(&sf_mode_word), &reason)))
		return sf_ask_symbol(t, &q, caller, reason);
	if (handle == RTLD_NEXT)
		return dlsym_decline(t, &q, SF_BYPASS_NEXT);
	if (t->close_depth > 0)
		return dlsym_decline(t, &q, SF_BYPASS_NESTED);
	if (handle == RTLD_DEFAULT)
		q.caller = sf_plain_caller(t, caller);
	if (handle == RTLD_DEFAULT && q.caller == NULL) {
		if (t->block != NULL)
			dlsym_note_not_plain(t, (uintptr_t)caller);
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
