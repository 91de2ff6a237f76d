// SPDX-License-Identifier: BSD-2-Clause
// fast_open.c: dlopen, dlclose and dlerror themselves: a hit, or a jump to the full wrapper; as fast.c.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

/* Everything declared from here on is this library's own: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "verify.h"

#include "../base/ticks.h"
#include "../libc/facts.h"

/* The full wrappers (stubs.S): C half, then answer or tail jump to the next definition. */
void *sf_full_dlopen(const char *name, int mode);
int sf_full_dlclose(void *handle);
char *sf_full_dlerror(void);

SF_INLINE bool
fast_open_elided(const struct sf_thread *t, const char *file, int mode, void **handle)
{
	const struct sf_entry *e =
		sf_cell_set_entry(sf_cell_set(t->cells, (unsigned int)mode, file), file);
	struct sf_reply r;

	if (e == NULL || !sf_entry_answers(e, (unsigned int)mode, file, NULL, SF_KIND_OPEN, &r) ||
	    sf_facts_error_pending() || !sf_object_elide(r.object, r.gen))
		return false;
	*handle = r.value;
	return true;
}

/* One hit in so many, as it is for dlsym. */
static SF_NOINLINE void *
fast_open_sampled_dlopen(const char *name, int mode)
{
	struct sf_thread *t = &sf_thread;
	uint64_t from = sf_ticks();
	unsigned int due;
	void *handle;

	if (!fast_open_elided(t, name != NULL ? name : "", mode, &handle))
		return sf_full_dlopen(name, mode);
	from = sf_ticks_since(from);
	SF_ENTRY_LOOK();
	t->pending = 0;
	due = sf_thread_take_sample(t, ++t->n[SF_DLOPEN_HIT]);
	sf_verify_sampled_open(SF_TIMED_DLOPEN, due, from);
	if (sf_unlikely(due & SF_DUE_CHECK) &&
	    !sf_verify_open_stands(t, name != NULL ? name : "", mode, handle) &&
	    sf_object_give_back(handle))
		return sf_full_dlopen(name, mode);
	return handle;
}

static SF_NOINLINE int
fast_open_sampled_dlclose(void *handle)
{
	struct sf_thread *t = &sf_thread;
	uint64_t from = sf_ticks();

	if (sf_facts_error_pending() || !sf_object_give_back(handle))
		return sf_full_dlclose(handle);
	from = sf_ticks_since(from);
	SF_ENTRY_LOOK();
	t->pending = 0;
	sf_verify_sampled_open(SF_TIMED_DLCLOSE, sf_thread_take_sample(t, ++t->n[SF_DLCLOSE_HIT]),
			       from);
	return 0;
}

SF_EXPORT void *
dlopen(const char *name, int mode)
{
	struct sf_thread *t = &sf_thread;
	void *handle;

	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON || t->close_depth > 0))
		return sf_full_dlopen(name, mode);
	if (sf_unlikely(sf_thread_next_hit_due(t, SF_DLOPEN_HIT)))
		return fast_open_sampled_dlopen(name, mode);
	if (sf_unlikely(!fast_open_elided(t, name != NULL ? name : "", mode, &handle)))
		return sf_full_dlopen(name, mode);
	t->n[SF_DLOPEN_HIT]++;
	t->pending = 0;
	return handle;
}

SF_EXPORT int
dlclose(void *handle)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON || t->block == NULL || t->stock))
		return sf_full_dlclose(handle);
	if (sf_unlikely(sf_thread_next_hit_due(t, SF_DLCLOSE_HIT)))
		return fast_open_sampled_dlclose(handle);
	if (sf_unlikely(sf_facts_error_pending() || !sf_object_give_back(handle)))
		return sf_full_dlclose(handle);
	t->n[SF_DLCLOSE_HIT]++;
	t->pending = 0;
	return 0;
}

SF_EXPORT char *
dlerror(void)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON) || t->pending != 1 ||
	    sf_facts_error_pending())
		return sf_full_dlerror();
	t->pending = 0;
	t->n[SF_DLERROR_OWN]++;
	return t->text;
}
#pragma GCC visibility pop
