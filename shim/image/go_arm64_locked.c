// SPDX-License-Identifier: BSD-2-Clause
// Where a goroutine's record says that it is bound to its thread, read from runtime.unlockOSThread on
// aarch64:
//
//   str xzr,[x0,#m]      the thread forgets its goroutine
//   str xzr,[x28,#g]     the goroutine its thread
//
// and no other store of the second kind in the function.
#include "go_arm64.h"

#include "go_words.h"

#define FIELD_MAX  1024
#define SIZE_LIMIT 512
#define STORE(n)   (0xf900001fu | (n) << 5)

uint32_t
sf_go_arm64_parse_locked(const uint8_t *bytes, size_t size)
{
	uint32_t found = 0, before = 0;

	if (!bytes || size > SIZE_LIMIT)
		return 0;
	struct words c = go_words_in(bytes, size, 0);
	while (c.at + 4 <= size) {
		uint32_t w = go_words_next(&c);

		if (GO_NO_IMM12(w) == STORE(28u)) {
			if (found || GO_NO_IMM12(before) != STORE(0u))
				return 0;
			found = GO_IMM12(w) * 8;
		}
		before = w;
	}
	return found < FIELD_MAX ? found : 0;
}
