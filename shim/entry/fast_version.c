// SPDX-License-Identifier: BSD-2-Clause
// fast_version.c: dlvsym itself: a hit, or a jump to the full wrapper; as fast.c.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

/* Everything declared from here on is this library's own: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "fast.h"

#include "../base/ticks.h"
#include "../libc/facts.h"

/* As sf_cell_set_of. */
SF_INLINE const struct sf_cell *
fast_version_set(const struct sf_thread *t, const void *handle, const char *name,
		 const char *version)
{
	return sf_cell_set(t->cells, (uintptr_t)handle + (uintptr_t)version, name);
}

/* The entry of the map that this set's cell refers to, if it has a value. */
SF_INLINE bool
fast_version_find(const struct sf_cell *set, void *handle, const char *name, const char *version,
		  void **value)
{
	const struct sf_entry *e = sf_cell_set_entry(set, name);
	struct sf_reply r;

	if (e == NULL || !sf_entry_answers(e, (uintptr_t)handle, name, version, SF_KIND_VSYM, &r) ||
	    r.verdict != SF_VALUE || sf_facts_error_pending())
		return false;
	*value = r.value;
	return true;
}

/* One hit in so many is sampled, as it is for dlsym; but nothing is in the way of doing it at once. */
static SF_NOINLINE void *
fast_version_sample_due(void *handle, const char *name, const char *version, void *value,
			uint64_t ticks)
{
	struct sf_thread *t = &sf_thread;

	SF_ENTRY_CHORES();
	t->pending = 0;
	return sf_verify_sampled(handle, name, version, value,
				 sf_thread_take_sample(t, ++t->n[SF_DLVSYM_HIT]), ticks);
}

/* No mark: apart, so that what is marked needs no stack. */
static SF_NOINLINE void *
fast_version_answer(void *handle, const char *name, const char *version)
{
	struct sf_thread *t = &sf_thread;
	bool due = sf_thread_next_hit_due(t, SF_DLVSYM_HIT);
	uint64_t from = sf_unlikely(due) ? sf_ticks() : 0;
	void *value;

	if (sf_unlikely(!fast_version_find(fast_version_set(t, handle, name, version), handle, name,
					   version, &value)))
		return sf_full_dlvsym(handle, name, version);
	if (sf_unlikely(due))
		return fast_version_sample_due(handle, name, version, value, sf_ticks_since(from));
	t->n[SF_DLVSYM_HIT]++;
	t->pending = 0;
	return value;
}

/* Counted, and libc is asked. The wrapped names are looked at more closely. */
SF_INLINE void *
fast_version_passed(struct sf_thread *t, void *handle, const char *name, const char *version,
		    enum sf_counter reason)
{
	uint64_t *n = t->n;

	if (sf_fast_perhaps_wrapped(name))
		return sf_full_dlvsym(handle, name, version);
	n[SF_DLVSYM_PASS]++;
	n[reason]++;
	t->pending = 0;
	return sf_next.dlvsym(handle, name, version);
}

SF_INLINE void *
fast_version_pass(struct sf_thread *t, void *handle, const char *name, const char *version,
		  enum sf_counter reason)
{
	if (sf_unlikely(sf_unreadable(name) || sf_unreadable(version)))
		return sf_full_dlvsym(handle, name, version);
	return fast_version_passed(t, handle, name, version, reason);
}

/* A marked address. One in so many goes the whole way. */
SF_INLINE void *
fast_version_marked(struct sf_thread *t, void *handle, const char *name, const char *version,
		    const struct sf_cell *c)
{
	if (sf_unlikely(sf_clear_32((const uint32_t *)(const void *)&t->n[SF_DLVSYM_PASS],
				    SF_CELL_MARK_TRUST - 1)))
		return sf_full_dlvsym(handle, name, version);
	return fast_version_passed(t, handle, name, version, (enum sf_counter)sf_cell_mark_why(c));
}

/* As fast_special_dlsym; what RTLD_DEFAULT finds with a version has no cells. */
static SF_NOINLINE void *
fast_version_special_dlvsym(void *handle, const char *name, const char *version)
{
	const void *caller = __builtin_return_address(0);
	struct sf_thread *t = &sf_thread;

	if (sf_likely(handle == RTLD_DEFAULT) && sf_thread_is_not_plain(t, caller))
		return fast_version_pass(t, RTLD_DEFAULT, name, version, SF_BYPASS_CALLER);
	if (sf_unlikely(handle != RTLD_NEXT || t->block == NULL || t->stock))
		return sf_full_dlvsym(handle, name, version);
	return fast_version_pass(t, RTLD_NEXT, name, version, SF_BYPASS_NEXT);
}

SF_EXPORT void *
dlvsym(void *restrict handle, const char *restrict name, const char *restrict version)
{
	struct sf_thread *t = &sf_thread;
	const struct sf_cell *set;

	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON))
		return sf_full_dlvsym(handle, name, version);
	if (sf_unlikely(sf_fast_is_special(handle)))
		return fast_version_special_dlvsym(handle, name, version);
	set = fast_version_set(t, handle, name, version);
	if (sf_unlikely(sf_cell_marked(set, name)))
		return fast_version_marked(t, handle, name, version, set);
	if (sf_unlikely(sf_cell_marked(++set, name)))
		return fast_version_marked(t, handle, name, version, set);
	return fast_version_answer(handle, name, version);
}

#pragma GCC visibility pop
