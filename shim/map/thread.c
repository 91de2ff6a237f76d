// SPDX-License-Identifier: BSD-2-Clause
// thread.c: see thread.h.
#include "thread.h"

#include "../base/hash.h"
#include "../base/lock.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../libc/key.h"
#include "../observe/forms.h"
#include "cell.h"
#include "learn.h"

#define STACK_SPAN       (8u << 20)
#define BLOCKS_PER_CHUNK 16
/* Waiting blocks that are looked at, and how many wait at least. */
#define WAITING_LOOKS      64
#define WAITING_LEAST      8
#define COMPILER_BARRIER() __asm__ volatile("" ::: "memory")

#define NEVER 0xffffffffu
static uint32_t time_mask = NEVER, check_mask = NEVER, hit_mask = SF_TICK_HITS - 1;
static uint32_t attached; /* threads so far but the main one, which is number 0; under lock */

static uint8_t have_key;
static uint8_t beside; /* directly behind libdl's: our errors end with libc's own */
static uint8_t alone;  /* no libpthread: the main thread needs no key */
SF_LOCK(lock, NULL);
static struct sf_block *given_back; /* newest first; pushed by CAS, taken all at once under lock */
static struct sf_block *waiting;    /* oldest first; under lock */
static struct sf_block **waiting_end = &waiting;
static uint32_t waiting_count;
static struct sf_block *all_blocks;
static char *chunk;
static uint32_t chunk_left;
SF_LARGE static struct sf_block main_block;

static void
thread_give_back(struct sf_block *b)
{
	struct sf_block *head;

	do {
		head = sf_load_ptr(&given_back);
		b->next_free = head;
		sf_fence_store();
	} while (!sf_cas_ptr(&given_back, head, b));
}

/* What was given back joins the end of the queue, in the order in which it was. */
static void
thread_collect_locked(void)
{
	struct sf_block *b, *next, *first = NULL;
	struct sf_block **end = waiting_end;

	do {
		b = sf_load_ptr(&given_back);
	} while (b != NULL && !sf_cas_ptr(&given_back, b, NULL));
	for (; b != NULL; b = next) {
		next = b->next_free;
		b->next_free = first;
		if (first == NULL)
			waiting_end = &b->next_free;
		first = b;
		waiting_count++;
	}
	*end = first;
}

static struct sf_block *
thread_take_waiting_locked(struct sf_block **at)
{
	struct sf_block *b = *at;

	*at = b->next_free;
	if (*at == NULL)
		waiting_end = at;
	waiting_count--;
	return b;
}

/*
 * A block is given back when its thread begins to end, and the thread's later destructors may still read
 * the error in it. Its thread is gone for certain if another thread has its memory by now; else one that has
 * been through its last destructor, and waited while others came, is taken.
 */
static struct sf_block *
thread_take_free_locked(const struct sf_thread *t)
{
	struct sf_block **left = NULL;
	int looks = 0;

	thread_collect_locked();
	for (struct sf_block **at = &waiting; *at != NULL && looks++ < WAITING_LOOKS;
	     at = &(*at)->next_free) {
		if ((*at)->owner == t)
			return thread_take_waiting_locked(at);
		if (left == NULL && sf_load_8(&(*at)->left))
			left = at;
	}
	return left != NULL && waiting_count > WAITING_LEAST ? thread_take_waiting_locked(left)
							     : NULL;
}

static struct sf_block *
thread_begin_locked(struct sf_block *b)
{
	b->n = sf_counters_take(&b->counters);
	if (b->n == NULL)
		return NULL; /* not now: nothing is taken */
	sf_fence_store();    /* a child of fork that finds the block finds its counters */
	b->next_all = all_blocks;
	sf_store_ptr(&all_blocks, b);
	return b;
}

static struct sf_block *
thread_take_new_locked(void)
{
	struct sf_block *b;

	if (chunk_left == 0) {
		chunk = sf_sys_map(sizeof(struct sf_block) * BLOCKS_PER_CHUNK);
		if (chunk == NULL)
			return NULL;
		chunk_left = BLOCKS_PER_CHUNK;
	}
	b = thread_begin_locked((struct sf_block *)(void *)chunk + chunk_left - 1);
	chunk_left -= b != NULL;
	return b;
}

static struct sf_block *
thread_take_main_locked(void)
{
	struct sf_block *b;

	b = thread_begin_locked(&main_block);
	if (b != NULL)
		sf_thread.main = 0;
	return b;
}

static struct sf_block *
thread_take_locked(const struct sf_thread *t)
{
	struct sf_block *b;

	if (t->main)
		return thread_take_main_locked();
	b = thread_take_free_locked(t);
	return b != NULL ? b : thread_take_new_locked();
}

/*
 * From here on it is answered by libc. An error that is still to be told stays where it is. A sanitizer's
 * own record of the thread went in this same round, before: nothing that it instruments may run.
 */
__attribute__((no_sanitize("thread"))) static void
thread_leave(struct sf_thread *t)
{
	struct sf_block *b = t->block;

	t->dead = 1;
	t->due = SF_DUE_NOTHING;
	t->cells = SF_NO_CELLS;
	t->n = sf_self_nowhere;
	t->not_plain = &sf_self_no_gap;
	t->not_behind = &sf_self_no_gap;
	t->block = NULL;
	COMPILER_BARRIER(); /* a signal from here on finds no block */
	if (b != NULL)
		sf_store_8(&b->left, 1);
}

/* The destructor: the thread goes on as before until its last round. */
__attribute__((no_sanitize("thread"))) static void
thread_ends(void *arg)
{
	struct sf_thread *t = &sf_thread;

	(void)arg;
	sf_lock_thread_ends();
	t->starting = 0;
	if (beside)
		t->pending = 0; /* libdl has just dropped this thread's error */
	if (t->rounds == 0 && t->block != NULL)
		thread_give_back(t->block);
	if (++t->rounds >= SF_KEY_ROUNDS || !sf_key_is_ours() || !sf_key_set(t))
		thread_leave(t);
}

SF_START void
sf_thread_init(void)
{
	if (!have_key && !alone)
		have_key = sf_key_make(thread_ends);
	if (!have_key && !alone)
		sf_layout_open(); /* no thread will attach */
}

SF_START void
sf_thread_first_call(void)
{
	static uint32_t done;

	if (!sf_cas_32(&done, 0, 1))
		return;
	if (!sf_key_has_threads())
		alone = 1;
	else
		have_key = beside = sf_key_make_beside(thread_ends, sf_next.own.dlerror);
}

bool
sf_thread_errors_end(void)
{
	return beside || alone || sf_next_as_old(); /* whose libc keeps it to the end */
}

bool
sf_thread_errors_are_one(void)
{
	return alone;
}

/* One in `share` of 10000, spread evenly over the order in which threads come. */
static bool
thread_is_stock(uint32_t ordinal)
{
	uint32_t share = sf_load_32(&sf_control.ab_share);

	return share != 0 && (((uint64_t)(ordinal * 2654435769u) * 10000) >> 32) >= share;
}

/* A host that deletes keys which it never made may have deleted ours. */
static bool
thread_has_key_locked(void)
{
	if (alone)
		return true;
	if (!sf_key_is_ours())
		have_key = sf_key_make(thread_ends);
	return have_key;
}

/* Is something under way here that a handler has interrupted, and not left for good? */
static bool
thread_is_starting(const struct sf_thread *t, uint32_t here)
{
	return t->starting != 0 && !sf_lock_gone(t->starting, here);
}

bool
sf_thread_attach(struct sf_thread *t)
{
	uint32_t here = SF_LOCK_DEPTH(__builtin_frame_address(0));
	struct sf_block *b = NULL;
	uint32_t ordinal;

	if (alone && !t->main) { /* a thread all the same: libdl has one error for all */
		sf_store_8(&sf_learn_raw_errors, 1);
		sf_facts_error_unseen();
	}
	if ((!have_key && !(alone && t->main)) || t->dead || thread_is_starting(t, here) ||
	    !sf_lock_try(&lock))
		return false;
	t->starting = here;
	sf_layout_open();
	ordinal = t->main ? 0 : attached + 1;
	if (thread_has_key_locked())
		b = thread_take_locked(t);
	if (b != NULL) {
		b->owner = t;
		b->left = 0;
	}
	if (b != NULL && ordinal != 0)
		attached = ordinal;
	sf_lock_release(&lock);
	if (b != NULL && have_key && !sf_key_set(t)) {
		b->left = 1;
		thread_give_back(b);
		b = NULL;
	}
	if (b != NULL) {
		t->n = b->n;
		t->text = b->text;
		t->block = b;
		t->stock = thread_is_stock(ordinal);
		t->hit_mask = hit_mask;
		if (!t->stock)
			t->cells = sf_table.cells;
		sf_count_for(t, SF_THREAD_BLOCK);
	}
	t->starting = 0;
	return b != NULL;
}

SF_START void
sf_thread_slow_every(uint32_t mask)
{
	if (mask < hit_mask)
		hit_mask = mask;
	sf_thread.hit_mask = hit_mask;
}

SF_START void
sf_thread_sampling(unsigned int time_every, unsigned int check_every)
{
	time_mask = time_every != 0 ? sf_form_mask(time_every) : NEVER;
	check_mask = check_every != 0 ? sf_form_mask(check_every) : NEVER;
	sf_control.sample_mask = time_mask;
	sf_control.check_every = check_every != 0 ? check_mask + 1 : 0;
	sf_thread_slow_every(time_mask);
	sf_thread_slow_every(check_mask);
}

/*
 * A handler that interrupts a thread with the empty table must not note that as the thread's own. While the table changes
 * nothing is due: a handler in between finds nothing to do here or in sf_thread_due().
 */
static void
thread_make_due(struct sf_thread *t, unsigned int due)
{
	if (due == SF_DUE_NOTHING || t->cells == SF_NO_CELLS)
		return;
	t->cells_due = t->cells;
	COMPILER_BARRIER();
	t->cells = SF_NO_CELLS;
	COMPILER_BARRIER();
	t->due = (uint8_t)due;
}

unsigned int
sf_thread_due(struct sf_thread *t)
{
	unsigned int due = t->due;

	if (due == SF_DUE_NOTHING)
		return due;
	t->due = SF_DUE_NOTHING;
	COMPILER_BARRIER();
	t->cells = t->cells_due;
	return due;
}

/* Due with the hit of this number, but for the delay: its number is a multiple of N. */
static unsigned int
thread_due_by_number(uint64_t n)
{
	unsigned int due = SF_DUE_NOTHING;

	if (time_mask != NEVER && (n & time_mask) == 0)
		due |= SF_DUE_TIME;
	if (check_mask != NEVER && (n & check_mask) == 0)
		due |= SF_DUE_CHECK;
	return due;
}

/*
 * A program whose calls repeat with a period that has a factor in common with N would have the same calls
 * sampled for ever, and others never. So the sample is one of the N hits from that number on, by a hash of it.
 * Multiples of the golden ratio would spread more evenly, but not beside periods that are Fibonacci numbers.
 */
static uint32_t
thread_delay(uint64_t n, unsigned int due)
{
	uint32_t mask = due & SF_DUE_CHECK ? check_mask : time_mask;

	return sf_hash_number((uint32_t)(n / ((uint64_t)mask + 1))) & mask;
}

/*
 * The hits that are left of a delay are gone in steps of powers of two, the largest first: only multiples of
 * the next step are of interest, and a mask finds them. So a hit itself has nothing to count down.
 */
static uint32_t
thread_step(uint32_t delay)
{
	return 1u << (31 - __builtin_clz(delay));
}

unsigned int
sf_thread_sample(const struct sf_thread *t, uint64_t n)
{
	uint32_t delay = t->sample_delay;
	unsigned int due;

	if (delay == 0) {
		due = thread_due_by_number(n);
		return due != SF_DUE_NOTHING && thread_delay(n, due) == 0 ? due : SF_DUE_NOTHING;
	}
	if ((delay & (delay - 1)) != 0 || (n & (delay - 1)) != 0)
		return SF_DUE_NOTHING;
	return t->sample_due;
}

/*
 * Hits of several functions are counted apart, but their samples are taken one after the other: what becomes
 * due during a delay waits in `sample_owed`, two bits each.
 */
static uint32_t
thread_delay_next(struct sf_thread *t, uint64_t n, unsigned int due)
{
	uint32_t delay = t->sample_delay;

	if (delay == 0) {
		t->sample_due = (uint8_t)due;
		return due != SF_DUE_NOTHING ? thread_delay(n, due) : 0;
	}
	if (due != SF_DUE_NOTHING && t->sample_owed <= UINT32_MAX >> 2)
		t->sample_owed = t->sample_owed << 2 | due;
	if ((n & (thread_step(delay) - 1)) == 0)
		delay -= thread_step(delay);
	if (delay == 0 && t->sample_owed != 0) {
		t->sample_due = t->sample_owed & 3;
		t->sample_owed >>= 2;
		delay = thread_delay(n + t->sample_owed, t->sample_due) | 1;
	}
	return delay;
}

/* A signal handler's hits in between cost a sample at most: the mask follows the delay at every call. */
unsigned int
sf_thread_take_sample(struct sf_thread *t, uint64_t n)
{
	unsigned int due = sf_thread_sample(t, n);
	uint32_t delay = thread_delay_next(t, n, thread_due_by_number(n));

	t->sample_delay = delay;
	t->hit_mask =
		delay != 0 && thread_step(delay) - 1 < hit_mask ? thread_step(delay) - 1 : hit_mask;
	return due;
}

void
sf_thread_sample_next(struct sf_thread *t, uint64_t n)
{
	thread_make_due(t, sf_thread_take_sample(t, n));
}

void
sf_thread_forked(void)
{
	sf_lock_reset(&lock);
	given_back = waiting = NULL;
	waiting_end = &waiting;
	waiting_count = 0;
	for (struct sf_block *b = all_blocks; b != NULL; b = b->next_all) {
		if (b != sf_thread.block)
			b->left = 1;
		if (b != sf_thread.block || sf_thread.rounds != 0)
			thread_give_back(b);
	}
}

SF_START void
sf_thread_first(void)
{
	sf_thread.main = 1;
}

/*
 * A tail-jumped dlopen leaves nothing behind that would tell us of its return. It has returned for
 * certain once this thread calls from the same stack depth or above on the same stack. Another
 * stack (coroutine, signal stack) is recognised by its distance.
 */
bool
sf_thread_in_open(struct sf_thread *t, uintptr_t sp)
{
	if (t->open_mark != 0 && sp >= t->open_mark && sp - t->open_mark < STACK_SPAN)
		t->open_mark = 0;
	return t->open_depth > 0 || t->open_mark != 0;
}

void
sf_thread_mark_open(struct sf_thread *t, uintptr_t sp)
{
	if (!sf_thread_in_open(t, sp))
		t->open_mark = sp;
}
