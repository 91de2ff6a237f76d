// SPDX-License-Identifier: BSD-2-Clause
// changes_aarch64.h: what stands in ld.so's breakpoint, and what becomes of it, on aarch64.

#define JUMP_MASK   0xfc /* of the last byte of b: what is no distance */
#define FAR_IS      0x14
#define FAR_REFUSED "no room for a jump near ld.so"

static const uint8_t debugger[] = {0x00, 0x00, 0x20, 0xd4}; /* brk #0 */

#define RET   0xc0, 0x03, 0x5f, 0xd6
#define BTI_C 0x5f, 0x24, 0x03, 0xd5
#define NOP   0x1f, 0x20, 0x03, 0xd5
#define MOV   0xe2, 0x03, 0x00, 0xaa /* mov x2, x0 */
#define BRK   0x00, 0x00, 0x20, 0xd4
#define SIGN  0x3f, 0x23, 0x03, 0xd5 /* paciasp */
#define T(...)                                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static const struct {
	const char *what, *refused; /* NULL: the jump is written */
	uint8_t text[SF_BREAK_ROOM];
	uint8_t becomes; /* byte at `at` then, without what is a distance */
	uint8_t at;
} shapes[] = {
	{"glibc 2.31 and 2.36", NULL, T(RET, MOV, MOV, MOV), 0x14, 3},
	{"glibc 2.41 and 2.43", NULL, T(BTI_C, RET, NOP, NOP), 0x14, 7},
	{"a debugger's breakpoint", "ld.so's breakpoint is no plain return", T(BRK, MOV, MOV, MOV),
	 0xd4, 3},
	{"a debugger's breakpoint after the landing pad", "ld.so's breakpoint is no plain return",
	 T(BTI_C, BRK, NOP, NOP), 0xd4, 7},
	{"a signed frame", "ld.so's breakpoint is no plain return", T(SIGN, RET, NOP, NOP), 0xd4,
	 3},
	{"a body", "ld.so's breakpoint is no plain return", T(MOV, RET, NOP, NOP), 0xa8, 3},
	{"a body after the landing pad", "ld.so's breakpoint is no plain return",
	 T(BTI_C, MOV, RET, NOP), 0xa8, 7},
};

static void
take(uint8_t *from, size_t size)
{
	void *p = mmap(from, size, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	ck_assert_ptr_eq(p, (void *)from);
}

/* All that a jump from there reaches is taken. */
static uint8_t *
some_far_code(uint8_t *page)
{
	const size_t reach = (size_t)128 << 20;

	take(page - reach, reach);
	take(page + SF_SYS_PAGE, reach);
	memcpy(page, shapes[0].text, SF_BREAK_ROOM);
	return page;
}
