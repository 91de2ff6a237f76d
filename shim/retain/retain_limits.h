// SPDX-License-Identifier: BSD-2-Clause
// retain_limits.h: what the assembly of the stubs must know, too.
#ifndef SF_RETAIN_LIMITS_H
#define SF_RETAIN_LIMITS_H

/* Objects that are under management at one time: a bit each in a 64-bit set. */
#define SF_RETAIN_PLACES 64

#endif
