// SPDX-License-Identifier: BSD-2-Clause
// The shape of plugin.open, piece by piece.
//
//   entry   lea -D(%rsp),%r12; cmp 0x10(%r14),%r12; jbe GROW      stays: growing a stack restarts
//   +18     sub $N,%rsp; mov %rbp,N-8(%rsp); lea N-8(%rsp),%rbp   Go 1.19
//   +18     push %rbp; mov %rsp,%rbp; sub $N,%rsp                 Go 1.21 on; `sub` is displaced
//           mov %rax,SLOT(%rsp); mov %rbx,SLOT+8(%rsp)            the name, in either order
//   ...     call gostring; mov %rax,P(%rsp); mov %rbx,L(%rsp)     the canonical path
//   ...     mov P(%rsp),%rcx; mov L(%rsp),%rbx; mov plugins(%rip),%rdx; lea type(%rip),%rax
//           mov %rbx,%rdi; mov %rdx,%rbx; call mapaccess1_faststr the same path is the key
//           mov (%rax),%rdx; [nop]; test %rdx,%rdx; [nop]
//   site    je                                                    displaced
//           mov %rdx,S(%rsp)                                      the plugin, in a slot
//   ...     mov 0x20(%rdx),%rax; xor %ebx,%ebx; [nop]; call chanrecv1    proves the offset of
//   p.loaded
//           mov S(%rsp),%rax; xor %ebx,%ebx; xor %ecx,%ecx; epilogue; ret
//   GROW    spill; call morestack_noctxt; reload; jmp entry
//
// Calls are found by their target, so a piece may move; inside a piece only alignment nops may
// vary. The three field offsets of Plugin and the one of hchan that the fill reads are not proved
// by all this: therefore the list of versions.
#include "go_plugin.h"

#include "go_cursor.h"

#define CHECK_LEN     18
#define INT3          0xcc
#define SIZE_MIN      512
#define SIZE_MAX_OPEN 16384
#define FRAME_MAX     4096
// StackSmall: what the check may leave below the frame without asking.
#define STACK_SMALL 128

// `mov %REG,d(%rsp)` (op 0x89) or `mov d(%rsp),%REG` (op 0x8b); returns d, or -1 and a bad cursor.
static int32_t
go_plugin_eat_slot(struct cursor *c, uint8_t op, unsigned reg)
{
	int32_t d = -1;

	if (!EAT(c, 0x48, op) || !go_cursor_room(c, 3) || c->at[1] != 0x24) {
		c->ok = false;
		return -1;
	}
	if (c->at[0] == (0x84 | reg << 3)) {
		c->at += 2;
		d = go_cursor_eat_i32(c);
	} else if (c->at[0] == (0x44 | reg << 3)) {
		d = c->at[2];
		c->at += 3;
	}
	if (d < 0 || d > FRAME_MAX + 32 || d % 8)
		c->ok = false;
	return c->ok ? d : -1;
}

enum { RAX, RCX, RDX, RBX };

static struct cursor
go_plugin_cursor_at(const struct sf_go_code *code, size_t off)
{
	return go_cursor_in(code->bytes, code->size, off);
}

static size_t
go_plugin_offset_of(const struct sf_go_code *code, const struct cursor *c)
{
	return (size_t)(c->at - code->bytes);
}

// Does a call of `target` stand at `off`?
static bool
go_plugin_is_call(const struct sf_go_code *code, size_t off, uint64_t target)
{
	struct cursor c = go_plugin_cursor_at(code, off);

	if (!EAT(&c, 0xe8))
		return false;
	int32_t rel = go_cursor_eat_i32(&c);
	return c.ok &&
	       code->addr + go_plugin_offset_of(code, &c) + (uint64_t)(int64_t)rel == target;
}

// Offset of the first call of `target` at or after `from`; 0 if there is none.
static size_t
go_plugin_find_call(const struct sf_go_code *code, size_t from, uint64_t target)
{
	for (size_t off = from; off + 5 <= code->size; off++) {
		if (code->bytes[off] == 0xe8 && go_plugin_is_call(code, off, target))
			return off;
	}
	return 0;
}

static size_t
go_plugin_find_only_call(const struct sf_go_code *code, size_t from, uint64_t target)
{
	size_t off = go_plugin_find_call(code, CHECK_LEN, target);

	if (!off || off < from || go_plugin_find_call(code, off + 1, target))
		return 0;
	return off;
}

static bool
go_plugin_is_go_1_19(const struct sf_go_code *code)
{
	return !memcmp(code->version, "go1.19", 6);
}

static enum sf_go_refusal
go_plugin_parse_grow(const struct sf_go_code *code, size_t off)
{
	struct cursor c = go_plugin_cursor_at(code, off);

	EAT(&c, 0x48, 0x89, 0x44, 0x24, 0x08, 0x48, 0x89, 0x5c, 0x24, 0x10);
	go_cursor_skip_nops(&c);
	if (!c.ok || !go_plugin_is_call(code, go_plugin_offset_of(code, &c), code->morestack))
		return SF_GO_REFUSE_GROW;
	c.at += 5;
	EAT(&c, 0x48, 0x8b, 0x44, 0x24, 0x08, 0x48, 0x8b, 0x5c, 0x24, 0x10);
	go_cursor_skip_nops(&c);
	EAT(&c, 0xe9);
	int64_t rel = go_cursor_eat_i32(&c);
	if (!c.ok || (int64_t)go_plugin_offset_of(code, &c) + rel != 0)
		return SF_GO_REFUSE_GROW;
	return SF_GO_REFUSE_NONE;
}

// Stack check, frame and the spill of the name. `check` bounds what the frame may take.
static enum sf_go_refusal
go_plugin_parse_prologue(const struct sf_go_code *code, struct sf_go_shape *shape)
{
	struct cursor c = go_plugin_cursor_at(code, 0);
	bool old = go_plugin_is_go_1_19(code);

	EAT(&c, 0x4c, 0x8d, 0xa4, 0x24);
	int64_t check = -(int64_t)go_cursor_eat_i32(&c);
	EAT(&c, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86);
	int64_t grow = go_cursor_eat_i32(&c);
	if (!c.ok || check <= 0)
		return SF_GO_REFUSE_ENTRY;
	grow += CHECK_LEN;
	if (grow <= CHECK_LEN || grow >= (int64_t)code->size ||
	    go_plugin_parse_grow(code, (size_t)grow))
		return SF_GO_REFUSE_GROW;

	if (!old)
		EAT(&c, 0x55, 0x48, 0x89, 0xe5);
	EAT(&c, 0x48, 0x81, 0xec);
	int64_t frame = go_cursor_eat_i32(&c);
	shape->check = CHECK_LEN + (old ? 0 : 4);
	shape->pushed = !old;
	shape->moved_len = (uint32_t)go_plugin_offset_of(code, &c) - shape->check;
	if (old) {
		EAT(&c, 0x48, 0x89, 0xac, 0x24);
		bool same = go_cursor_eat_i32(&c) == frame - 8;
		EAT(&c, 0x48, 0x8d, 0xac, 0x24);
		if (!same || go_cursor_eat_i32(&c) != frame - 8)
			c.ok = false;
	}
	if (!c.ok || frame <= 0 || frame > FRAME_MAX || frame % 8)
		return SF_GO_REFUSE_FRAME;
	// The linker checks for the frame (a pushed RBP is not counted) less StackSmall.
	if (check != frame - STACK_SMALL + (old ? 0 : 8))
		return SF_GO_REFUSE_FRAME;
	shape->frame = (uint32_t)frame;
	memcpy(shape->moved, code->bytes + shape->check, shape->moved_len);

	uint32_t slot = shape->frame + (old ? 8 : 16);
	struct cursor ax = c, bx = c;
	bool either = (go_plugin_eat_slot(&ax, 0x89, RAX) == (int32_t)slot &&
		       go_plugin_eat_slot(&ax, 0x89, RBX) == (int32_t)slot + 8) ||
		      (go_plugin_eat_slot(&bx, 0x89, RBX) == (int32_t)slot + 8 &&
		       go_plugin_eat_slot(&bx, 0x89, RAX) == (int32_t)slot);
	if (!either)
		return SF_GO_REFUSE_NAME;
	shape->name_slot = slot;
	return SF_GO_REFUSE_NONE;
}

// From gostring to the map access: where the path is kept, and that it is the key.
static enum sf_go_refusal
go_plugin_parse_key(const struct sf_go_code *code, struct sf_go_shape *shape, size_t gostring,
		    size_t mapaccess)
{
	static const uint8_t key[] = {0x48, 0x89, 0xdf, 0x48, 0x89, 0xd3};
	struct cursor ax = go_plugin_cursor_at(code, gostring + 5), bx = ax;
	int32_t ptr = go_plugin_eat_slot(&ax, 0x89, RAX), len = go_plugin_eat_slot(&ax, 0x89, RBX);

	if (!ax.ok) {
		len = go_plugin_eat_slot(&bx, 0x89, RBX);
		ptr = go_plugin_eat_slot(&bx, 0x89, RAX);
		if (!bx.ok)
			return SF_GO_REFUSE_PATH;
	}
	if (ptr == len || ptr + 8 > (int32_t)shape->frame || len + 8 > (int32_t)shape->frame)
		return SF_GO_REFUSE_PATH;

	// Backwards from the call: mov, mov, lea type(%rip), mov plugins(%rip); before those the
	// reload of the path on the way back from lockSlow, which must name the same two slots.
	for (size_t nop = 0; nop <= 9 && nop + 40 < mapaccess; nop++) {
		struct cursor c = go_plugin_cursor_at(code, mapaccess - nop - sizeof(key));

		EAT(&c, 0x48, 0x89, 0xdf, 0x48, 0x89, 0xd3);
		go_cursor_skip_nops(&c);
		if (!c.ok || go_plugin_offset_of(code, &c) != mapaccess)
			continue;
		size_t loads = mapaccess - nop - sizeof(key) - 14;
		for (size_t width = 10; width <= 16; width += 3) {
			c = go_plugin_cursor_at(code, loads - width);
			bool same = go_plugin_eat_slot(&c, 0x8b, RCX) == ptr &&
				    go_plugin_eat_slot(&c, 0x8b, RBX) == len;

			if (!same || go_plugin_offset_of(code, &c) != loads)
				continue;
			EAT(&c, 0x48, 0x8b, 0x15);
			go_cursor_eat_i32(&c);
			EAT(&c, 0x48, 0x8d, 0x05);
			if (!c.ok)
				continue;
			shape->path_ptr_slot = (uint32_t)ptr;
			shape->path_len_slot = (uint32_t)len;
			return SF_GO_REFUSE_NONE;
		}
	}
	return SF_GO_REFUSE_KEY;
}

// The fill site, and the slot that the plugin goes to.
static enum sf_go_refusal
go_plugin_parse_site(const struct sf_go_code *code, struct sf_go_shape *shape, size_t mapaccess,
		     int32_t *slot)
{
	struct cursor c = go_plugin_cursor_at(code, mapaccess + 5);

	EAT(&c, 0x48, 0x8b, 0x10);
	go_cursor_skip_nops(&c);
	EAT(&c, 0x48, 0x85, 0xd2);
	go_cursor_skip_nops(&c);
	shape->site = (uint32_t)go_plugin_offset_of(code, &c);
	EAT(&c, 0x0f, 0x84);
	int64_t to = go_cursor_eat_i32(&c);
	shape->resume = (uint32_t)go_plugin_offset_of(code, &c);
	to += (int64_t)shape->resume;
	if (!c.ok || to <= (int64_t)shape->resume || to >= (int64_t)code->size)
		return SF_GO_REFUSE_SITE;
	shape->missing = (uint32_t)to;
	go_cursor_skip_nops(&c);
	*slot = go_plugin_eat_slot(&c, 0x89, RDX);
	if (!c.ok || *slot + 8 > (int32_t)shape->frame)
		return SF_GO_REFUSE_SLOT;
	return SF_GO_REFUSE_NONE;
}

static enum sf_go_refusal
go_plugin_parse_success(const struct sf_go_code *code, struct sf_go_shape *shape, size_t chanrecv,
			int32_t slot)
{
	bool receives = false;

	for (size_t nop = 0; nop <= 9 && !receives && nop + 6 <= chanrecv; nop++) {
		struct cursor c = go_plugin_cursor_at(code, chanrecv - nop - 6);

		EAT(&c, 0x48, 0x8b, 0x42, 0x20, 0x31, 0xdb);
		go_cursor_skip_nops(&c);
		receives = c.ok && go_plugin_offset_of(code, &c) == chanrecv;
	}
	struct cursor c = go_plugin_cursor_at(code, chanrecv + 5);
	shape->end = (uint32_t)go_plugin_offset_of(code, &c);
	if (!receives || go_plugin_eat_slot(&c, 0x8b, RAX) != slot)
		return SF_GO_REFUSE_SLOT;
	shape->end_len = (uint32_t)go_plugin_offset_of(code, &c) - shape->end;
	if (shape->end_len != SF_GO_END_MAX)
		return SF_GO_REFUSE_SLOT;
	memcpy(shape->end_moved, code->bytes + shape->end, shape->end_len);

	EAT(&c, 0x31, 0xdb, 0x31, 0xc9);
	if (go_plugin_is_go_1_19(code)) {
		EAT(&c, 0x48, 0x8b, 0xac, 0x24);
		if (go_cursor_eat_i32(&c) != (int32_t)shape->frame - 8)
			c.ok = false;
	}
	EAT(&c, 0x48, 0x81, 0xc4);
	if (go_cursor_eat_i32(&c) != (int32_t)shape->frame)
		c.ok = false;
	if (!go_plugin_is_go_1_19(code))
		EAT(&c, 0x5d);
	EAT(&c, 0xc3);
	return c.ok ? SF_GO_REFUSE_NONE : SF_GO_REFUSE_EPILOGUE;
}

static enum sf_go_refusal
go_plugin_parse(const struct sf_go_code *code, struct sf_go_shape *shape)
{
	enum sf_go_refusal why;
	int32_t slot = -1;

	if (!sf_go_version_listed(code->version, code->version_len))
		return SF_GO_REFUSE_VERSION;
	if (code->race)
		return SF_GO_REFUSE_RACE;
	if (!code->bytes || code->size < SIZE_MIN || code->size > SIZE_MAX_OPEN)
		return SF_GO_REFUSE_SIZE;
	why = go_plugin_parse_prologue(code, shape);
	if (why)
		return why;

	size_t gostring = go_plugin_find_call(code, CHECK_LEN, code->gostring);
	size_t mapaccess = gostring ? go_plugin_find_only_call(code, gostring, code->mapaccess) : 0;
	size_t chanrecv = mapaccess ? go_plugin_find_only_call(code, mapaccess, code->chanrecv) : 0;
	if (!chanrecv)
		return SF_GO_REFUSE_CALLS;
	why = go_plugin_parse_key(code, shape, gostring, mapaccess);
	if (!why)
		why = go_plugin_parse_site(code, shape, mapaccess, &slot);
	if (!why)
		why = go_plugin_parse_success(code, shape, chanrecv, slot);
	return why;
}

enum sf_go_refusal
sf_go_parse(const struct sf_go_code *code, struct sf_go_shape *shape)
{
	memset(shape, 0, sizeof(*shape));
	enum sf_go_refusal why = go_plugin_parse(code, shape);
	if (why > SF_GO_REFUSE_SIZE && (code->bytes[0] == INT3 || code->bytes[CHECK_LEN] == INT3 ||
					code->bytes[CHECK_LEN + 4] == INT3))
		why = SF_GO_REFUSE_PROBE;
	if (why)
		memset(shape, 0, sizeof(*shape));
	return why;
}
