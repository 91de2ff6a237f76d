// SPDX-License-Identifier: BSD-2-Clause
// thread.c: see thread.h.
#include "thread.h"

#include "../base/lock.h"
#include "../base/sys.h"
#include "table.h"
#include <pthread.h>

#define SLOW_CALLS_HOT     64
#define TSD_KEYS_INLINE    32
#define KEEP_CREDIT        1024
#define KEEP_SAMPLE        16
#define KEEP_PROOF         64
#define STACK_SPAN         (8u << 20)
#define BLOCKS_PER_CHUNK   16
#define COMPILER_BARRIER() __asm__ volatile("" ::: "memory")

/* Header and one empty set, of size word zero. */
static uint64_t empty_hints[SF_HINT_HEADER + SF_HINT_WAYS];

/* Where a thread without a block would count; the ones say "not the time for a sample". */
static uint64_t nowhere[SF_COUNTER_COUNT] = {[0 ... SF_COUNTER_COUNT - 1] = 1};

__thread struct sf_thread sf_thread __attribute__((tls_model("initial-exec"))) = {
	.hints = empty_hints + SF_HINT_HEADER,
	.n = nowhere,
	.caller = &sf_object_permanent, /* of no size: nobody's caller */
	.keep_credit = KEEP_CREDIT,
};

uint8_t sf_thread_is_child;

static pthread_key_t key;
static uint8_t have_key;
static uint32_t own_sets; /* sets of a thread's own table, 0: none */
static struct sf_lock lock = SF_LOCK_INIT;
static struct sf_block *free_blocks; /* under lock for taking; freed by CAS */
static struct sf_block *all_blocks;
static char *chunk;
static uint32_t chunk_left;

/*
 * Pushed by any thread, popped only under the lock: with a single popper the classic ABA cannot
 * happen, because a block is pushed again only after it was popped.
 */
static void
give_back(struct sf_block *b)
{
	struct sf_block *head;

	do {
		head = sf_load_ptr(&free_blocks);
		b->next_free = head;
		sf_fence_store();
	} while (!sf_cas_ptr(&free_blocks, head, b));
}

static struct sf_block *
take_free_locked(void)
{
	struct sf_block *b;

	do {
		b = sf_load_ptr(&free_blocks);
		if (b == NULL)
			return NULL;
	} while (!sf_cas_ptr(&free_blocks, b, b->next_free));
	return b;
}

static struct sf_block *
take_new_locked(void)
{
	struct sf_block *b;

	if (chunk_left == 0) {
		chunk = sf_sys_map(sizeof(struct sf_block) * BLOCKS_PER_CHUNK);
		if (chunk == NULL)
			return NULL;
		chunk_left = BLOCKS_PER_CHUNK;
	}
	b = (struct sf_block *)(void *)chunk + --chunk_left;
	b->next_all = all_blocks;
	all_blocks = b;
	b->n = sf_counters_take(&b->counters);
	return b;
}

static void
thread_died(void *arg)
{
	struct sf_thread *t = &sf_thread;
	struct sf_block *b = t->block;

	(void)arg;
	t->dead = 1;
	t->pending = 0;
	t->hints = empty_hints + SF_HINT_HEADER;
	t->n = nowhere;
	t->block = NULL;
	COMPILER_BARRIER(); /* a signal from here on finds no block */
	if (b != NULL)
		give_back(b);
}

void
sf_thread_init(unsigned int limit_kib)
{
	size_t table = 0;

	if (pthread_key_create(&key, thread_died) != 0)
		return;
	have_key = key < TSD_KEYS_INLINE;
	if (limit_kib >= 8)
		for (table = 4096; table * 2 + sizeof(struct sf_block) <= limit_kib * 1024u;)
			table *= 2;
	own_sets = (uint32_t)(table / (SF_HINT_WAYS * sizeof(uint64_t)));
}

bool
sf_thread_attach(struct sf_thread *t)
{
	struct sf_block *b = NULL;

	if (!have_key || t->dead || t->starting || !sf_lock_try(&lock))
		return false;
	t->starting = 1;
	b = take_free_locked();
	if (b == NULL)
		b = take_new_locked();
	sf_lock_release(&lock);
	if (b != NULL && pthread_setspecific(key, t) != 0) {
		give_back(b);
		b = NULL;
	}
	if (b != NULL) {
		t->n = b->n;
		t->block = b;
		t->hints = sf_table.hints;
		sf_count_for(t, SF_THREAD_BLOCK);
	}
	t->starting = 0;
	return b != NULL;
}

static uint64_t *
map_own_table(void)
{
	uint64_t *area = sf_sys_map((SF_HINT_HEADER + own_sets * SF_HINT_WAYS) * sizeof(uint64_t));

	return area != NULL ? sf_hint_table(area, own_sets) : NULL;
}

bool
sf_thread_wants_hint(struct sf_thread *t)
{
	const uint64_t *n = t->block->counters.n;
	uint64_t hits;

	if (t->keep_credit > 0) {
		t->keep_credit--;
		return true;
	}
	if ((++t->keep_skips & (KEEP_SAMPLE - 1)) != 0)
		return false;
	hits = n[SF_DLSYM_HIT] + n[SF_DEFAULT_HIT] + n[SF_DLVSYM_HIT];
	if (hits - t->keep_hits >= KEEP_PROOF)
		t->keep_credit = KEEP_CREDIT;
	t->keep_hits = hits;
	return true;
}

void
sf_thread_promote(struct sf_thread *t)
{
	if (own_sets == 0 || ++t->slow_calls < SLOW_CALLS_HOT || t->starting)
		return;
	t->starting = 1;
	if (t->block->table == NULL)
		t->block->table = map_own_table();
	if (t->block->table != NULL) {
		t->hints = t->block->table;
		sf_count_for(t, SF_THREAD_TABLE);
	}
	t->slow_calls = 0; /* without memory: again after as many more */
	t->starting = 0;
}

void
sf_thread_forked(void)
{
	sf_thread_is_child = 1;
	sf_lock_reset(&lock);
	free_blocks = NULL;
	for (struct sf_block *b = all_blocks; b != NULL; b = b->next_all)
		if (b != sf_thread.block)
			give_back(b);
}

void
sf_thread_first(void)
{
	struct sf_thread *t = &sf_thread;

	if (sf_thread_attach(t) && own_sets != 0)
		t->block->table = map_own_table();
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
