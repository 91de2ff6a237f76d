// SPDX-License-Identifier: BSD-2-Clause
// fast.h: what the leaves of dlsym and dlvsym share.
#ifndef SF_FAST_H
#define SF_FAST_H

#include "verify.h"

/* The full wrappers (stubs.S): C half, then answer or tail jump to the next definition. */
void *sf_full_dlsym(void *handle, const char *name);
void *sf_full_dlvsym(void *handle, const char *name, const char *version);

/* dlsym(RTLD_NEXT), in fast_next.c. */
void *sf_fast_next_dlsym(void *handle, const char *name);

/* RTLD_NEXT is -1, RTLD_DEFAULT 0; the other half of the addresses has handles of ours (behind.h, object.h). */
SF_INLINE bool
sf_fast_is_special(const void *handle)
{
	return (intptr_t)handle <= 0;
}

/* The wrapped names, which all begin so, are in no cell and have no mark. */
SF_INLINE bool
sf_fast_perhaps_wrapped(const char *name)
{
	return name[0] == 'd' && name[1] == 'l';
}

/* May the map be asked for this name at all, by a thread of whatever cells? The host may be in dlclose. */
SF_INLINE bool
sf_fast_may_answer(const struct sf_thread *t, const char *name)
{
	return sf_likely(t->block != NULL) && !sf_unreadable(name) &&
	       !sf_fast_perhaps_wrapped(name) && sf_likely(t->close_depth == 0);
}

#endif
