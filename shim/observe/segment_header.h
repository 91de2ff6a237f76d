// SPDX-License-Identifier: BSD-2-Clause
// segment_header.h: the beginning of the segment's file: where everything lies in it, and the names of counters.
#ifndef SF_SEGMENT_HEADER_H
#define SF_SEGMENT_HEADER_H

#include "../base/attr.h"

/* Whose file it is. */
struct sf_segment_from {
	uint32_t maker, parent; /* pids */
	uint32_t blocks;        /* given out */
};

/* Header without magic, and names. Under the segment's lock. */
bool sf_segment_header_write(int fd, const struct sf_segment_from *from);

#endif
