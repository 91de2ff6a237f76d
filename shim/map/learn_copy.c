// SPDX-License-Identifier: BSD-2-Clause
// learn_copy.c: see learn.h: asks with copies of the names.
#include "behind.h"

#define NAME_SMALL 256 /* bytes that any stack has */

static SF_NOINLINE enum sf_learnt
learn_copy_ask(struct sf_thread *t, struct sf_question *q, struct sf_learn_result *result)
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
	learnt = sf_behind_is(q->handle) ? sf_behind_learn(q, result) : sf_learn(t, q, result);
	q->name = name;
	q->version = version;
	return learnt;
}

enum sf_learnt
sf_learn_copy(struct sf_thread *t, struct sf_question *q, struct sf_learn_result *result)
{
	if (q->name_len + q->version_len <= NAME_SMALL || sf_stack_has_room())
		return learn_copy_ask(t, q, result);
	result->kept = false;
	result->why = SF_BYPASS_STACK;
	return SF_LEARNT_REPLAY;
}
