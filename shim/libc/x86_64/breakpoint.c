// SPDX-License-Identifier: BSD-2-Clause
// Writes a jump over ld.so's empty breakpoint function, x86-64.
//
// Before: [endbr64] [rep|bnd] ret, then padding up to the next function. After, the shortest that reaches:
//   [endbr64] jmp rel32              5 bytes, within 2 GiB
//   [endbr64] jmp *0(%rip) address   14 bytes, anywhere
// Anything else (a debugger's int3, a function with a body, too little room) is left alone.
//
// The first eight bytes are written last, by one aligned store.
#include "../changes.h"
#include "../code.h"

#define RET 0xc3
#define REP 0xf3 /* before a return it means nothing; gcc before 9 puts it into empty functions */
#define BND 0xf2

#define ENDBR64 0xfa1e0ff3u

/* The length of the no-operation at p, 0 if it is something else. */
static unsigned int
breakpoint_nop_length(const uint8_t *p)
{
	unsigned int n = 0;

	while (n < 11 && (p[n] == 0x66 || p[n] == 0x2e))
		n++;
	if (p[n] == 0x90)
		return n + 1;
	if (p[n] != 0x0f || p[n + 1] != 0x1f)
		return 0;
	switch (p[n + 2]) {
	case 0x00:
		return n + 3;
	case 0x40:
		return n + 4;
	case 0x44:
		return n + 5;
	case 0x80:
		return n + 7;
	case 0x84:
		return n + 8;
	default:
		return 0;
	}
}

/* How many bytes from `at` on are the return and padding; never reads past SF_BREAK_ROOM. */
static unsigned int
breakpoint_room(const uint8_t *at, unsigned int head)
{
	uint8_t text[SF_BREAK_ROOM + 16] = {0};
	unsigned int end, n;

	__builtin_memcpy(text, at, SF_BREAK_ROOM);
	end = head + (text[head] == REP || text[head] == BND);
	if (text[end++] != RET)
		return 0;
	while (end < SF_BREAK_ROOM && (n = breakpoint_nop_length(text + end)) != 0 &&
	       end + n <= SF_BREAK_ROOM)
		end += n;
	return end;
}

/* Makes valgrind forget its translation of these bytes; nothing at all on a real CPU. */
static void
breakpoint_forget_translation(const uint8_t *at)
{
	const uint64_t request[6] = {0x1002, (uintptr_t)at, SF_BREAK_ROOM, 0, 0, 0};
	uint64_t result = 0;

	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(result)
			 : "a"(request)
			 : "cc", "memory");
}

static void
breakpoint_write_text(uint8_t *at, const uint8_t text[SF_BREAK_ROOM])
{
	uint64_t first;

	__builtin_memcpy(at + 8, text + 8, SF_BREAK_ROOM - 8);
	__builtin_memcpy(&first, text, 8);
	sf_fence_store();
	sf_store_64((uint64_t *)(void *)at, first);
}

/*
 * `at` is aligned to 16, so the room lies in one page and its first half in one word. Where the page cannot
 * be closed again, what was there is put back: the page is as the program's own code may leave it, no more.
 */
static const char *
breakpoint_replace(uint8_t *at, const uint8_t text[SF_BREAK_ROOM],
		   const uint8_t undo[SF_BREAK_ROOM])
{
	bool closed;

	if (!sf_code_open(at, 0))
		return "ld.so's code may not be changed";
	breakpoint_write_text(at, text);
	closed = sf_code_close(at, 0);
	if (!closed && undo != NULL)
		breakpoint_write_text(at, undo);
	breakpoint_forget_translation(at);
	return closed ? NULL : "ld.so's code could not be made read-only again";
}

/* Puts the jump into `text`. False: it does not fit into `size` bytes. */
static bool
breakpoint_make_jump(uint8_t *text, unsigned int size, unsigned int head, const uint8_t *at,
		     uintptr_t to)
{
	int64_t distance = (int64_t)(to - (uintptr_t)(at + head + 5));
	int32_t near = (int32_t)distance;
	static const uint8_t far[6] = {0xff, 0x25, 0, 0, 0, 0};

	if (near == distance && head + 5 <= size) {
		text[head] = 0xe9;
		__builtin_memcpy(text + head + 1, &near, 4);
		return true;
	}
	if (head + 14 > size)
		return false;
	__builtin_memcpy(text + head, far, 6);
	__builtin_memcpy(text + head + 6, &to, 8);
	return true;
}

const char *
sf_break_write(uint8_t *at, void (*to)(void), uint8_t undo[SF_BREAK_ROOM])
{
	unsigned int head, size;
	uint8_t text[SF_BREAK_ROOM];
	uint32_t first;

	if ((uintptr_t)at % SF_BREAK_ROOM != 0)
		return "ld.so's breakpoint is not aligned";
	__builtin_memcpy(undo, at, SF_BREAK_ROOM);
	__builtin_memcpy(text, at, SF_BREAK_ROOM);
	__builtin_memcpy(&first, at, 4);
	head = first == ENDBR64 ? 4 : 0;
	size = breakpoint_room(at, head);
	if (size == 0)
		return "ld.so's breakpoint is no plain return";
	if (!breakpoint_make_jump(text, size, head, at, (uintptr_t)to))
		return "no room for a jump in ld.so";
	return breakpoint_replace(at, text, undo);
}

void
sf_break_undo(uint8_t *at, const uint8_t undo[SF_BREAK_ROOM])
{
	breakpoint_replace(at, undo, NULL);
}

const sf_break_word *
sf_break_jump(const uint8_t *at)
{
	return (const sf_break_word *)(const void *)at;
}
