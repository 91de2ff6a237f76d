// SPDX-License-Identifier: BSD-2-Clause
// as_old.c: linked into the library of the tests alone: see sf_next_as_old().
#include "../base/attr.h"

extern SF_HIDDEN const char sf_next_wanted_old[];
const char sf_next_wanted_old[1];
extern SF_HIDDEN const char sf_next_wanted_unchained[];
const char sf_next_wanted_unchained[1];
