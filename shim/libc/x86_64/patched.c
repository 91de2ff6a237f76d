// SPDX-License-Identifier: BSD-2-Clause
// What in-place hooks write over a function's first bytes, x86-64.
//
//   [endbr64]  e9 rel32                    jmp           eb rel8   short
//              ff 25 rel32                 jmp *address(%rip)
//              48 b8 imm64  ff e0          mov, jmp *%rax (49 ba, 49 bb: r10, r11)
//              68 imm32 [c7 44 24 04 imm32] c3   push, ret
//              cc                          a breakpoint: a debugger's, a uprobe's
#include "../patched.h"

#include "../../base/sys.h"

#define ENDBR64 0xfa1e0ff3u

static uint64_t
patched_take(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	__builtin_memcpy(&value, at, bytes);
	return value;
}

/* mov $imm64, %rax|%r10|%r11, and a jump by it or its return */
static bool
patched_by_register(const uint8_t *p, const void **to)
{
	uint32_t head = (uint32_t)patched_take(p, 2);

	if (head != 0xb848 && head != 0xba49 && head != 0xbb49)
		return false;
	*to = (const void *)patched_take(p + 2, 8);
	return (p[10] == 0xff && p[11] == 0xe0) || p[10] == 0x50 ||
	       (p[10] == 0x41 && (p[11] == 0xff || p[11] == 0x52 || p[11] == 0x53));
}

/* A place for 8 bytes, read as the CPU would; it belongs to somebody else. */
static bool
patched_by_memory(const uint8_t *place, const void **to)
{
	if (sf_sys_is_readable(place, 8))
		*to = (const void *)patched_take(place, 8);
	return true;
}

bool
sf_patched_jumps(const uint8_t *at, const void **to)
{
	const uint8_t *p = at + (patched_take(at, 4) == ENDBR64 ? 4 : 0);

	*to = NULL;
	switch (p[0]) {
	case 0xcc:
		return true;
	case 0xe9:
		*to = p + 5 + (int32_t)patched_take(p + 1, 4);
		return true;
	case 0xeb:
		*to = p + 2 + (int8_t)p[1];
		return true;
	case 0xff:
		return p[1] == 0x25 &&
		       patched_by_memory(p + 6 + (int32_t)patched_take(p + 2, 4), to);
	case 0x68:
		*to = (const void *)(patched_take(p + 1, 4) | patched_take(p + 9, 4) << 32);
		return p[5] == 0xc3 || patched_take(p + 5, 4) == 0x042444c7;
	default:
		return patched_by_register(p, to);
	}
}
