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
	if (o == NULL || !sf_object_is_caller(o, caller))
		return NULL;
	t->caller = o;
	return o;
}

void
sf_caller_note_not_plain(struct sf_thread *t, uintptr_t caller)
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
