// SPDX-License-Identifier: BSD-2-Clause
// A reader of x86-64 code that fails, and stays failed, at the first unexpected byte.
#ifndef SF_IMAGE_GO_CURSOR_H
#define SF_IMAGE_GO_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end;
	bool ok;
};

#define EAT(c, ...)                                                                                \
	go_cursor_eat(c, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static inline bool
go_cursor_room(struct cursor *c, size_t n)
{
	if ((size_t)(c->end - c->at) < n)
		c->ok = false;
	return c->ok;
}

static inline bool
go_cursor_eat(struct cursor *c, const uint8_t *want, size_t n)
{
	if (!go_cursor_room(c, n) || memcmp(c->at, want, n))
		return c->ok = false;
	c->at += n;
	return true;
}

static inline int32_t
go_cursor_eat_i32(struct cursor *c)
{
	int32_t v = 0;

	if (!go_cursor_room(c, 4))
		return 0;
	memcpy(&v, c->at, 4);
	c->at += 4;
	return v;
}

// At most two of the assembler's alignment nops.
static inline void
go_cursor_skip_nops(struct cursor *c)
{
	static const struct {
		uint8_t len, bytes[9];
	} nops[] = {
		{1, {0x90}},
		{2, {0x66, 0x90}},
		{3, {0x0f, 0x1f, 0x00}},
		{4, {0x0f, 0x1f, 0x40, 0x00}},
		{5, {0x0f, 0x1f, 0x44, 0x00, 0x00}},
		{6, {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}},
		{7, {0x0f, 0x1f, 0x80, 0, 0, 0, 0}},
		{8, {0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0}},
		{9, {0x66, 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0}},
	};

	for (int turn = 0; turn < 2; turn++) {
		size_t n = 0;

		for (size_t i = 0; c->ok && i < sizeof(nops) / sizeof(nops[0]); i++) {
			if ((size_t)(c->end - c->at) >= nops[i].len &&
			    !memcmp(c->at, nops[i].bytes, nops[i].len))
				n = nops[i].len;
		}
		if (!n)
			return;
		c->at += n;
	}
}

// A cursor at `off` of the code, bad if that lies outside.
static inline struct cursor
go_cursor_in(const uint8_t *bytes, size_t size, size_t off)
{
	struct cursor c = {bytes + size, bytes + size, false};

	if (off <= size) {
		c.at = bytes + off;
		c.ok = true;
	}
	return c;
}

#endif
