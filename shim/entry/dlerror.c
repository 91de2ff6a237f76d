// SPDX-License-Identifier: BSD-2-Clause
// dlerror.c: dlerror and dlinfo.
#include "entry.h"

#include "../libc/facts.h"

struct sf_answer
sf_entry_dlerror(void)
{
	struct sf_thread *t = &sf_thread;

	if (sf_unlikely(!sf_mode_live()))
		return sf_off_path();
	sf_thread_passes(t);
	/* Ours was set while libc had none, so libc's, if there is one, is newer. */
	if (sf_facts_error_pending()) {
		t->pending = 0;
		sf_count_for(t, SF_DLERROR_PASS);
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
