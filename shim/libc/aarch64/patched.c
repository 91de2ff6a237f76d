// SPDX-License-Identifier: BSD-2-Clause
// What in-place hooks write over a function's first instructions, aarch64.
//
//   [bti c] [nop]   b address
//                   adrp xN, page      [add xN, xN, #offset]     br xN
//                   ldr xN, address    br xN         the address mostly follows: #8
//                   movz xN, #imm16    movk xN, ... (up to three)   br xN
//                   brk #imm           a breakpoint: a debugger's, a uprobe's
#include "../patched.h"

#include "../../base/sys.h"

#define BTI_C 0xd503245fu
#define NOP   0xd503201fu

static uint32_t
patched_at(const uint8_t *p)
{
	uint32_t instruction;

	__builtin_memcpy(&instruction, p, sizeof(instruction));
	return instruction;
}

/* `bits` bits of an instruction from `from` on, with their sign. */
static int64_t
patched_signed(uint32_t instruction, unsigned int from, unsigned int bits)
{
	return (int64_t)((uint64_t)instruction << (64 - bits - from)) >> (64 - bits);
}

static bool
patched_is_br(const uint8_t *p, uint32_t reg)
{
	return patched_at(p) == (0xd61f0000u | reg << 5);
}

/* adrp counts in 4 KiB, whatever a page has. */
static bool
patched_by_page(const uint8_t *p, const void **to)
{
	uint32_t w = patched_at(p), reg = w & 31, next = patched_at(p + 4);
	int64_t pages = patched_signed(w, 5, 19) * 4 + (w >> 29 & 3);
	uintptr_t at = (((uintptr_t)p >> 12) + (uintptr_t)pages) << 12;

	if (patched_is_br(p + 4, reg)) {
		*to = (const void *)at;
		return true;
	}
	*to = (const void *)(at + (next >> 10 & 0xfff));
	return (next & 0xffc003ffu) == (0x91000000u | reg << 5 | reg) && patched_is_br(p + 8, reg);
}

/* A place for 8 bytes, read as the CPU would; it belongs to somebody else. */
static bool
patched_by_memory(const uint8_t *p, const void **to)
{
	const uint8_t *place = p + patched_signed(patched_at(p), 5, 19) * 4;

	if (!patched_is_br(p + 4, patched_at(p) & 31))
		return false;
	if (sf_sys_is_readable(place, 8))
		__builtin_memcpy(to, place, sizeof(*to));
	return true;
}

static bool
patched_by_pieces(const uint8_t *p, const void **to)
{
	const uint32_t reg = patched_at(p) & 31;
	uint64_t address = 0;

	for (int i = 0; i < 4; i++, p += 4) {
		uint32_t w = patched_at(p);

		if ((w & 0xff80001fu) != ((i == 0 ? 0xd2800000u : 0xf2800000u) | reg))
			break;
		address |= (uint64_t)(w >> 5 & 0xffff) << (w >> 21 & 3) * 16;
	}
	*to = (const void *)address;
	return patched_is_br(p, reg);
}

bool
sf_patched_jumps(const uint8_t *at, const void **to)
{
	const uint8_t *p = at + (patched_at(at) == BTI_C ? 4 : 0);
	uint32_t w;

	*to = NULL;
	p += patched_at(p) == NOP ? 4 : 0;
	w = patched_at(p);
	if ((w & 0xffe0001fu) == 0xd4200000u)
		return true;
	if ((w & 0xfc000000u) == 0x14000000u) {
		*to = p + patched_signed(w, 0, 26) * 4;
		return true;
	}
	if ((w & 0x9f000000u) == 0x90000000u)
		return patched_by_page(p, to);
	if ((w & 0xff000000u) == 0x58000000u)
		return patched_by_memory(p, to);
	return (w & 0xff800000u) == 0xd2800000u && patched_by_pieces(p, to);
}
