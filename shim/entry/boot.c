// SPDX-License-Identifier: BSD-2-Clause
// boot.c: see boot.h.
#include "boot.h"

#include "../libc/guess.h"
#include "../libc/next.h"
#include "../map/thread.h"
#include "../rollout/mode.h"

void
sf_boot_begin(void)
{
	if (sf_phase == SF_PHASE_COLD && sf_next_begin())
		sf_phase = SF_PHASE_EARLY;
}

void
sf_boot(void)
{
	sf_boot_begin();
	sf_next_boot();
	/* Before this library is relocated, a place in the thread's memory is not known. */
	if (sf_next.guessed && !sf_next_as_old() && sf_next.dlsym != NULL &&
	    (void *)&sf_guess_perhaps != __builtin_thread_pointer())
		sf_thread_first_call();
}

/*
 * The dynamic loader calls this while it relocates us: every object of the initial set is mapped,
 * no constructor has run. The end of the link map list is therefore exactly the end of the set.
 */
static void (*boot_resolver(void))(void)
{
	sf_next.by_glibc =
		true; /* written before anything of its page is read: one page fault less */
	sf_boot_begin();
	return sf_boot_begin;
}

void symfast_boot(void) __attribute__((ifunc("boot_resolver"), visibility("default")));

/*
 * The reference that makes the loader call it, in code that never runs: its relocation comes after all others but
 * those of calls. It is undefined and weak, although the name is our own: by the empty version the linker takes it
 * for another symbol, and drops the version. glibc finds our definition. musl knows no IFUNC and would refuse a
 * relocation of that kind, and with it the program; so it finds nothing.
 */
#ifdef __x86_64__
#define BOOT_JUMP "jmp \"symfast_boot@\""
#else
#define BOOT_JUMP "b \"symfast_boot@\""
#endif
__asm__(".pushsection .text\n"
	"	.weak \"symfast_boot@\"\n"
	"	" BOOT_JUMP "\n"
	"	.popsection");

bool
sf_boot_by_glibc(void)
{
	return sf_next.by_glibc;
}
