// SPDX-License-Identifier: BSD-2-Clause
// search.h: in a sorted array, how many are not above a value.
#ifndef SF_CLI_SEARCH_H
#define SF_CLI_SEARCH_H

#include "../../base/attr.h"

/* Of `count` elements of `stride` bytes, each with a key of 64 bits at this offset. */
SF_INLINE size_t
search_until(const void *array, size_t count, size_t stride, size_t offset, uint64_t value)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;
		uint64_t key;

		__builtin_memcpy(&key, (const char *)array + middle * stride + offset, sizeof(key));
		if (key <= value)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

#endif
