// SPDX-License-Identifier: BSD-2-Clause
// The aarch64 words of shapes/*-arm64*.h as a table, with what a reader of the disassembly found.
#ifndef SF_TESTS_GO_SHAPES_ARM64_H
#define SF_TESTS_GO_SHAPES_ARM64_H

#include "../../shim/image/go_arm64.h"

struct arm64_host {
	const char *version;
	const uint32_t *open, *unlock, *findfunc, *name;
	size_t open_size, unlock_size, findfunc_size, name_size;
	uint64_t at, mapaccess, chanrecv, gostring, morestack, findfunc_at, name_at, first;
};
#define ARM64_WORDS(n)                                                                             \
	.open = n##_open, .open_size = sizeof(n##_open), .unlock = n##_unlock,                     \
	.unlock_size = sizeof(n##_unlock), .findfunc = n##_findfunc,                               \
	.findfunc_size = sizeof(n##_findfunc), .name = n##_name, .name_size = sizeof(n##_name)

#include "shapes/go1.19-arm64.inc"
#include "shapes/go1.21-arm64.inc"
#include "shapes/go1.22-arm64.inc"
#include "shapes/go1.23-arm64.inc"
#include "shapes/go1.24-arm64-v8.1.inc"
#include "shapes/go1.24-arm64.inc"
#include "shapes/go1.25-arm64.inc"
#include "shapes/go1.26-arm64.inc"
#include "shapes/go1.27-arm64-v8.1.inc"
#include "shapes/go1.27-arm64.inc"

static const struct arm64_case {
	const struct arm64_host *host;
	uint32_t frame, path_ptr, path_len, site, end, missing, locked;
	struct sf_go_walk findfunc, name;
} arm64_cases[] = {
	{&arm64_go1_19,
	 0x270,
	 0x100,
	 0x68,
	 0x130,
	 0x248,
	 0x260,
	 232,
	 {20, 28, 544, 160, 168, 1},
	 {40, 64, 544, 280, 288, 2}},
	{&arm64_go1_21,
	 0x280,
	 0x108,
	 0x68,
	 0x12c,
	 0x23c,
	 0x254,
	 208,
	 {20, 28, 584, 160, 168, 1},
	 {40, 64, 584, 296, 304, 2}},
	{&arm64_go1_22,
	 0x280,
	 0x108,
	 0x88,
	 0x128,
	 0x238,
	 0x250,
	 208,
	 {20, 28, 584, 160, 168, 1},
	 {40, 64, 584, 296, 304, 2}},
	{&arm64_go1_23,
	 0x280,
	 0x108,
	 0x88,
	 0x128,
	 0x238,
	 0x250,
	 216,
	 {20, 28, 576, 160, 168, 1},
	 {40, 64, 576, 296, 304, 2}},
	{&arm64_go1_24,
	 0x270,
	 0xf8,
	 0x88,
	 0x11c,
	 0x230,
	 0x248,
	 216,
	 {20, 28, 576, 160, 168, 1},
	 {40, 64, 576, 296, 304, 2}},
	{&arm64_go1_24_v8_1,
	 0x270,
	 0xf8,
	 0x88,
	 0xe4,
	 0x1c8,
	 0x1e0,
	 216,
	 {20, 28, 576, 160, 168, 1},
	 {40, 64, 576, 296, 304, 2}},
	{&arm64_go1_25,
	 0x270,
	 0xf8,
	 0x88,
	 0x110,
	 0x220,
	 0x238,
	 208,
	 {20, 28, 576, 160, 168, 1},
	 {40, 64, 576, 296, 304, 2}},
	{&arm64_go1_26,
	 0x270,
	 0xf8,
	 0x88,
	 0x110,
	 0x220,
	 0x238,
	 208,
	 {20, 28, 584, 160, 168, 1},
	 {40, 64, 584, 296, 304, 2}},
	{&arm64_go1_27,
	 0x270,
	 0xf8,
	 0x88,
	 0x110,
	 0x224,
	 0x23c,
	 208,
	 {20, 28, 560, 160, 168, 2},
	 {40, 64, 560, 296, 312, 2}},
	{&arm64_go1_27_v8_1,
	 0x270,
	 0xf8,
	 0x88,
	 0xdc,
	 0x1c4,
	 0x1dc,
	 208,
	 {20, 28, 560, 160, 168, 2},
	 {40, 64, 560, 296, 312, 2}},
};
#define ARM64_CASES (sizeof(arm64_cases) / sizeof(arm64_cases[0]))

// The host's plugin.open as it lies at `at`.
static inline struct sf_go_code
arm64_code(const struct arm64_host *h, const void *bytes, uint64_t at)
{
	uint64_t moved = at - h->at;

	return (struct sf_go_code){
		.bytes = bytes,
		.size = h->open_size,
		.addr = at,
		.mapaccess = h->mapaccess + moved,
		.chanrecv = h->chanrecv + moved,
		.gostring = h->gostring + moved,
		.morestack = h->morestack + moved,
		.version = h->version,
		.version_len = __builtin_strlen(h->version),
	};
}

static inline struct sf_go_walk_code
arm64_walk(const struct arm64_host *h, enum sf_go_walk_kind kind)
{
	bool func = kind == SF_GO_WALK_FUNC;

	return (struct sf_go_walk_code){
		.bytes = (const uint8_t *)(func ? h->findfunc : h->name),
		.size = func ? h->findfunc_size : h->name_size,
		.addr = func ? h->findfunc_at : h->name_at,
		.first = h->first,
		.version = h->version,
		.version_len = __builtin_strlen(h->version),
	};
}

#endif
