// SPDX-License-Identifier: BSD-2-Clause
// as_backported.c: linked into another library of the tests alone: see sf_next_as_unchained().
#include "../base/attr.h"

extern SF_HIDDEN const char sf_next_wanted_unchained[];
const char sf_next_wanted_unchained[1];
