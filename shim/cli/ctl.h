// SPDX-License-Identifier: BSD-2-Clause
// ctl.h: who takes orders.
#ifndef SF_CLI_CTL_H
#define SF_CLI_CTL_H

#include "segment.h"

/* Why an order would be in vain; NULL if it would not. */
const char *ctl_refusal(const struct segment *s);

#endif
