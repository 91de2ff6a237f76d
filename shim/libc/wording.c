// SPDX-License-Identifier: BSD-2-Clause
// wording.c: see wording.h.
#include "wording.h"

#include "../base/atomic.h"
#include "../base/bytes.h"
#include "facts.h"
#include "next.h"

#define SEGMENTS_MOST 16
#define PIECE         4 /* bytes of the longest piece, "() " with its NUL */

enum { SAW_CLOSE = 1, SAW_SPACE = 2, SAW_EMPTY = 4 };

/* The piece of text at an address, if it may be read. */
static unsigned int
wording_piece_at(uintptr_t at, const struct sf_segment *segments, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (at < segments[i].start || at + PIECE > segments[i].end || at + PIECE < at)
			continue;
		if (sf_bytes_same((const char *)at, ")"))
			return SAW_CLOSE;
		if (sf_bytes_same((const char *)at, ") "))
			return SAW_SPACE;
		return sf_bytes_same((const char *)at, "() ") ? SAW_EMPTY : 0;
	}
	return 0;
}

#if defined(__x86_64__)
/* lea DISPLACEMENT(%rip), %REGISTER: anywhere, since nothing tells where an instruction begins. */
static unsigned int
wording_pieces(const uint8_t *code, size_t size, const struct sf_segment *segments,
	       unsigned int count)
{
	unsigned int saw = 0;

	for (size_t i = 0; i + 7 <= size; i++) {
		const uint8_t *p = code + i;
		int32_t away;

		if ((p[0] & 0xfb) != 0x48 || p[1] != 0x8d || (p[2] & 0xc7) != 0x05)
			continue;
		__builtin_memcpy(&away, p + 3, sizeof(away));
		saw |= wording_piece_at((uintptr_t)p + 7 + (uintptr_t)(intptr_t)away, segments,
					count);
	}
	return saw;
}
#elif defined(__aarch64__)
/* adrp REGISTER, PAGE, and later add REGISTER2, REGISTER, #OFFSET. */
static unsigned int
wording_pieces(const uint8_t *code, size_t size, const struct sf_segment *segments,
	       unsigned int count)
{
	uintptr_t page[32] = {0};
	unsigned int saw = 0;

	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint32_t w;

		__builtin_memcpy(&w, code + i, sizeof(w));
		if ((w & 0x9f000000) == 0x90000000) {
			uint32_t immediate = (w >> 5 & 0x7ffff) << 2 | (w >> 29 & 3);
			int64_t away = (int64_t)((uint64_t)immediate << 43) >> 31;

			page[w & 31] = (((uintptr_t)code + i) & ~(uintptr_t)4095) + (uintptr_t)away;
		} else if ((w & 0xffc00000) == 0x91000000 && page[w >> 5 & 31] != 0) {
			saw |= wording_piece_at(page[w >> 5 & 31] + (w >> 10 & 4095), segments,
						count);
		}
	}
	return saw;
}
#else
#error "symfast: no reader of libc's code for this CPU"
#endif

enum sf_wording
sf_wording_of(const uint8_t *code, size_t size, const struct sf_segment *segments,
	      unsigned int count)
{
	switch (wording_pieces(code, size, segments, count)) {
	case SAW_CLOSE:
		return SF_WORDING_CLOSE;
	case SAW_SPACE | SAW_EMPTY:
		return SF_WORDING_SPACE;
	default:
		return SF_WORDING_UNKNOWN;
	}
}

static size_t
wording_size_of(const struct link_map *l, uintptr_t function)
{
	const ElfW(Sym) * s;
	uint32_t cursor = 0;
	struct sf_elf e;

	if (!sf_elf_open(&e, l->l_addr, l->l_ld))
		return 0;
	while ((s = sf_elf_next(&e, "backtrace_symbols_fd", &cursor)) != NULL)
		if (e.bias + s->st_value == function)
			return s->st_size;
	return 0;
}

static enum sf_wording
wording_look(void)
{
	struct sf_segment segments[SEGMENTS_MOST];
	uintptr_t lo, hi, at = (uintptr_t)sf_next.backtrace_symbols_fd;
	struct link_map *l;
	unsigned int count;

	if (!sf_next.looking_is_libc || !sf_facts_object((const void *)at, &l, &lo, &hi))
		return SF_WORDING_UNKNOWN;
	count = sf_elf_segments((const void *)lo, l->l_addr, segments, SEGMENTS_MOST);
	return sf_wording_of((const uint8_t *)at, wording_size_of(l, at), segments, count);
}

enum sf_wording
sf_wording_libc(void)
{
	static uint8_t seen;
	uint8_t wording = sf_load_8(&seen);

	if (wording == SF_WORDING_UNSEEN) {
		wording = (uint8_t)wording_look();
		sf_store_8(&seen, wording);
	}
	return (enum sf_wording)wording;
}
