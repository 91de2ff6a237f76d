// SPDX-License-Identifier: BSD-2-Clause
// The shape of a walk over Go's modules.
//
//   entry   the stack check (resolveNameOff), the frame, the early way out for an offset of 0
//   site    lea firstmoduledata(%rip),%rcx                       displaced
//   resume  jmp TEST
//   NEXT    mov n(%rcx),%rcx; [nop]                              runs on into TEST
//   TEST    test %rcx,%rcx; je past the walk; [nop]
//           findfunc        cmp %rax,l(%rcx); ja NEXT; cmp %rax,h(%rcx); jbe NEXT
//           resolveNameOff  mov l(%rcx),%rdx; [nop]; cmp %rdx,%rax; jb NEXT
//                           mov h(%rcx),%rsi; [nop]; cmp %rsi,%rax; jae NEXT
//
// Everything from the entry to the site is demanded byte for byte: it writes no register but RAX
// (the address), EBX (resolveNameOff's offset) and the frame's, so all others are free at the site.
// The three offsets are read from the walk itself and need no list; the list of versions stands for
// what bytes cannot tell, that modules never leave the list.
#include "go_modules.h"

#include "go_cursor.h"

#define SIZE_MIN_WALK 96
#define SIZE_MAX_WALK 4096
#define FIELD_MAX     4096

static uint8_t
go_modules_eat_u8(struct cursor *c)
{
	return go_cursor_room(c, 1) ? *c->at++ : 0;
}

// A jump's one byte: where it leads, counted from the entry.
static int64_t
go_modules_eat_target(const struct sf_go_walk_code *code, struct cursor *c)
{
	int8_t rel = (int8_t)go_modules_eat_u8(c);

	return c->at - code->bytes + rel;
}

static uint32_t
go_modules_eat_field(struct cursor *c)
{
	int32_t off = go_cursor_eat_i32(c);

	if (off <= 0 || off >= FIELD_MAX || off % 8)
		c->ok = false;
	return (uint32_t)off;
}

static void
go_modules_eat_frame(struct cursor *c)
{
	struct cursor old = *c;

	EAT(c, 0x55, 0x48, 0x89, 0xe5);
	if (c->ok) {
		struct cursor with = *c;

		EAT(&with, 0x48, 0x83, 0xec);
		go_modules_eat_u8(&with);
		if (with.ok)
			*c = with;
		return;
	}
	*c = old; // Go 1.19
	EAT(c, 0x48, 0x83, 0xec);
	uint8_t n = go_modules_eat_u8(c);
	EAT(c, 0x48, 0x89, 0x6c, 0x24);
	uint8_t saved = go_modules_eat_u8(c);
	EAT(c, 0x48, 0x8d, 0x6c, 0x24);
	if (go_modules_eat_u8(c) != saved || n != saved + 8)
		c->ok = false;
}

static bool
go_modules_eat_entry(const struct sf_go_walk_code *code, struct cursor *c,
		     enum sf_go_walk_kind kind)
{
	int64_t early = INT64_MAX;

	if (kind == SF_GO_WALK_NAME) {
		EAT(c, 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86);
		go_cursor_eat_i32(c);
	}
	go_modules_eat_frame(c);
	if (kind == SF_GO_WALK_NAME) {
		EAT(c, 0x85, 0xdb, 0x74);
		early = go_modules_eat_target(code, c);
		EAT(c, 0x89, 0x5c, 0x24);
		go_modules_eat_u8(c);
	}
	go_cursor_skip_nops(c);
	// Not into the bytes that the jump will take.
	return c->ok && early >= c->at - code->bytes + 7;
}

static void
go_modules_eat_bounds(const struct sf_go_walk_code *code, struct cursor *c,
		      enum sf_go_walk_kind kind, struct sf_go_walk *walk, int64_t back[2])
{
	if (kind == SF_GO_WALK_FUNC) {
		EAT(c, 0x48, 0x39, 0x81);
		walk->low = go_modules_eat_field(c);
		EAT(c, 0x77);
		back[0] = go_modules_eat_target(code, c);
		EAT(c, 0x48, 0x39, 0x81);
		walk->high = go_modules_eat_field(c);
		EAT(c, 0x76);
	} else {
		EAT(c, 0x48, 0x8b, 0x91);
		walk->low = go_modules_eat_field(c);
		go_cursor_skip_nops(c);
		EAT(c, 0x48, 0x39, 0xd0, 0x72);
		back[0] = go_modules_eat_target(code, c);
		EAT(c, 0x48, 0x8b, 0xb1);
		walk->high = go_modules_eat_field(c);
		go_cursor_skip_nops(c);
		EAT(c, 0x48, 0x39, 0xf0, 0x73);
	}
	back[1] = go_modules_eat_target(code, c);
}

static enum sf_go_refusal
go_modules_parse_walk(const struct sf_go_walk_code *code, enum sf_go_walk_kind kind,
		      struct sf_go_walk *walk)
{
	struct cursor c;
	int64_t back[2] = {-1, -2};

	if (!sf_go_version_listed(code->version, code->version_len))
		return SF_GO_REFUSE_VERSION;
	if (!code->bytes || code->size < SIZE_MIN_WALK || code->size > SIZE_MAX_WALK)
		return SF_GO_REFUSE_SIZE;
	c = go_cursor_in(code->bytes, code->size, 0);
	if (!go_modules_eat_entry(code, &c, kind))
		return SF_GO_REFUSE_ENTRY;
	walk->site = (uint32_t)(c.at - code->bytes);
	EAT(&c, 0x48, 0x8d, 0x0d);
	int64_t rel = go_cursor_eat_i32(&c);
	walk->resume = (uint32_t)(c.at - code->bytes);
	if (!c.ok || code->addr + walk->resume + (uint64_t)rel != code->first)
		return SF_GO_REFUSE_SITE;
	EAT(&c, 0xeb);
	int64_t test = go_modules_eat_target(code, &c);
	if (!c.ok || test < (int64_t)walk->resume + 2)
		return SF_GO_REFUSE_SITE;

	c = go_cursor_in(code->bytes, code->size, (size_t)test);
	EAT(&c, 0x48, 0x85, 0xc9, 0x74);
	int64_t out = go_modules_eat_target(code, &c);
	go_cursor_skip_nops(&c);
	go_modules_eat_bounds(code, &c, kind, walk, back);
	if (!c.ok || back[0] != back[1] || back[0] < (int64_t)walk->resume + 2 || back[0] >= test ||
	    out < c.at - code->bytes)
		return SF_GO_REFUSE_SITE;

	c = go_cursor_in(code->bytes, code->size, (size_t)back[0]);
	EAT(&c, 0x48, 0x8b, 0x89);
	walk->next = go_modules_eat_field(&c);
	go_cursor_skip_nops(&c);
	if (!c.ok || c.at - code->bytes != test || walk->low == walk->high ||
	    walk->next == walk->low || walk->next == walk->high)
		return SF_GO_REFUSE_SITE;
	return SF_GO_REFUSE_NONE;
}

enum sf_go_refusal
sf_go_parse_walk(const struct sf_go_walk_code *code, enum sf_go_walk_kind kind,
		 struct sf_go_walk *walk)
{
	memset(walk, 0, sizeof(*walk));
	enum sf_go_refusal why = go_modules_parse_walk(code, kind, walk);
	if (why)
		memset(walk, 0, sizeof(*walk));
	return why;
}
