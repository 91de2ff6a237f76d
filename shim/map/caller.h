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
 * What lies around a caller that is not plain (or, all objects of the initial set being meant: of none of them), up to
 * the next objects whose calls are. These are of the initial set and stay where they are, so nothing else can ever
 * come to lie there.
 */
enum sf_caller_of { SF_CALLER_PLAIN, SF_CALLER_ALL, SF_CALLER_NOBODY /* everywhere */ };
void sf_caller_note_gap(const struct sf_gap **gap, uintptr_t caller, enum sf_caller_of of);

#endif
