// SPDX-License-Identifier: BSD-2-Clause
// The byte pairs of shapes/*.S as a table, and how a test hands one to the parser.
#ifndef SF_TESTS_GO_SHAPES_H
#define SF_TESTS_GO_SHAPES_H

#include "../../shim/image/go_plugin.h"

// X(symbol, version, frame, moved, name slot, path pointer slot, path length slot)
#define SHAPES(X)                                                                                  \
	X(go1_19, "go1.19.8", 0x268, 7, 0x270, 0xf8, 0x60)                                         \
	X(go1_21, "go1.21.13", 0x270, 7, 0x280, 0x100, 0x60)                                       \
	X(go1_22, "go1.22.12", 0x270, 7, 0x280, 0x100, 0x80)                                       \
	X(go1_23, "go1.23.5", 0x270, 7, 0x280, 0x100, 0x80)                                        \
	X(go1_24, "go1.24.4", 0x260, 7, 0x270, 0xf0, 0x80)                                         \
	X(go1_25, "go1.25.12", 0x260, 7, 0x270, 0xf0, 0x80)                                        \
	X(go1_26, "go1.26.10", 0x260, 7, 0x270, 0xf0, 0x80)                                        \
	X(go1_27, "go1.27.3", 0x260, 7, 0x270, 0xf0, 0x80)

struct pair {
	const char *version;
	const uint8_t *in, *in_end, *out, *out_end;
	const uint32_t *free; // three offsets of four bytes each that may be anything
	struct sf_go_shape want;
};

#define SHAPE_EXTERN(sym, ...)                                                                     \
	extern const uint8_t sym##_in[], sym##_in_end[], sym##_out[], sym##_out_end[];             \
	extern const uint32_t sym##_in_free[];
SHAPES(SHAPE_EXTERN)

static const struct pair pairs[] = {
#define SHAPE_ROW(sym, ver, n, m, name, ptr, len)                                                  \
	{ver,                                                                                      \
	 sym##_in,                                                                                 \
	 sym##_in_end,                                                                             \
	 sym##_out,                                                                                \
	 sym##_out_end,                                                                            \
	 sym##_in_free,                                                                            \
	 {.check = n == 0x268 ? 18 : 22,                                                           \
	  .pushed = n != 0x268,                                                                    \
	  .moved_len = m,                                                                          \
	  .frame = n,                                                                              \
	  .name_slot = name,                                                                       \
	  .path_ptr_slot = ptr,                                                                    \
	  .path_len_slot = len}},
	SHAPES(SHAPE_ROW)};
#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

// The code as it lies at `at`, a copy of `p` with what follows its end.
static inline struct sf_go_code
code_of(const struct pair *p, const uint8_t *at, size_t size)
{
	uint64_t end = (uint64_t)(uintptr_t)at + (uint64_t)(p->in_end - p->in);

	return (struct sf_go_code){
		.bytes = at,
		.size = size,
		.addr = (uint64_t)(uintptr_t)at,
		.gostring = end,
		.mapaccess = end + 1,
		.chanrecv = end + 2,
		.morestack = end + 3,
		.version = p->version,
		.version_len = __builtin_strlen(p->version),
	};
}

#endif
