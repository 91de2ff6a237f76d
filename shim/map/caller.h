// SPDX-License-Identifier: BSD-2-Clause
// caller.h: callers of RTLD_DEFAULT: those that are answered from the global scope (CONTRACT 20), and others.
#ifndef SF_CALLER_H
#define SF_CALLER_H

#include "object.h"
#include "self.h"

/*
 * CONTRACT 20: may this caller's RTLD_DEFAULT be answered from the global scope? Yes for objects of
 * the initial set that are not symbolic. The thread remembers the last; NULL: no.
 */
const struct sf_object *sf_caller_plain(struct sf_thread *t, const void *caller);

/*
 * What lies around a caller that is not plain, up to the next objects whose calls are. These are of the
 * initial set and stay where they are, so nothing else can ever come to lie there.
 */
void sf_caller_note_not_plain(struct sf_thread *t, uintptr_t caller);

#endif
