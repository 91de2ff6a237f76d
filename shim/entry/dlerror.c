// SPDX-License-Identifier: BSD-2-Clause
// dlerror.c: dlerror and dlinfo.
#include "entry.h"

#include "../libc/facts.h"

/*
 * Whether libc has one is no longer seen, since another thread got libc's own functions. A call of this thread's would have
 * ended ours: it is the one, unless libc has one.
 */
static struct sf_answer
dlerror_either(struct sf_thread *t)
{
	char *text = sf_next.dlerror();

	t->pending = 0;
	return SF_ANSWER(text != NULL ? text : t->text);
}

/* libc has an error, and the thread's own word about one is older or about that one. */
static SF_NOINLINE struct sf_answer
dlerror_newer(struct sf_thread *t)
{
	if (t->pending == SF_PENDING_OWED)
		return SF_ANSWER(sf_learn_owed(t));
	if (sf_next.guessed && t->pending == 1 && !sf_thread_errors_are_one())
		return dlerror_either(t);
	t->pending = 0;
	return SF_DECLINE;
}

struct sf_answer
sf_entry_dlerror(void)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(!sf_mode_live()))
		return sf_off_path();
	sf_thread_passes(t);
	/* Ours was set while libc had none, so libc's, if there is one, is newer. */
	if (sf_facts_error_pending()) {
		sf_count_for(t, SF_DLERROR_PASS);
		if (sf_unlikely(t->pending != 0))
			return dlerror_newer(t);
		return SF_DECLINE;
	}
	sf_count_for(t, SF_DLERROR_OWN);
	if (t->pending == 1) {
		t->pending = 0;
		return SF_ANSWER(t->text);
	}
	return SF_ANSWER(NULL);
}

struct sf_answer
sf_entry_dlinfo(void)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(!sf_mode_live()))
		return sf_off_path();
	t->pending = 0;
	sf_thread_passes(t);
	sf_count_for(t, SF_DLINFO_PASS);
	return SF_DECLINE;
}
