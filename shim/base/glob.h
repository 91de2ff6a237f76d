// SPDX-License-Identifier: BSD-2-Clause
// glob.h: shell patterns without libc: * ? [a-z] [!a-z]; a * takes '/', too.
#ifndef SF_GLOB_H
#define SF_GLOB_H

#include "attr.h"

/* Does `name` match the pattern that ends at `end`? Signal-safe. */
bool sf_glob_match(const char *pattern, const char *end, const char *name);

#endif
