// SPDX-License-Identifier: BSD-2-Clause
// behind.h: RTLD_NEXT: callers that are answered, and what lies behind them in the search list (CONTRACT 23).
//
// A caller of the initial set searches the main program's list behind its own object. That list only grows at its end,
// so what lies in the initial set stays the answer. libc cannot be asked in the caller's place: it looks at the return
// address. So the list is read, and libc is asked for all that it tells a caller like this library of the same list:
// the executable's handle, and RTLD_NEXT from here. Mostly one of the two is the answer itself.
#ifndef SF_BEHIND_H
#define SF_BEHIND_H

#include "learn.h"

/* The handle of the question: no object's, and no handle that libc gives. */
SF_INLINE bool
sf_behind_is(uintptr_t handle)
{
	return (intptr_t)handle < -1 && handle != SF_OBJECT_DEFAULT;
}

/* The record under which this caller is answered, NULL: libc answers it. The thread remembers the last, of either kind. */
const struct sf_object *sf_behind_caller(struct sf_thread *t, const void *caller);

/* As sf_learn, for a question whose handle and caller are such a record's. */
enum sf_learnt sf_behind_learn(const struct sf_question *q, struct sf_learn_result *out);

/*
 * What libc says of an answer that is kept, as far as it can be asked: the value, or, where an object before the
 * caller has the name, too, whether a symbol of the object that was found begins there (dladdr). NULL: it says no.
 */
void *sf_behind_libc_says(const struct sf_question *q);

#endif
