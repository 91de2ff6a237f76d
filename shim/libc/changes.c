// SPDX-License-Identifier: BSD-2-Clause
// changes.c: see changes.h.
#include "changes.h"

#include "../base/sys.h"
#include "next.h"
#include <linux/futex.h>
#include <signal.h>
#include <time.h>

/* glibc 2.35 and newer: one r_debug for each namespace, chained once there is more than one. */
struct debug_chain {
	struct r_debug base;
	struct debug_chain *next;
};

static struct sf_wiped nobody; /* until there is one that is wiped */

struct sf_changes sf_changes = {.count = 1, .at = &sf_changes.text, .wiped = &nobody};

/*
 * The one that ld.so keeps up to date. From glibc 2.35 on that is its own. Before, ld.so refers to it as others do: a
 * program's copy takes its place, once ld.so has been relocated with the program.
 */
static const struct debug_chain *debug_own;
static const struct debug_chain *const *debug_slot = &debug_own;
static const char *refusal = "not asked for";
#define HOOKS 6
static void (*on_move[HOOKS])(bool settled);

/* Which thread calls it to see whether the jump is taken; NULL: none, or it was. */
static const void *trier;

/* ---- what ld.so calls ---- */

static const struct debug_chain *
changes_debug(void)
{
	return sf_load_ptr(debug_slot);
}

static bool
changes_is_chained(void)
{
	return sf_next_chained(&changes_debug()->base);
}

bool
sf_changes_has_namespaces(void)
{
	return sf_load_32(&sf_changes.spaces) || changes_is_chained();
}

bool
sf_changes_is_unload(void)
{
	return changes_debug()->base.r_state == RT_DELETE;
}

static bool
changes_under_way(void)
{
	const struct debug_chain *base = changes_debug();

	if (base->base.r_state != RT_CONSISTENT)
		return true;
	for (const struct debug_chain *d = changes_is_chained() ? base->next : NULL; d != NULL;
	     d = d->next)
		if (d->base.r_state != RT_CONSISTENT)
			return true;
	return false;
}

static void
changes_wait_for_holders(void)
{
	const struct timespec tick = {0, 1000000};
	struct sf_wiped *w = sf_changes.wiped;
	uint32_t left;

	sf_store_32(&w->waiting, 1);
	sf_fence_full(); /* pairs with the one in changes_drop(): either it sees us waiting, or we see it gone */
	while ((left = sf_load_32(&w->holders)) != 0)
		sf_syscall6(SYS_futex, (long)&w->holders, FUTEX_WAIT_PRIVATE, left, (long)&tick, 0,
			    0);
	sf_store_32(&w->waiting, 0);
}

/*
 * Runs in place of _dl_debug_state: an ordinary call, with ld.so's lock held. The count is odd while
 * what was learnt before is corrected, so no record refers to an object that is already gone.
 */
static void
changes_seen(void)
{
	uint64_t odd;
	bool settled;

	if (sf_unlikely(sf_load_ptr(&trier) == __builtin_thread_pointer())) {
		sf_store_ptr(&trier, NULL);
		return;
	}
	odd = (sf_changes.count | 1) + 2;
	sf_store_64(&sf_changes.count, odd);
	sf_fence_full(); /* pairs with the one in sf_changes_hold(): a holder is seen, or sees this */
	if (sf_unlikely(sf_load_32(&sf_changes.wiped->holders) != 0))
		changes_wait_for_holders();
	sf_fence_acquire(); /* pairs with the release fence in changes_drop(): what a holder has made is seen */
	settled = !changes_under_way();
	sf_store_ptr(&sf_changes.mover, __builtin_thread_pointer());
	for (unsigned int i = 0; i < HOOKS; i++)
		if (on_move[i] != NULL)
			on_move[i](settled);
	sf_store_ptr(&sf_changes.mover, NULL);
	sf_fence_store(); /* what the hooks ended is seen by each thread that sees the even count */
	if (settled && !sf_load_32(&sf_changes.blind))
		sf_store_64(&sf_changes.count, odd + 1);
}

/* ---- holding ---- */

static void
changes_block_signals(struct sf_hold *h)
{
	const uint64_t all = ~0ull;

	sf_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&h->signals, sizeof(all), 0,
		    0);
}

static void
changes_restore_signals(struct sf_hold *h)
{
	sf_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&h->signals, 0, sizeof(h->signals), 0,
		    0);
}

static void
changes_drop(void)
{
	struct sf_wiped *w = sf_changes.wiped;

	sf_fence_release(); /* what was read and written under the hold, before ld.so may go on */
	sf_faa_32(&w->holders, (uint32_t)-1);
	sf_fence_full(); /* pairs with the one in changes_wait_for_holders() */
	if (sf_load_32(&w->waiting))
		sf_syscall6(SYS_futex, (long)&w->holders, FUTEX_WAKE_PRIVATE, 1 << 30, 0, 0, 0);
}

static uint32_t
changes_process_id(void)
{
	return (uint32_t)sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static bool
changes_may_hold(void)
{
	uint32_t me, *process = &sf_changes.wiped->process;

	if (sf_sys_confined)
		return false;
	me = changes_process_id();
	return sf_load_32(process) == me || sf_cas_32(process, 0, me);
}

bool
sf_changes_hold(struct sf_hold *h, uint64_t count)
{
	if (!sf_changes_settled(count) || sf_changes_count() != count || !changes_may_hold())
		return false;
	changes_block_signals(h);
	sf_faa_32(&sf_changes.wiped->holders, 1);
	sf_fence_full(); /* pairs with the one in changes_seen() */
	if (sf_changes_count() == count && sf_changes_intact())
		return true;
	sf_changes_release(h);
	return false;
}

void
sf_changes_release(struct sf_hold *h)
{
	changes_drop();
	changes_restore_signals(h);
}

void
sf_changes_hold_initial(struct sf_hold *h)
{
	changes_block_signals(h);
}

void
sf_changes_release_initial(struct sf_hold *h)
{
	changes_restore_signals(h);
}

void
sf_changes_forked(void)
{
	sf_changes.mover = NULL;
	sf_changes.wiped->holders = 0;
	sf_changes.wiped->waiting = 0;
	sf_changes.wiped->process = sf_sys_confined ? 0 : changes_process_id();
}

/* ---- start ---- */

static const char *
changes_find_loader(uint8_t **breakpoint)
{
	struct dl_find_object loader;
	void *const *slot;
	struct sf_elf e;

	*breakpoint = (uint8_t *)sf_next.debug->r_brk;
	if (*breakpoint == NULL || sf_next.find_object(*breakpoint, &loader) != 0)
		return "ld.so was not found";
	if (!sf_elf_open(&e, loader.dlfo_link_map->l_addr, loader.dlfo_link_map->l_ld))
		return "ld.so has no symbols";
	debug_own = sf_elf_function(&e, "_r_debug");
	slot = sf_elf_slot(&e, loader.dlfo_link_map->l_ld, "_r_debug");
	if (slot != NULL)
		debug_slot = (const struct debug_chain *const *)slot;
	if (debug_own == NULL || debug_own->base.r_brk != sf_next.debug->r_brk ||
	    sf_elf_function(&e, "_dl_debug_state") != (void *)*breakpoint)
		return "ld.so names another breakpoint";
	return NULL;
}

/* An emulator may go on with what it translated before: the call shows it. */
static const char *
changes_try_once(uint8_t *breakpoint, const uint8_t *undo)
{
	sf_store_ptr(&trier, __builtin_thread_pointer());
	((void (*)(void))breakpoint)();
	if (sf_load_ptr(&trier) == NULL)
		return NULL;
	sf_store_ptr(&trier, NULL);
	sf_break_undo(breakpoint, undo);
	return "the jump is not taken";
}

/*
 * Nothing is under way, as a rule. Another thread may be in the middle of a load: its end makes the count
 * even. One that begins now has made it another odd number.
 */
static void
changes_begin_count(void)
{
	if (!changes_under_way())
		sf_cas_64(&sf_changes.count, 1, 2);
}

bool
sf_changes_init(void)
{
	uint8_t undo[SF_BREAK_ROOM];
	uint8_t *breakpoint;

	struct sf_wiped *wiped = sf_sys_map_wiped(sizeof(*wiped));

	refusal = "the kernel wipes no memory for children";
	if (wiped == NULL)
		return false;
	sf_changes.wiped = wiped;
	sf_changes_forked();
	refusal = changes_find_loader(&breakpoint);
	if (refusal == NULL)
		refusal = sf_break_write(breakpoint, changes_seen, undo);
	if (refusal == NULL)
		refusal = changes_try_once(breakpoint, undo);
	if (refusal != NULL)
		return false;
	sf_changes.text = sf_break_load(sf_break_jump(breakpoint));
	sf_changes.at = sf_break_jump(breakpoint);
	sf_fence_full(); /* who finds the count even compares what is there */
	changes_begin_count();
	return true;
}

const char *
sf_changes_refusal(void)
{
	return refusal;
}

void
sf_changes_on_move(void (*hook)(bool settled))
{
	unsigned int i = 0;

	while (i < HOOKS - 1 && on_move[i] != NULL)
		i++;
	on_move[i] = hook;
}
