// SPDX-License-Identifier: BSD-2-Clause
// counters.c: see counters.h.
#include "counters.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "segment.h"

SF_LARGE static uint64_t
	early[SF_COUNTER_COUNT]; /* before the segment's area is there, or without it */
static uint64_t *shared;         /* the segment's block, not touched yet; NULL: none */
static struct sf_counters *all;

static const char names[] =
#define X(id, name, text) name "\0"
	SF_COUNTERS(X);
#undef X

_Static_assert(sizeof(early) <= SF_SEGMENT_BLOCK, "a block of the segment holds all counters");

SF_START void
sf_counters_init(void)
{
	sf_segment_names(SF_TEXT_COUNTERS,
			 (struct sf_wordlist){names, sizeof(names) - 1, SF_COUNTER_COUNT});
	shared = sf_segment_block_shared();
}

static void
counters_join(struct sf_counters *c)
{
	struct sf_counters *head;

	do {
		head = sf_load_ptr(&all);
		c->next = head;
		sf_fence_store(); /* pairs with the data dependency in sum(): next before head */
	} while (!sf_cas_ptr(&all, head, c));
}

uint64_t *
sf_counters_take(struct sf_counters *own)
{
	uint64_t *block;

	if (!sf_segment_block(&block))
		return NULL;
	if (block != NULL)
		return block;
	counters_join(own);
	return own->n;
}

void
sf_counters_add_shared(enum sf_counter id)
{
	uint64_t *n = shared;

	sf_add_64((n != NULL && sf_segment_touch(n) ? n : early) + id, 1);
}

uint64_t
sf_counters_sum(enum sf_counter id)
{
	uint64_t sum = sf_load_64(&early[id]);

	for (uint32_t i = 0, n = sf_segment_blocks(); i < n; i++)
		if (sf_segment_touched(sf_segment_block_at(i)))
			sum += sf_load_64(sf_segment_block_at(i) + id);
	for (const struct sf_counters *c = sf_load_ptr(&all); c != NULL; c = c->next)
		sum += sf_load_64(&c->n[id]);
	return sum;
}

const char *
sf_counters_name(enum sf_counter id)
{
	return sf_bytes_word(names, id);
}

void
sf_counters_reset(void)
{
	for (int i = 0; i < SF_COUNTER_COUNT; i++)
		early[i] = 0;
	for (struct sf_counters *c = all; c != NULL; c = c->next)
		for (int i = 0; i < SF_COUNTER_COUNT; i++)
			c->n[i] = 0;
}

void
sf_counters_print(void)
{
	for (enum sf_counter id = 0; id < SF_COUNTER_COUNT; id++) {
		uint64_t sum = sf_counters_sum(id);
		struct sf_line l;

		if (sum == 0)
			continue;
		sf_line_start(&l);
		sf_line_str(&l, sf_counters_name(id));
		sf_line_str(&l, " ");
		sf_line_u64(&l, sum);
		sf_line_write(&l);
	}
}
