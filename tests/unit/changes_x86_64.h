// SPDX-License-Identifier: BSD-2-Clause
// changes_x86_64.h: what stands in ld.so's breakpoint, and what becomes of it, on x86-64.

#define JUMP_MASK   0xff
#define FAR_IS      0xff
#define FAR_REFUSED "no room for a jump in ld.so"

static const uint8_t debugger[] = {0xcc};

#define B(...)                                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
static const struct {
	const char *what, *refused; /* NULL: the jump is written */
	uint8_t text[SF_BREAK_ROOM];
	uint8_t becomes; /* byte at `at` then */
	uint8_t at;
} shapes[] = {
	{"glibc 2.36", NULL,
	 B(0xc3, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x40, 0), 0xe9, 0},
	{"glibc 2.41 and 2.43", NULL,
	 B(0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x44, 0, 0), 0xe9, 0},
	{"with endbr64", NULL,
	 B(0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x90), 0xe9,
	 4},
	{"short of room", "no room for a jump in ld.so",
	 B(0xc3, 0x0f, 0x1f, 0x00, 0x53, 0x48, 0x89, 0xfb, 0xc3, 0, 0, 0, 0, 0, 0, 0), 0xc3, 0},
	{"a debugger's breakpoint", "ld.so's breakpoint is no plain return",
	 B(0xcc, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x40, 0), 0xcc, 0},
	{"a body", "ld.so's breakpoint is no plain return",
	 B(0x31, 0xc0, 0xc3, 0x0f, 0x1f, 0x80, 0, 0, 0, 0, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90),
	 0x31, 0},
};

/* With endbr64 there is no room for the long jump. */
static uint8_t *
some_far_code(uint8_t *page)
{
	memcpy(page, shapes[2].text, SF_BREAK_ROOM);
	return page;
}
