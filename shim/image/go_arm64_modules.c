// SPDX-License-Identifier: BSD-2-Clause
// The shape of a walk over Go's modules on aarch64. M is x1 or x2.
//
//   entry   the stack check (resolveNameOff), the frame, the early way out for an offset of 0
//           adrp M; add M,M                                      firstmoduledata
//   site    b TEST                                               displaced
//   NEXT    ldr M,[M,#n]                                         runs on into TEST
//   TEST    cbz M, past the walk
//           ldr A,[M,#l]; cmp x0,A; b.lo NEXT                    or both bounds by one ldp
//           ldr B,[M,#h]; cmp x0,B; b.hs NEXT
//
// Everything from the entry to the site is demanded word for word: it writes no register but x16, x30,
// the frame's and M, so that x9 to x15 are free at the site. The three offsets are read from the walk itself; the
// list of versions stands for what bytes cannot tell, that modules never leave the list.
#include "go_arm64.h"

#include "go_words.h"

#define SIZE_MIN_WALK 96
#define SIZE_MAX_WALK 4096
#define FIELD_MAX     4096

static void
go_arm64_eat_entry(struct words *c, enum sf_go_walk_kind kind)
{
	if (kind == SF_GO_WALK_NAME) {
		go_words_eat(c, 0xf9400b90u); // ldr x16,[x28,#16]
		go_words_eat(c, 0xeb3063ffu); // cmp sp,x16
		go_words_eat_branch19(c, 0x54000009u);
	}
	uint32_t push = go_words_next(c); // str x30,[sp,#-N]!
	c->ok = c->ok && (push & 0xfff00fffu) == 0xf8100ffeu;
	go_words_eat(c, 0xf81f83fdu); // stur x29,[sp,#-8]
	go_words_eat(c, 0xd10023fdu); // sub x29,sp,#8
	if (kind != SF_GO_WALK_NAME)
		return;
	size_t at = c->at;
	int64_t early = go_words_eat_branch19(c, 0x34000001u); // cbz w1
	uint32_t spill = go_words_next(c);                     // str w1,[sp,#d]
	// Behind the three instructions that follow: not to where the jump will be.
	c->ok = c->ok && GO_NO_IMM12(spill) == 0xb90003e1u && early > (int64_t)at + 16;
}

// The module's register and that it holds runtime.firstmoduledata.
static void
go_arm64_eat_first(const struct sf_go_walk_code *code, struct words *c, uint32_t *reg)
{
	uint64_t from = (code->addr + c->at) & ~(uint64_t)0xfff;
	uint32_t page = go_words_next(c), low = go_words_next(c);
	uint32_t field = (page >> 29 & 3) | (page >> 5 & 0x7ffff) << 2;
	int64_t pages = (int32_t)(field << 11) >> 11;

	*reg = page & 31;
	c->ok = c->ok && (*reg == 1 || *reg == 2) && GO_IS_ADRP(page, *reg) &&
		GO_IS_ADD(low, *reg) &&
		from + (uint64_t)pages * 4096 + GO_IMM12(low) == code->first;
}

static uint32_t
go_arm64_field(struct words *c, uint32_t off)
{
	if (!off || off >= FIELD_MAX || off % 8)
		c->ok = false;
	return off;
}

// `cmp x0,A` and the way back to NEXT.
static int64_t
go_arm64_eat_compare(struct words *c, uint32_t reg, uint32_t condition)
{
	go_words_eat(c, 0xeb00001fu | reg << 16);
	return go_words_eat_branch19(c, 0x54000000u | condition);
}

static void
go_arm64_eat_bounds(struct words *c, uint32_t m, struct sf_go_walk *walk, int64_t back[2])
{
	uint32_t w = go_words_next(c), a = w & 31, b = w >> 10 & 31;
	bool pair = (w & 0xffc00000u) == 0xa9400000u && (w >> 5 & 31) == m;

	if (pair) {
		walk->low = go_arm64_field(c, (w >> 15 & 0x7f) * 8);
		walk->high = walk->low + 8;
		c->ok = c->ok && !(w >> 21 & 1);
	} else {
		walk->low = go_arm64_field(c, GO_IMM12(w) * 8);
		c->ok = c->ok && GO_IS_LDR(w, a, m);
	}
	back[0] = go_arm64_eat_compare(c, a, 3); // lo
	if (!pair) {
		w = go_words_next(c);
		b = w & 31;
		walk->high = go_arm64_field(c, GO_IMM12(w) * 8);
		c->ok = c->ok && GO_IS_LDR(w, b, m);
	}
	back[1] = go_arm64_eat_compare(c, b, 2); // hs
	c->ok = c->ok && a > m && a < 6 && b > m && b < 6 && (!pair || a != b);
}

static enum sf_go_refusal
go_arm64_parse_walk(const struct sf_go_walk_code *code, enum sf_go_walk_kind kind,
		    struct sf_go_walk *walk)
{
	struct words c = go_words_in(code->bytes, code->size, 0);
	int64_t back[2] = {-1, -2};

	go_arm64_eat_entry(&c, kind);
	if (!c.ok)
		return SF_GO_REFUSE_ENTRY;
	go_arm64_eat_first(code, &c, &walk->reg);
	walk->site = (uint32_t)c.at;
	int64_t test = go_words_eat_branch26(&c, 0x14000000u);
	if (!c.ok || test < (int64_t)c.at + 4)
		return SF_GO_REFUSE_SITE;
	walk->resume = (uint32_t)test;

	c = go_words_in(code->bytes, code->size, (size_t)test);
	int64_t out = go_words_eat_branch19(&c, 0xb4000000u | walk->reg);
	go_arm64_eat_bounds(&c, walk->reg, walk, back);
	if (!c.ok || back[0] != back[1] || back[0] + 4 != test || out < (int64_t)c.at)
		return SF_GO_REFUSE_SITE;

	c = go_words_in(code->bytes, code->size, (size_t)back[0]);
	uint32_t w = go_words_next(&c);
	walk->next = go_arm64_field(&c, GO_IMM12(w) * 8);
	if (!c.ok || !GO_IS_LDR(w, walk->reg, walk->reg) || walk->low == walk->high ||
	    walk->next == walk->low || walk->next == walk->high)
		return SF_GO_REFUSE_SITE;
	return SF_GO_REFUSE_NONE;
}

enum sf_go_refusal
sf_go_arm64_parse_walk(const struct sf_go_walk_code *code, enum sf_go_walk_kind kind,
		       struct sf_go_walk *walk)
{
	enum sf_go_refusal why = SF_GO_REFUSE_NONE;

	memset(walk, 0, sizeof(*walk));
	if (!sf_go_version_listed(code->version, code->version_len))
		why = SF_GO_REFUSE_VERSION;
	else if (!code->bytes || code->size < SIZE_MIN_WALK || code->size > SIZE_MAX_WALK ||
		 code->addr % 4)
		why = SF_GO_REFUSE_SIZE;
	else
		why = go_arm64_parse_walk(code, kind, walk);
	if (why)
		memset(walk, 0, sizeof(*walk));
	return why;
}
