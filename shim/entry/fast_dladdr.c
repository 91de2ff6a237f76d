// SPDX-License-Identifier: BSD-2-Clause
// fast_dladdr.c: dladdr and dladdr1: a hit in the address cache, or a jump.
//
// Neither touches dlerror, whatever comes out (contract, 2). The caller does not matter to libc here;
// what is passed through leaves by a jump all the same, so that a stack trace looks as it would.
// Budget of a hit: 60 instructions, no store but the answer and the thread's own counter, no atomic;
// lines read: thread record, entry, region, thread block.
#include <dlfcn.h>
#include <link.h>

/* As in fast.c: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "../libc/next.h"
#include "dladdr.h"
#include "observe.h"

SF_INLINE void
fast_dladdr_answer(Dl_info *info, const struct sf_location *l)
{
	info->dli_fname = l->fname;
	info->dli_fbase = (void *)l->fbase;
	info->dli_sname = l->sname;
	info->dli_saddr = (void *)l->saddr;
}

/* Before the constructor: libc answers, if it has been found. */
static SF_NOINLINE bool
fast_dladdr_can_pass(void)
{
	sf_off_path();
	return sf_next.dladdr != NULL;
}

/* Counted as left to libc. */
static SF_NOINLINE enum sf_address_way
fast_dladdr_leave(struct sf_thread *t)
{
	SF_ENTRY_CHORES();
	sf_count_for(t, SF_DLADDR_PASS);
	if (sf_load_32(&sf_mode_word) == SF_MODE_WORD_VERIFY)
		return SF_ADDRESS_COMPARED;
	return sf_observe_address(t) ? SF_ADDRESS_TIMED : SF_ADDRESS_LEFT;
}

/* A frame of its own: a function that jumps on to libc has no location on the stack. */
static SF_NOINLINE bool
fast_dladdr_try_slowly(const void *address, Dl_info *info, void **extra, int flags)
{
	struct sf_location l;

	SF_ENTRY_LOOK();
	if (!sf_address_answer(&sf_thread, address, &l, SF_DLADDR_HIT, SF_DLADDR_INDEX))
		return false;
	fast_dladdr_answer(info, &l);
	if (flags == RTLD_DL_SYMENT && extra != NULL)
		*extra = (void *)(uintptr_t)l.symbol;
	else if (flags == RTLD_DL_LINKMAP && extra != NULL)
		*extra = l.map;
	return true;
}

static SF_NOINLINE int
fast_dladdr_slow_dladdr(const void *address, Dl_info *info)
{
	enum sf_address_way way;

	if (sf_thread_next_hit_due(&sf_thread, SF_DLADDR_HIT))
		sf_chores_hooks();
	if (fast_dladdr_try_slowly(address, info, NULL, 0))
		return 1;
	way = fast_dladdr_leave(&sf_thread);
	if (sf_unlikely(way != SF_ADDRESS_LEFT))
		return sf_address_ask(address, info, NULL, SF_ADDRESS_DLADDR, way);
	return sf_next.dladdr(address, info);
}

/* The mode word is not ON. */
static SF_NOINLINE int
fast_dladdr_other_dladdr(const void *address, Dl_info *info)
{
	if (sf_prepare_is_live())
		return fast_dladdr_slow_dladdr(address, info);
	if (sf_phase == SF_PHASE_PASS || fast_dladdr_can_pass())
		return sf_next.dladdr(address, info);
	return 0;
}

SF_EXPORT int
dladdr(const void *address, Dl_info *info)
{
	struct sf_thread *t = &sf_thread;
	struct sf_location l;

	if (sf_unlikely(sf_mode_word != SF_MODE_WORD_ON))
		return fast_dladdr_other_dladdr(address, info);
	if (!sf_address_cached((uintptr_t)address, &l) || t->block == NULL || t->stock)
		return fast_dladdr_slow_dladdr(address, info);
	if (sf_unlikely(sf_thread_next_hit_due(t, SF_DLADDR_HIT)))
		return fast_dladdr_slow_dladdr(address, info);
	fast_dladdr_answer(info, &l);
	t->n[SF_DLADDR_HIT]++;
	return 1;
}

static SF_NOINLINE int
fast_dladdr_other_dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
	if (sf_phase == SF_PHASE_PASS || fast_dladdr_can_pass())
		return sf_next.dladdr1(address, info, extra, flags);
	return 0;
}

/* Unknown flags ask for nothing more (contract, 39). */
SF_EXPORT int
dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
	enum sf_address_way way;

	if (sf_unlikely(!sf_prepare_is_live()))
		return fast_dladdr_other_dladdr1(address, info, extra, flags);
	if (fast_dladdr_try_slowly(address, info, extra, flags))
		return 1;
	way = fast_dladdr_leave(&sf_thread);
	if (sf_unlikely(way != SF_ADDRESS_LEFT))
		return sf_address_ask(address, info, extra, flags, way);
	return sf_next.dladdr1(address, info, extra, flags);
}
#pragma GCC visibility pop
