// SPDX-License-Identifier: BSD-2-Clause
// fast.c: the exported functions themselves: a hit, or a jump to the full wrapper.
//
// Every function here either returns or ends in a sibling call (a jump), so that the full wrapper and
// libc still see the host's return address on top of the stack. tests/asm checks the built object:
// no call instruction reaches sf_full_* or sf_next.
//
// Budget of a dlsym hit with a name within two aligned blocks: 68 instructions, no store but the
// thread's own counter and flag, no atomic; lines read: thread record, hint slot, entry, generation.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

/* Everything declared from here on is this library's own: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "entry.h"

#include "../libc/facts.h"

/* The full wrappers (stubs.S): C half, then answer or tail jump to the next definition. */
void *sf_full_dlsym(void *handle, const char *name);
void *sf_full_dlvsym(void *handle, const char *name, const char *version);
void *sf_full_dlopen(const char *name, int mode);
int sf_full_dlclose(void *handle);
char *sf_full_dlerror(void);

/*
 * A negative hit: libc's error text, from our own copies of the names. They are used only if the
 * entry and the life they belong to are still the ones that answered.
 */
static SF_NOINLINE void *
negative_dlsym(void *handle, const char *name, const struct sf_entry *e, uint32_t seq,
	       const struct sf_object *object, uint32_t gen)
{
	struct sf_thread *t = &sf_thread;
	size_t len = sf_load_8(&object->file_len);

	uint32_t turn;

	/* RTLD_DEFAULT names its caller: the full wrapper knows it. */
	if (len == 0 || handle == RTLD_DEFAULT || sf_learn_errors_raw())
		return sf_full_dlsym(handle, name);
	do {
		turn = sf_negative_write_stored(t, object->file, len, e->name,
						sf_load_16_wide(&e->name_len) - 1u);
		sf_fence_load();
		if (turn == 0 || !sf_holds_32(&e->seq, seq) || !sf_holds_32(&object->gen, gen)) {
			t->pending = 0;
			return sf_full_dlsym(handle, name);
		}
		t->pending = 1;
	} while (!sf_negative_whole(t, turn));
	t->block->counters.n[SF_DLSYM_NEGATIVE]++;
	return NULL;
}

/* Declined here and now: counted, and libc is jumped to. */
SF_INLINE void
count_pass(struct sf_thread *t, const void *handle, enum sf_counter reason)
{
	t->block->counters.n[handle == RTLD_DEFAULT ? SF_DEFAULT_PASS : SF_DLSYM_PASS]++;
	t->block->counters.n[reason]++;
	t->pending = 0;
}

/* What to do after the look-up by content; the value travels in the other register. */
enum { FOUND, ASK_FULL, ASK_LIBC };

static SF_NOINLINE struct sf_answer
find_content(void *handle, const char *name, bool unstable)
{
	struct sf_thread *t = &sf_thread;
	struct sf_question q = {.handle = (uintptr_t)handle, .name = name, .kind = SF_KIND_SYM};
	struct sf_reply r;

	if (!sf_table_hash(&q))
		return (struct sf_answer){NULL, ASK_FULL};
	if (!sf_table_find(&q, &r)) {
		if (sf_table_seen(&q))
			return (struct sf_answer){NULL, ASK_FULL};
		t->firsts++;
		count_pass(t, handle, SF_BYPASS_FIRST);
		return (struct sf_answer){NULL, ASK_LIBC};
	}
	if (r.verdict != SF_VALUE || sf_facts_error_pending())
		return (struct sf_answer){NULL, ASK_FULL};
	if (unstable)
		t->firsts = 0;
	else
		sf_note_content_hit(t, sf_hint_key(q.handle, name, NULL, SF_KIND_SYM), r.entry);
	t->block->counters.n[handle == RTLD_DEFAULT ? SF_DEFAULT_SHARED : SF_DLSYM_SHARED]++;
	t->pending = 0;
	return (struct sf_answer){r.value, FOUND};
}

/*
 * No hint: names in a fresh buffer, more names than hints, first sightings. What is neither found
 * as a value nor new goes to the full wrapper.
 */
static SF_NOINLINE void *
content_dlsym(void *handle, const char *name, bool unstable)
{
	struct sf_thread *t = &sf_thread;
	struct sf_answer a;

	if (t->block == NULL || sf_unreadable(name) || name[0] == 'd' || t->close_depth > 0)
		return sf_full_dlsym(handle, name);
	if (sf_flood_sample(t)) {
		count_pass(t, handle, SF_BYPASS_FLOOD);
		return sf_next.dlsym(handle, name);
	}
	a = find_content(handle, name, unstable);
	if (a.pass == FOUND)
		return a.value;
	return a.pass == ASK_LIBC ? sf_next.dlsym(handle, name) : sf_full_dlsym(handle, name);
}

/* Declined by verdict or handle: one jump away from libc. */
static SF_NOINLINE void *
pass_dlsym(void *handle, const char *name, enum sf_counter why)
{
	count_pass(&sf_thread, handle, why);
	return sf_next.dlsym(handle, name);
}

/* The hint is no value under a short name: a long name, a negative answer, one out of date. */
static SF_NOINLINE void *
other_dlsym(void *handle, const char *name, const struct sf_entry *e)
{
	struct sf_thread *t = &sf_thread;
	struct sf_reply r;

	if (!sf_entry_answers(e, (uintptr_t)handle, name, NULL, SF_KIND_SYM, SF_NAMES_ANY, &r))
		return content_dlsym(handle, name, e == sf_table_entry(0));
	if (r.verdict == SF_PASS)
		return pass_dlsym(handle, name, (enum sf_counter)(uintptr_t)r.value);
	if (sf_unlikely(sf_facts_error_pending()))
		return sf_full_dlsym(handle, name);
	if (r.verdict == SF_NEGATIVE)
		return negative_dlsym(handle, name, e, r.seq, r.object, r.gen);
	t->block->counters.n[handle == RTLD_DEFAULT ? SF_DEFAULT_HIT : SF_DLSYM_HIT]++;
	t->pending = 0;
	return r.value;
}

SF_INLINE void *
probe(struct sf_thread *t, void *handle, const char *name, enum sf_counter hit)
{
	uint64_t key = sf_hint_key((uintptr_t)handle, name, NULL, SF_KIND_SYM);
	const struct sf_entry *e;
	void *value;

	if (!sf_hint_entry(t->hints, key, &e))
		return content_dlsym(handle, name, false);
	if (!sf_entry_value(e, (uintptr_t)handle, name, NULL, SF_KIND_SYM, &value) ||
	    sf_unlikely(sf_facts_error_pending()))
		return other_dlsym(handle, name, e);
	t->block->counters.n[hit]++;
	t->pending = 0;
	return value;
}

/* RTLD_NEXT and RTLD_DEFAULT, and all calls while the shim is not on. */
static SF_NOINLINE void *
special_dlsym(void *handle, const char *name)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(sf_word != SF_WORD_ON))
		return sf_full_dlsym(handle, name);
	if (handle == RTLD_DEFAULT)
		return sf_object_is_caller(t->caller, __builtin_return_address(0))
			       ? probe(t, RTLD_DEFAULT, name, SF_DEFAULT_HIT)
			       : sf_full_dlsym(handle, name);
	if (t->block == NULL || sf_unreadable(name) || name[0] == 'd')
		return sf_full_dlsym(handle, name);
	return pass_dlsym(handle, name, SF_BYPASS_NEXT);
}

SF_EXPORT void *
dlsym(void *restrict handle, const char *restrict name)
{
	if (sf_unlikely(sf_word != SF_WORD_ON || (uintptr_t)handle + 1 <= 1))
		return special_dlsym(handle, name);
	return probe(&sf_thread, handle, name, SF_DLSYM_HIT);
}

/* As other_dlsym; negative answers and those that libc must give are left to the full wrapper. */
static SF_NOINLINE void *
other_dlvsym(void *handle, const char *name, const char *version, const struct sf_entry *e)
{
	struct sf_thread *t = &sf_thread;
	struct sf_reply r;

	if (!sf_entry_answers(e, (uintptr_t)handle, name, version, SF_KIND_VSYM, SF_NAMES_ANY,
			      &r) ||
	    r.verdict != SF_VALUE || sf_facts_error_pending())
		return sf_full_dlvsym(handle, name, version);
	t->block->counters.n[SF_DLVSYM_HIT]++;
	t->pending = 0;
	return r.value;
}

SF_EXPORT void *
dlvsym(void *restrict handle, const char *restrict name, const char *restrict version)
{
	struct sf_thread *t = &sf_thread;
	uint64_t key = sf_hint_key((uintptr_t)handle, name, version, SF_KIND_VSYM);
	const struct sf_entry *e;
	void *value;

	if (sf_unlikely(sf_word != SF_WORD_ON) || handle == RTLD_DEFAULT ||
	    !sf_hint_entry(t->hints, key, &e))
		return sf_full_dlvsym(handle, name, version);
	if (!sf_entry_value(e, (uintptr_t)handle, name, version, SF_KIND_VSYM, &value) ||
	    sf_unlikely(sf_facts_error_pending()))
		return other_dlvsym(handle, name, version, e);
	t->block->counters.n[SF_DLVSYM_HIT]++;
	t->pending = 0;
	return value;
}

SF_EXPORT void *
dlopen(const char *name, int mode)
{
	struct sf_thread *t = &sf_thread;
	const char *file = name != NULL ? name : "";
	uint64_t key = sf_hint_key((unsigned int)mode, file, NULL, SF_KIND_OPEN);
	struct sf_reply r;

	if (sf_unlikely(sf_word != SF_WORD_ON) || t->close_depth > 0)
		return sf_full_dlopen(name, mode);
	if (!sf_hint_find(t->hints, key, (unsigned int)mode, file, NULL, SF_KIND_OPEN, SF_NAMES_ANY,
			  &r) ||
	    sf_facts_error_pending() || !sf_object_elide(r.object, r.gen))
		return sf_full_dlopen(name, mode);
	t->block->counters.n[SF_DLOPEN_HIT]++;
	t->pending = 0;
	return r.value;
}

SF_EXPORT int
dlclose(void *handle)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(sf_word != SF_WORD_ON) || sf_facts_error_pending() || t->block == NULL ||
	    !sf_object_give_back(handle))
		return sf_full_dlclose(handle);
	t->block->counters.n[SF_DLCLOSE_HIT]++;
	t->pending = 0;
	return 0;
}

SF_EXPORT char *
dlerror(void)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(sf_word != SF_WORD_ON) || t->pending != 1 || sf_facts_error_pending())
		return sf_full_dlerror();
	t->pending = 0;
	t->block->counters.n[SF_DLERROR_OWN]++;
	return t->block->text;
}
#pragma GCC visibility pop
