// SPDX-License-Identifier: BSD-2-Clause
// Writes a jump over ld.so's empty breakpoint function, aarch64 (ADR 49).
//
// Before: [bti c] ret. After: [bti c] b, by one aligned store of four bytes; what follows is the next
// function and stays. The jump reaches 128 MiB. ld.so and the first library it loads lie side by side,
// as a rule; else a page of ours in between goes on to the target:
//   ldr x16, #8 ; br x16 ; address
// Anything else there (a debugger's brk, a function with a body) is left alone.
#include "../changes.h"
#include "../code.h"
#include "../facts.h"

#include "../../base/branch.h"
#include "../../base/sys.h"
#include "../../image/symbols.h"
#include <errno.h>
#include <sys/mman.h>

#define BTI_C 0xd503245fu
#define RET   0xd65f03c0u

#define TRIES   64          /* of addresses for the page in between, on each side */
#define GUARDED 0x10        /* PROT_BTI */
#define LDR_X16 0x58000050u /* ldr x16, #8 */
#define BR_X16  0xd61f0200u

/* Where the return stands that becomes the jump; NULL: there is more, or something else. */
static uint32_t *
breakpoint_return(uint8_t *at)
{
	uint32_t *p = (uint32_t *)(void *)at;

	if (p[0] == RET)
		return p;
	return p[0] == BTI_C && p[1] == RET ? p + 1 : NULL;
}

static bool
breakpoint_is_mapping(long p)
{
	return p > 0 || p < -4095; /* else -errno */
}

/* A page that a jump at `at` reaches: the kernel takes the address if it is free. 0: none. */
static uintptr_t
breakpoint_map_near(const uint32_t *at)
{
	const uintptr_t apart = (uintptr_t)SF_BRANCH_REACH / (TRIES + 1),
			from = sf_sys_page_down((uintptr_t)at);

	for (int i = 1; i <= 2 * TRIES; i++) {
		uintptr_t away = sf_sys_page_down(apart * (uintptr_t)((i + 1) / 2));
		long p = sf_syscall6(SYS_mmap, (long)(i % 2 ? from - away : from + away),
				     (long)SF_SYS_PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (breakpoint_is_mapping(p) && sf_branch_encode(at, (const void *)p) != 0)
			return (uintptr_t)p;
		if (breakpoint_is_mapping(p))
			sf_syscall6(SYS_munmap, p, (long)SF_SYS_PAGE, 0, 0, 0, 0);
	}
	return 0;
}

/* A stub that goes on to `to`; 0: none can be had. It stays for good, even where the jump is taken back. */
static uintptr_t
breakpoint_make_stub(const uint32_t *at, uintptr_t to)
{
	uintptr_t stub = breakpoint_map_near(at);
	uint32_t *text = (uint32_t *)stub;

	if (stub == 0)
		return 0;
	text[0] = LDR_X16;
	text[1] = BR_X16;
	__builtin_memcpy(text + 2, &to, sizeof(to));
	if (sf_syscall6(SYS_mprotect, (long)stub, (long)SF_SYS_PAGE, PROT_READ | PROT_EXEC, 0, 0,
			0) != 0) {
		sf_syscall6(SYS_munmap, (long)stub, (long)SF_SYS_PAGE, 0, 0, 0, 0);
		return 0;
	}
	__builtin___clear_cache((char *)text, (char *)text + 16);
	return stub;
}

/* What the kernel gave ld.so's code besides read and execute, if CPU and kernel know it: PROT_BTI. */
static long
breakpoint_guard(const uint8_t *at)
{
	struct link_map *map;
	uintptr_t lo, hi;

	if (!sf_facts_object(at, &map, &lo, &hi) || !sf_elf_is_header((const void *)lo) ||
	    !sf_elf_has_landing_pads((const void *)lo, map->l_addr))
		return 0;
	return GUARDED;
}

/* Where the page cannot be closed again, what was there is put back, if it is known. */
static const char *
breakpoint_replace(uint32_t *at, uint32_t instruction, uint32_t undo)
{
	const uint8_t *code = (const uint8_t *)at;
	long guard = breakpoint_guard(code);

	/* A CPU or a kernel without landing pads refuses the flag, and guards nothing. */
	if (!sf_code_open(code, guard)) {
		if (guard == 0 || !sf_code_open(code, 0))
			return "ld.so's code may not be changed";
		guard = 0;
	}
	sf_branch_write(at, instruction);
	if (sf_code_close(code, guard))
		return NULL;
	sf_branch_write(at, undo);
	return "ld.so's code could not be made read-only again";
}

const char *
sf_break_write(uint8_t *at, void (*to)(void), uint8_t undo[SF_BREAK_ROOM])
{
	uint32_t *place, jump;
	uintptr_t stub;

	if ((uintptr_t)at % 4 != 0)
		return "ld.so's breakpoint is not aligned";
	__builtin_memcpy(undo, at, SF_BREAK_ROOM);
	place = breakpoint_return(at);
	if (place == NULL)
		return "ld.so's breakpoint is no plain return";
	jump = sf_branch_encode(place, (const void *)to);
	if (jump == 0) {
		stub = breakpoint_make_stub(place, (uintptr_t)to);
		if (stub == 0)
			return "no room for a jump near ld.so";
		jump = sf_branch_encode(place, (const void *)stub);
	}
	return breakpoint_replace(place, jump, RET);
}

void
sf_break_undo(uint8_t *at, const uint8_t undo[SF_BREAK_ROOM])
{
	size_t into = (size_t)((const uint8_t *)sf_break_jump(at) - at);
	uint32_t before;

	__builtin_memcpy(&before, undo + into, sizeof(before));
	breakpoint_replace((uint32_t *)(void *)(at + into), before, before);
}

const sf_break_word *
sf_break_jump(const uint8_t *at)
{
	const sf_break_word *p = (const sf_break_word *)(const void *)at;

	return p[0] == BTI_C ? p + 1 : p;
}
