// SPDX-License-Identifier: BSD-2-Clause
// hide.h: the wrappers before libc's functions where something is retained: a closed object is not found by address or
// name, and a dlopen that is passed through is not unseen. Where nothing is retained, none of it is called.
#ifndef SF_RETAIN_HIDE_H
#define SF_RETAIN_HIDE_H

#include "../base/attr.h"
#include <link.h>

/* Puts them in place; only where something is retained. */
void sf_retain_hide_init(void);

#endif
