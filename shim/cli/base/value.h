// SPDX-License-Identifier: BSD-2-Clause
// value.h: a measured value as text.
#ifndef SF_CLI_VALUE_H
#define SF_CLI_VALUE_H

#include "../../base/attr.h"

/* A duration, or a number with its unit, in three digits: "1.25 ms". Returns `to`. */
char *value_text(char *to, size_t size, double value, const char *unit);

#endif
