// SPDX-License-Identifier: BSD-2-Clause
// caller.c: see caller.h.
#include "caller.h"

#include "../libc/facts.h"

const struct sf_object *
sf_caller_plain(struct sf_thread *t, const void *caller)
{
	const struct sf_object *o = t->caller;
	struct link_map *l;
	uintptr_t lo, hi;

	if (sf_object_is_caller(o, caller))
		return o;
	if (!sf_facts_object(caller, &l, &lo, &hi))
		return NULL;
	o = sf_object_find(l);
	if (o == NULL || !o->plain || !sf_object_is_caller(o, caller))
		return NULL;
	t->caller = o;
	return o;
}

/* The same few again and again, for all threads. */
#define GAPS 64
SF_LARGE static struct sf_gap gaps[GAPS];
static uint32_t gap_count;

static const struct sf_gap *
caller_keep_gap(struct sf_gap gap)
{
	uint32_t n;

	for (uint32_t i = 0; i < GAPS && i < sf_load_32(&gap_count); i++)
		if (gaps[i].start == gap.start && sf_load_64(&gaps[i].size) == gap.size)
			return &gaps[i];
	n = sf_load_32(&gap_count) < GAPS ? sf_faa_32(&gap_count, 1) : GAPS;
	if (n >= GAPS)
		return &sf_self_no_gap;
	gaps[n].start = gap.start;
	/* In whatever order both are seen: a thread takes a gap when it has read both, and they never change. */
	sf_store_64(&gaps[n].size, gap.size);
	return &gaps[n];
}

/* May what this object asks be answered? */
static bool
caller_counts(const struct sf_object *o, enum sf_caller_of of)
{
	return o != NULL && o->code_size != 0 &&
	       (of == SF_CALLER_ALL || (of == SF_CALLER_PLAIN && o->plain));
}

void
sf_caller_note_gap(const struct sf_gap **gap, uintptr_t caller, enum sf_caller_of of)
{
	uintptr_t lo = 0, hi = UINTPTR_MAX;

	for (const struct link_map *l = sf_next.main; l != NULL;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		const struct sf_object *o = sf_object_find(l);

		if (!caller_counts(o, of))
			continue;
		if (o->code_start > caller)
			hi = o->code_start < hi ? o->code_start : hi;
		else if (caller - o->code_start < o->code_size)
			return;
		else
			lo = o->code_start + o->code_size > lo ? o->code_start + o->code_size : lo;
	}
	*gap = caller_keep_gap((struct sf_gap){lo, hi - lo});
}
