// SPDX-License-Identifier: BSD-2-Clause
// Where a goroutine's record says that it is bound to its thread, read from runtime.unlockOSThread:
//
//   movq $0,m(%rax)      the thread forgets its goroutine        48 c7 80 m32 0
//   movq $0,g(%r14)      the goroutine its thread                49 c7 86 g32 0
//
// and no other store of that kind in the function.
#include "go_plugin.h"

#include <string.h>

#define STORE_LEN  11
#define FIELD_MAX  1024
#define SIZE_LIMIT 512

static bool
go_locked_is_store(const uint8_t *at, const uint8_t op[3], uint32_t *field)
{
	uint32_t value;

	memcpy(field, at + 3, 4);
	memcpy(&value, at + 7, 4);
	return !memcmp(at, op, 3) && value == 0;
}

uint32_t
sf_go_parse_locked(const uint8_t *bytes, size_t size)
{
	static const uint8_t in_thread[3] = {0x48, 0xc7, 0x80}, in_g[3] = {0x49, 0xc7, 0x86};
	uint32_t found = 0, field, other;

	if (!bytes || size > SIZE_LIMIT)
		return 0;
	for (size_t at = 0; at + 2 * STORE_LEN <= size; at++) {
		if (!go_locked_is_store(bytes + at + STORE_LEN, in_g, &field))
			continue;
		if (found || !go_locked_is_store(bytes + at, in_thread, &other))
			return 0;
		found = field;
	}
	return found % 8 == 0 && found < FIELD_MAX ? found : 0;
}
