// SPDX-License-Identifier: BSD-2-Clause
// A reader of aarch64 code, word by word, that fails, and stays failed, at the first unexpected one.
#ifndef SF_IMAGE_GO_WORDS_H
#define SF_IMAGE_GO_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct words {
	const uint8_t *bytes;
	size_t at, size;
	bool ok;
};

// Instructions with a register or a number in them.
#define GO_NOP             0xd503201fu
#define GO_RET             0xd65f03c0u
#define GO_STR_SP(t, d)    (0xf90003e0u | (t) | (d) / 8u << 10) // str xT,[sp,#d]
#define GO_LDR_SP(t, d)    (0xf94003e0u | (t) | (d) / 8u << 10) // ldr xT,[sp,#d]
#define GO_LDR(t, n, d)    (0xf9400000u | (t) | (n) << 5 | (d) / 8u << 10)
#define GO_MOV(d, m)       (0xaa0003e0u | (d) | (m) << 16)
#define GO_ADD_SP(n)       (0x910003ffu | (n) << 10) // add sp,sp,#n
#define GO_REST_OF_FRAME   0xa97ffbfdu               // ldp x29,x30,[sp,#-8]
#define GO_IS_ADRP(w, d)   (((w)&0x9f00001fu) == (0x90000000u | (d)))
#define GO_IS_ADD(w, d)    (((w)&0xffc003ffu) == (0x91000000u | (d) << 5 | (d)))
#define GO_IS_LDR(w, t, n) (((w)&0xffc003ffu) == (0xf9400000u | (n) << 5 | (t)))
#define GO_IS_BRK(w)       (((w)&0xffe0001fu) == 0xd4200000u)
#define GO_IMM12(w)        ((w) >> 10 & 0xfffu)
#define GO_NO_IMM12(w)     ((w) & ~(0xfffu << 10))

static inline uint32_t
go_words_look(const struct words *c)
{
	uint32_t w = 0;

	if (c->ok && c->size >= 4 && c->at <= c->size - 4)
		memcpy(&w, c->bytes + c->at, 4);
	return w; // 0 is udf: nobody's pattern
}

static inline uint32_t
go_words_next(struct words *c)
{
	uint32_t w = go_words_look(c);

	c->ok = c->ok && c->size >= 4 && c->at <= c->size - 4;
	c->at += c->ok ? 4 : 0;
	return w;
}

static inline bool
go_words_eat(struct words *c, uint32_t want)
{
	return c->ok = go_words_next(c) == want && c->ok;
}

static inline bool
go_words_may(struct words *c, uint32_t want)
{
	if (go_words_look(c) != want)
		return false;
	c->at += 4;
	return true;
}

static inline void
go_words_skip_nops(struct words *c)
{
	go_words_may(c, GO_NOP);
	go_words_may(c, GO_NOP);
}

// adrp xD; add xD,xD: any address.
static inline void
go_words_eat_address(struct words *c, uint32_t d)
{
	uint32_t page = go_words_next(c), low = go_words_next(c);

	c->ok = c->ok && GO_IS_ADRP(page, d) && GO_IS_ADD(low, d);
}

// mov xD,#0, in either way of saying it.
static inline void
go_words_eat_zero(struct words *c, uint32_t d)
{
	if (!go_words_may(c, GO_MOV(d, 31u)))
		go_words_eat(c, 0xd2800000u | d);
}

// Where the branch `w` at `at` leads, by its field of `bits` bits from bit `low` on.
static inline int64_t
go_words_target(uint32_t w, size_t at, unsigned low, unsigned bits)
{
	int32_t field = (int32_t)(w << (32 - low - bits)) >> (32 - bits);

	return (int64_t)at + (int64_t)field * 4;
}

// The target of an instruction that is `op` under a mask which leaves 19 bits out (b.COND, cbz); -1
// and a bad cursor if it is another one.
static inline int64_t
go_words_eat_branch19(struct words *c, uint32_t op)
{
	size_t at = c->at;
	uint32_t w = go_words_next(c);

	c->ok = c->ok && (w & 0xff00001fu) == op;
	return c->ok ? go_words_target(w, at, 5, 19) : -1;
}

// The same of b (0x14000000) and bl (0x94000000).
static inline int64_t
go_words_eat_branch26(struct words *c, uint32_t op)
{
	size_t at = c->at;
	uint32_t w = go_words_next(c);

	c->ok = c->ok && (w & 0xfc000000u) == op;
	return c->ok ? go_words_target(w, at, 0, 26) : -1;
}

static inline struct words
go_words_in(const uint8_t *bytes, size_t size, size_t off)
{
	return (struct words){bytes, off, size, off <= size && off % 4 == 0};
}

#endif
