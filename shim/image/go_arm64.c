// SPDX-License-Identifier: BSD-2-Clause
// The shape of plugin.open on aarch64, piece by piece.
//
//   entry   ldr x16,[x28,#16]; sub x17,sp,#D; cmp; b.ls GROW      stays: growing a stack restarts
//   +16     sub x20,sp,#N                                         displaced
//           stp x29,x30,[x20,#-8]; mov sp,x20; sub x29,sp,#8
//           str x0,[sp,#N+8]; str x1,[sp,#N+16]                   the name, in either order
//   ...     bl gostring                                           from here to the fill without a gap:
//           str x0,[sp,#P]; str x1,[sp,#L]                        the canonical path: here, or
//           LOCK                                                  the mutex; writes neither x0 nor x1
//           str x0,[sp,#P]; str x1,[sp,#L]                        here
//           tbnz +6; adrp; add; bl lockSlow; ldr x0,[sp,#P]; ldr x1,[sp,#L]
//           adrp; ldr x4,plugins; mov x2,x0; mov x3,x1; adrp x0; add x0; mov x1,x4
//           bl mapaccess1_faststr                                 the same path is the key
//   site    ldr x4,[x0]                                           displaced
//           cbz x4,MISSING
//           UNLOCK, with str x4,[sp,#S] before or behind it       the plugin, in a slot
//           cbz; adrp; add; bl unlockSlow; ldr x4,[sp,#S]
//           ldr x8,[x4,#24]; cbz x8,RECEIVE                       proves the offset of p.err
//   RECEIVE ldr x0,[x4,#32]; mov x1,#0; bl chanrecv1              proves the offset of p.loaded
//   end     ldr x0,[sp,#S]                                        displaced
//           mov x1,#0; mov x2,#0; ldp x29,x30,[sp,#-8]; add sp,sp,#N; ret
//   GROW    spill; mov x3,x30; bl morestack_noctxt; reload; b entry
//
// Free are addresses (adrp, add, ldrb of a variable), nops at three places, and what lies between the
// pieces. What the bytes do not prove, the offset of syms and hchan.closed: therefore the list of
// versions.
#include "go_arm64.h"

#include "go_words.h"

#define CHECK_LEN     16
#define SIZE_MIN      512
#define SIZE_MAX_OPEN 16384
#define STACK_SMALL   128 // what the check may leave below the frame without asking
#define CALL          0x94000000u

// An instruction; bits that are free are not in the mask.
struct insn {
	uint32_t word, mask;
};
#define I(w)                                                                                       \
	{                                                                                          \
		w, 0xffffffffu                                                                     \
	}
#define ADRP(d)                                                                                    \
	{                                                                                          \
		0x90000000u | (d), 0x9f00001fu                                                     \
	}
#define ADD(d)                                                                                     \
	{                                                                                          \
		0x91000000u | (d) << 5 | (d), 0xffc003ffu                                          \
	}
#define LDRB(t, n)                                                                                 \
	{                                                                                          \
		0x39400000u | (n) << 5 | (t), 0xffc003ffu                                          \
	}

#define PIECE_MAX 24
struct piece {
	uint32_t flag;   // the instruction that asks for the outcome, as it follows the piece
	uint32_t passes; // what hands the outcome on to unlockSlow, 0: it is there already
	uint32_t n;
	struct insn insn[PIECE_MAX];
};

// Mutex.Lock as far as it is inlined: compare and swap, by LSE where the processor has it.
static const struct piece locks[] = {
	// Go 1.19
	{0x370000c7, 0, 23, {ADRP(27),      ADD(27),       I(0x39400362), I(0x36000142),
			     I(0xd2800004), I(0xb24003e5), ADRP(6),       ADD(6),
			     I(0x93407c9b), I(0x88fbfcc5), I(0x6b04037f), I(0x9a9f17e7),
			     I(0x1400000b), I(0xd2800004), I(0xb24003e5), ADRP(6),
			     ADD(6),        I(0x885ffcdb), I(0x6b04037f), I(0x54000061),
			     I(0x881bfcc5), I(0xb5ffff9b), I(0x9a9f17e7)}},
	// Go 1.21 to 1.24
	{0x370000c7, 0, 22, {ADRP(27),      LDRB(2, 27),   I(0x36000142), I(0xaa1f03e4),
			     I(0xb24003e5), ADRP(6),       ADD(6),        I(0x93407c9b),
			     I(0x88fbfcc5), I(0x6b04037f), I(0x9a9f17e7), I(0x1400000b),
			     I(0xaa1f03e4), I(0xb24003e5), ADRP(6),       ADD(6),
			     I(0x885ffcdb), I(0x6b04037f), I(0x54000061), I(0x881bfcc5),
			     I(0xb5ffff9b), I(0x9a9f17e7)}},
	// Go 1.25 on
	{0x370000c6, 0, 20, {ADRP(27),      LDRB(2, 27),   I(0x36000122), I(0xb24003e4),
			     ADRP(5),       ADD(5),        I(0x2a1f03fb), I(0x88fbfca4),
			     I(0x6b1f037f), I(0x9a9f17e6), I(0x1400000a), I(0xb24003e4),
			     ADRP(5),       ADD(5),        I(0x885ffcbb), I(0x6b1f037f),
			     I(0x54000061), I(0x881bfca4), I(0xb5ffff9b), I(0x9a9f17e6)}},
	// GOARM64=v8.1, Go 1.23 and 1.24
	{0x370000c5,
	 0,
	 8,
	 {I(0xaa1f03e2), I(0xb24003e3), ADRP(4), ADD(4), I(0x93407c5b), I(0x88fbfc83),
	  I(0x6b02037f), I(0x9a9f17e5)}},
	// GOARM64=v8.1, Go 1.25 on
	{0x370000c4,
	 0,
	 7,
	 {I(0xb24003e2), ADRP(3), ADD(3), I(0x2a1f03fb), I(0x88fbfc62), I(0x6b1f037f),
	  I(0x9a9f17e4)}},
};

// Mutex.Unlock, the same.
static const struct piece unlocks[] = {
	// Go 1.19
	{0x340000cd,
	 0xaa0d03e1,
	 17,
	 {ADRP(27), ADD(27), I(0x3940036b), I(0x360000eb), I(0x9280000b), ADRP(12), ADD(12),
	  I(0xb8eb018d), I(0x8b0b01ad), I(0x14000008), I(0x9280000b), ADRP(12), ADD(12),
	  I(0x885ffd8d), I(0x8b0b01ad), I(0x881bfd8d), I(0xb5ffffbb)}},
	// Go 1.21 to 1.26
	{0x340000cd,
	 0xaa0d03e1,
	 16,
	 {ADRP(27), LDRB(11, 27), I(0x360000eb), I(0x9280000b), ADRP(12), ADD(12), I(0xb8eb018d),
	  I(0x8b0b01ad), I(0x14000008), I(0x9280000b), ADRP(12), ADD(12), I(0x885ffd8d),
	  I(0x8b0b01ad), I(0x881bfd8d), I(0xb5ffffbb)}},
	// Go 1.27
	{0x340000a1,
	 0,
	 16,
	 {ADRP(27), LDRB(11, 27), I(0x360000eb), I(0x9280000b), ADRP(12), ADD(12), I(0xb8eb0181),
	  I(0x8b0b0021), I(0x14000008), I(0x9280000b), ADRP(12), ADD(12), I(0x885ffd81),
	  I(0x8b0b0021), I(0x881bfd81), I(0xb5ffffbb)}},
	// GOARM64=v8.1, Go 1.23 on
	{0x340000a1, 0, 5, {I(0x9280000b), ADRP(12), ADD(12), I(0xb8eb0181), I(0x8b0b0021)}},
};

// One of the pieces, whole; NULL and a bad cursor if none fits.
static const struct piece *
go_arm64_eat_piece(struct words *c, const struct piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct words with = *c;

		for (uint32_t k = 0; k < pieces[i].n; k++) {
			uint32_t w = go_words_next(&with);

			if ((w & pieces[i].insn[k].mask) != pieces[i].insn[k].word)
				with.ok = false;
		}
		if (with.ok) {
			*c = with;
			return &pieces[i];
		}
	}
	c->ok = false;
	return NULL;
}

static struct words
go_arm64_at(const struct sf_go_code *code, size_t off)
{
	return go_words_in(code->bytes, code->size, off);
}

// Offset of the first call of `target` at or after `from`; 0 if there is none.
static size_t
go_arm64_find_call(const struct sf_go_code *code, size_t from, uint64_t target)
{
	for (size_t off = from; off + 4 <= code->size; off += 4) {
		struct words c = go_arm64_at(code, off);
		int64_t to = go_words_eat_branch26(&c, CALL);

		if (c.ok && code->addr + (uint64_t)to == target)
			return off;
	}
	return 0;
}

static size_t
go_arm64_find_only_call(const struct sf_go_code *code, size_t from, uint64_t target)
{
	size_t off = go_arm64_find_call(code, CHECK_LEN, target);

	if (!off || off < from || go_arm64_find_call(code, off + 4, target))
		return 0;
	return off;
}

// `str xT,[sp,#d]`; the slot, or -1 and a bad cursor.
static int64_t
go_arm64_eat_spill(struct words *c, uint32_t t, uint32_t frame)
{
	uint32_t w = go_words_next(c), d = GO_IMM12(w) * 8;

	c->ok = c->ok && GO_NO_IMM12(w) == GO_STR_SP(t, 0u) && d + 8 <= frame;
	return c->ok ? (int64_t)d : -1;
}

static bool
go_arm64_grows(const struct sf_go_code *code, size_t off)
{
	struct words c = go_arm64_at(code, off);
	bool pair = go_words_may(&c, 0xa90087e0u); // stp x0,x1,[sp,#8]

	if (!pair) {
		go_words_eat(&c, GO_STR_SP(0u, 8u));
		go_words_eat(&c, GO_STR_SP(1u, 16u));
	}
	go_words_eat(&c, GO_MOV(3u, 30u));
	int64_t to = go_words_eat_branch26(&c, CALL);
	if (!c.ok || code->addr + (uint64_t)to != code->morestack)
		return false;
	if (pair) {
		go_words_eat(&c, 0xa94087e0u); // ldp x0,x1,[sp,#8]
	} else {
		go_words_eat(&c, GO_LDR_SP(0u, 8u));
		go_words_eat(&c, GO_LDR_SP(1u, 16u));
	}
	return go_words_eat_branch26(&c, 0x14000000u) == 0 && c.ok;
}

// Stack check, frame and the spill of the name.
static enum sf_go_refusal
go_arm64_parse_prologue(const struct sf_go_code *code, struct sf_go_shape *shape)
{
	struct words c = go_arm64_at(code, 0);

	go_words_eat(&c, 0xf9400b90u); // ldr x16,[x28,#16]
	uint32_t check = go_words_next(&c);
	go_words_eat(&c, 0xeb10023fu); // cmp x17,x16
	int64_t grow = go_words_eat_branch19(&c, 0x54000009u);
	if (!c.ok || GO_NO_IMM12(check) != 0xd10003f1u) // sub x17,sp,#D
		return SF_GO_REFUSE_ENTRY;
	if (grow <= CHECK_LEN || grow >= (int64_t)code->size || !go_arm64_grows(code, (size_t)grow))
		return SF_GO_REFUSE_GROW;

	uint32_t take = go_words_next(&c);
	uint32_t frame = GO_IMM12(take);
	go_words_eat(&c, 0xa93ffa9du); // stp x29,x30,[x20,#-8]
	go_words_eat(&c, 0x9100029fu); // mov sp,x20
	go_words_eat(&c, 0xd10023fdu); // sub x29,sp,#8
	if (!c.ok || GO_NO_IMM12(take) != 0xd10003f4u || !frame || frame % 16 ||
	    GO_IMM12(check) != frame - STACK_SMALL)
		return SF_GO_REFUSE_FRAME;
	shape->check = CHECK_LEN;
	shape->moved_len = 4;
	memcpy(shape->moved, &take, 4);
	shape->frame = frame;
	shape->name_slot = frame + 8;

	bool first = go_words_may(&c, GO_STR_SP(0u, frame + 8));
	go_words_eat(&c, GO_STR_SP(1u, frame + 16));
	if (!first)
		go_words_eat(&c, GO_STR_SP(0u, frame + 8));
	return c.ok ? SF_GO_REFUSE_NONE : SF_GO_REFUSE_NAME;
}

// Both slots of the path, in either order, if they stand here.
static void
go_arm64_may_keep_path(struct words *c, struct sf_go_shape *shape)
{
	struct words with = *c;
	bool swapped = (go_words_look(c) & 31u) == 1;
	int64_t ptr, len;

	if (swapped) {
		len = go_arm64_eat_spill(&with, 1, shape->frame);
		ptr = go_arm64_eat_spill(&with, 0, shape->frame);
	} else {
		ptr = go_arm64_eat_spill(&with, 0, shape->frame);
		len = go_arm64_eat_spill(&with, 1, shape->frame);
	}
	if (!with.ok || ptr == len)
		return;
	*c = with;
	shape->path_ptr_slot = (uint32_t)ptr;
	shape->path_len_slot = (uint32_t)len;
}

// From gostring to the map access: where the path is kept, and that it is the key.
static enum sf_go_refusal
go_arm64_parse_key(const struct sf_go_code *code, struct sf_go_shape *shape, size_t gostring,
		   size_t mapaccess)
{
	struct words c = go_arm64_at(code, gostring + 4);

	go_arm64_may_keep_path(&c, shape);
	go_words_skip_nops(&c);
	const struct piece *lock = go_arm64_eat_piece(&c, locks, sizeof(locks) / sizeof(locks[0]));
	if (lock && !shape->path_ptr_slot)
		go_arm64_may_keep_path(&c, shape);
	if (!lock || !shape->path_ptr_slot || !shape->path_len_slot)
		return SF_GO_REFUSE_PATH;
	go_words_eat(&c, lock->flag);
	go_words_eat_address(&c, 0);
	go_words_eat_branch26(&c, CALL);
	go_words_eat(&c, GO_LDR_SP(0u, shape->path_ptr_slot));
	go_words_eat(&c, GO_LDR_SP(1u, shape->path_len_slot));
	uint32_t page = go_words_next(&c);
	bool whole = GO_IS_ADD(go_words_look(&c), 27u);
	if (whole)
		go_words_next(&c);
	uint32_t load = go_words_next(&c);
	c.ok = c.ok && GO_IS_ADRP(page, 27u) && GO_IS_LDR(load, 4u, 27u) &&
	       (!whole || GO_IMM12(load) == 0);
	go_words_eat(&c, GO_MOV(2u, 0u));
	go_words_eat(&c, GO_MOV(3u, 1u));
	go_words_eat_address(&c, 0);
	go_words_eat(&c, GO_MOV(1u, 4u));
	return c.ok && c.at == mapaccess ? SF_GO_REFUSE_NONE : SF_GO_REFUSE_KEY;
}

// The fill site; *c stands behind it then.
static enum sf_go_refusal
go_arm64_parse_site(struct words *c, struct sf_go_shape *shape)
{
	shape->site = (uint32_t)c->at;
	go_words_eat(c, GO_LDR(4u, 0u, 0u));
	shape->resume = (uint32_t)c->at;
	int64_t missing = go_words_eat_branch19(c, 0xb4000004u); // cbz x4
	if (!c->ok || missing <= (int64_t)c->at || missing >= (int64_t)c->size)
		return SF_GO_REFUSE_SITE;
	shape->missing = (uint32_t)missing;
	return SF_GO_REFUSE_NONE;
}

// From the fill site to the receive: the plugin is in a slot, and its error is empty.
static enum sf_go_refusal
go_arm64_parse_slot(struct words *c, const struct sf_go_shape *shape, size_t chanrecv,
		    int64_t *slot)
{
	bool early = GO_NO_IMM12(go_words_look(c)) == GO_STR_SP(4u, 0u);

	if (early)
		*slot = go_arm64_eat_spill(c, 4, shape->frame);
	go_words_skip_nops(c);
	const struct piece *unlock =
		go_arm64_eat_piece(c, unlocks, sizeof(unlocks) / sizeof(unlocks[0]));
	if (!early)
		*slot = go_arm64_eat_spill(c, 4, shape->frame);
	if (!unlock || *slot < 0)
		return SF_GO_REFUSE_SLOT;
	go_words_eat(c, unlock->flag);
	go_words_eat_address(c, 0);
	if (unlock->passes)
		go_words_eat(c, unlock->passes);
	go_words_eat_branch26(c, CALL);
	go_words_eat(c, GO_LDR_SP(4u, (uint32_t)*slot));
	if (!go_words_may(c, 0xa9412087u)) { // ldp x7,x8,[x4,#16]
		go_words_may(c, GO_LDR(7u, 4u, 16u));
		go_words_eat(c, GO_LDR(8u, 4u, 24u));
	}
	int64_t receive = go_words_eat_branch19(c, 0xb4000008u); // cbz x8
	return c->ok && receive + 8 == (int64_t)chanrecv ? SF_GO_REFUSE_NONE : SF_GO_REFUSE_SLOT;
}

static enum sf_go_refusal
go_arm64_parse_success(const struct sf_go_code *code, struct sf_go_shape *shape, size_t chanrecv,
		       uint32_t slot)
{
	struct words c = go_arm64_at(code, chanrecv - 8);

	go_words_eat(&c, GO_LDR(0u, 4u, 32u));
	go_words_eat_zero(&c, 1);
	go_words_eat_branch26(&c, CALL);
	shape->end = (uint32_t)c.at;
	shape->end_len = 4;
	uint32_t load = go_words_look(&c);
	if (!go_words_eat(&c, GO_LDR_SP(0u, slot)))
		return SF_GO_REFUSE_SLOT;
	memcpy(shape->end_moved, &load, 4);
	go_words_eat_zero(&c, 1);
	go_words_eat_zero(&c, 2);
	go_words_eat(&c, GO_REST_OF_FRAME);
	go_words_eat(&c, GO_ADD_SP(shape->frame));
	go_words_eat(&c, GO_RET);
	return c.ok ? SF_GO_REFUSE_NONE : SF_GO_REFUSE_EPILOGUE;
}

static enum sf_go_refusal
go_arm64_parse(const struct sf_go_code *code, struct sf_go_shape *shape)
{
	enum sf_go_refusal why = go_arm64_parse_prologue(code, shape);
	int64_t slot = -1;

	if (why)
		return why;
	size_t gostring = go_arm64_find_call(code, CHECK_LEN, code->gostring);
	size_t mapaccess = gostring ? go_arm64_find_only_call(code, gostring, code->mapaccess) : 0;
	size_t chanrecv = mapaccess ? go_arm64_find_only_call(code, mapaccess, code->chanrecv) : 0;
	if (!chanrecv)
		return SF_GO_REFUSE_CALLS;
	why = go_arm64_parse_key(code, shape, gostring, mapaccess);
	struct words c = go_arm64_at(code, mapaccess + 4);
	if (!why)
		why = go_arm64_parse_site(&c, shape);
	if (!why)
		why = go_arm64_parse_slot(&c, shape, chanrecv, &slot);
	return why ? why : go_arm64_parse_success(code, shape, chanrecv, (uint32_t)slot);
}

static bool
go_arm64_has_probe(const struct sf_go_code *code)
{
	static const size_t at[] = {0, CHECK_LEN, CHECK_LEN + 4};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct words c = go_arm64_at(code, at[i]);

		if (GO_IS_BRK(go_words_look(&c)))
			return true;
	}
	return false;
}

enum sf_go_refusal
sf_go_arm64_parse(const struct sf_go_code *code, struct sf_go_shape *shape)
{
	enum sf_go_refusal why = SF_GO_REFUSE_NONE;

	memset(shape, 0, sizeof(*shape));
	if (!sf_go_version_listed(code->version, code->version_len))
		why = SF_GO_REFUSE_VERSION;
	else if (code->race)
		why = SF_GO_REFUSE_RACE;
	else if (!code->bytes || code->size < SIZE_MIN || code->size > SIZE_MAX_OPEN ||
		 code->addr % 4)
		why = SF_GO_REFUSE_SIZE;
	else
		why = go_arm64_parse(code, shape);
	if (why > SF_GO_REFUSE_SIZE && go_arm64_has_probe(code))
		why = SF_GO_REFUSE_PROBE;
	if (why)
		memset(shape, 0, sizeof(*shape));
	return why;
}
