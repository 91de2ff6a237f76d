// SPDX-License-Identifier: BSD-2-Clause
// as_released.c: linked into another library of the tests alone: see sf_next_as_tabled().
#include "../base/attr.h"

extern SF_HIDDEN const char sf_next_wanted_table[], sf_next_wanted_unchained[];
const char sf_next_wanted_table[1], sf_next_wanted_unchained[1];
