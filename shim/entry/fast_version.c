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

/* Names or versions that do not fit a pair. */
SF_INLINE bool
fast_version_by_content(void *handle, const char *name, const char *version, void **value)
{
	uint64_t key = sf_hint_key((uintptr_t)handle, name, version, SF_KIND_VSYM);
	struct sf_reply r;

	if (handle == RTLD_DEFAULT || sf_thread.block == NULL || sf_thread.stock ||
	    !sf_hint_find(sf_table.hints, key, (uintptr_t)handle, name, version, SF_KIND_VSYM,
			  &r) ||
	    r.verdict != SF_VALUE || sf_facts_error_pending())
		return false;
	*value = r.value;
	return true;
}

static SF_NOINLINE void *
fast_version_no_pair(void *handle, const char *name, const char *version)
{
	struct sf_thread *t = &sf_thread;
	void *value;

	if (!fast_version_by_content(handle, name, version, &value))
		return sf_full_dlvsym(handle, name, version);
	t->n[SF_DLVSYM_HIT]++;
	t->pending = 0;
	return value;
}

SF_INLINE bool
fast_version_by_pair(const struct sf_thread *t, void *handle, const char *name, const char *version,
		     void **value)
{
	const struct sf_cell *pair = sf_cell_pair(t->pairs, (uintptr_t)handle, name, version);

	return sf_cell_pair_value(pair, (uintptr_t)handle, name, version, value) &&
	       !sf_unlikely(sf_facts_error_pending());
}

/* One hit in so many, as it is for dlsym; but nothing is in the way of doing it at once. */
static SF_NOINLINE void *
fast_version_sample_due(void *handle, const char *name, const char *version)
{
	struct sf_thread *t = &sf_thread;
	uint64_t from = sf_ticks();
	void *value;

	if (!fast_version_by_pair(t, handle, name, version, &value) &&
	    !fast_version_by_content(handle, name, version, &value))
		return sf_full_dlvsym(handle, name, version);
	from = sf_ticks_since(from);
	SF_ENTRY_CHORES();
	t->pending = 0;
	return sf_verify_sampled(handle, name, version, value,
				 sf_thread_take_sample(t, ++t->n[SF_DLVSYM_HIT]), from);
}

/* Counted, and libc is asked. */
SF_INLINE void *
fast_version_passed(struct sf_thread *t, void *handle, const char *name, const char *version,
		    enum sf_counter reason)
{
	uint64_t *n = t->n;

	n[SF_DLVSYM_PASS]++;
	n[reason]++;
	t->pending = 0;
	return sf_next.dlvsym(handle, name, version);
}

SF_INLINE void *
fast_version_marked(struct sf_thread *t, void *handle, const char *name, const char *version,
		    const struct sf_cell *pair)
{
	if (sf_fast_perhaps_wrapped(name) ||
	    sf_unlikely(sf_clear_32((const uint32_t *)(const void *)&t->n[SF_DLVSYM_PASS],
				    SF_CELL_MARK_TRUST - 1)))
		return sf_full_dlvsym(handle, name, version);
	return fast_version_passed(t, handle, name, version,
				   (enum sf_counter)sf_cell_mark_why(pair));
}

SF_INLINE void *
fast_version_pass(struct sf_thread *t, void *handle, const char *name, const char *version,
		  enum sf_counter reason)
{
	if (sf_unlikely(sf_unreadable(name) || sf_unreadable(version)) ||
	    sf_fast_perhaps_wrapped(name))
		return sf_full_dlvsym(handle, name, version);
	return fast_version_passed(t, handle, name, version, reason);
}

/* As fast_special_dlsym; what RTLD_DEFAULT finds with a version has no pairs. */
static SF_NOINLINE void *
fast_version_special_dlvsym(void *handle, const char *name, const char *version)
{
	const void *caller = __builtin_return_address(0);
	struct sf_thread *t = &sf_thread;

	if (handle == RTLD_NEXT) {
		if (sf_unlikely(t->block == NULL || t->stock))
			return sf_full_dlvsym(handle, name, version);
		return fast_version_pass(t, RTLD_NEXT, name, version, SF_BYPASS_NEXT);
	}
	if (sf_unlikely(handle != RTLD_DEFAULT))
		return sf_full_dlvsym(handle, name, version);
	if (!sf_thread_is_not_plain(t, caller))
		return sf_full_dlvsym(RTLD_DEFAULT, name, version);
	return fast_version_pass(t, RTLD_DEFAULT, name, version, SF_BYPASS_CALLER);
}

SF_EXPORT void *
dlvsym(void *restrict handle, const char *restrict name, const char *restrict version)
{
	struct sf_thread *t = &sf_thread;
	const struct sf_cell *pair;
	void *value;

	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON))
		return sf_full_dlvsym(handle, name, version);
	if (sf_unlikely(sf_fast_is_special(handle)))
		return fast_version_special_dlvsym(handle, name, version);
	pair = sf_cell_pair(t->pairs, (uintptr_t)handle, name, version);
	if (sf_unlikely(sf_cell_marked(pair, name)))
		return fast_version_marked(t, handle, name, version, pair);
	if (sf_unlikely(sf_thread_next_hit_due(t, SF_DLVSYM_HIT)))
		return fast_version_sample_due(handle, name, version);
	if (sf_unlikely(!sf_cell_pair_value(pair, (uintptr_t)handle, name, version, &value) ||
			sf_facts_error_pending()))
		return fast_version_no_pair(handle, name, version);
	t->n[SF_DLVSYM_HIT]++;
	t->pending = 0;
	return value;
}

#pragma GCC visibility pop
