// SPDX-License-Identifier: BSD-2-Clause
// spans.c: see spans.h.
//
// Phases: collect (libc's walk), stable radix passes by start (Knuth 5.2.5; stability keeps libc's
// order among equal starts), measure and write (the same sweep twice), fill the buckets.
//
// The first touch of a page of memory costs as much as some 200 steps. So each page is touched where the
// work on it is sequential, and those steps count for more; the scattering passes meet none.
#include "spans.h"

#define DIGIT_BITS 8
#define DIGITS     4
#define RADIX      (1u << DIGIT_BITS)
#define LINEAR     8 /* spans looked at one by one before halving */
#define ITEM_NEW   2 /* more steps for an item or span: its share of two new pages */

/* ---- look-up ---- */

/* The first of the spans lo to hi that ends behind `offset`. */
static uint32_t
spans_first_behind(const struct sf_span *spans, uint32_t lo, uint32_t hi, uint32_t offset)
{
	while (hi - lo > LINEAR) {
		uint32_t middle = lo + (hi - lo) / 2;

		if (spans[middle].end <= offset)
			lo = middle + 1;
		else
			hi = middle;
	}
	while (lo < hi && spans[lo].end <= offset)
		lo++;
	return lo;
}

bool
sf_index_find(const struct sf_index *index, uint32_t offset, struct sf_named *out)
{
	uint32_t bucket = (offset - index->base) >> index->shift;
	uint32_t lo, hi;
	const struct sf_span *span;

	if (offset < index->base || bucket >= index->nbuckets)
		return false;
	lo = index->buckets[bucket];
	hi = index->buckets[bucket + 1];
	if (lo > hi || hi > index->nspans)
		return false;
	lo = spans_first_behind(index->spans, lo, hi, offset);
	if (lo >= index->nspans)
		return false;
	span = &index->spans[lo];
	if (span->start > offset || span->end <= offset)
		return false;
	*out = (struct sf_named){span->symbol, span->name, span->start};
	if (sf_unlikely(out->symbol & SF_SPAN_ELSEWHERE)) {
		if (out->name >= index->nelsewhere)
			return false;
		out->symbol &= ~SF_SPAN_ELSEWHERE;
		out->start = index->elsewhere[out->name].start;
		out->name = index->elsewhere[out->name].name;
	}
	return true;
}

/* ---- building ---- */

enum phase { COLLECT, SORT, MEASURE, WRITE, BUCKETS, DONE };

struct open_item {
	uint32_t item;
	uint32_t elsewhere; /* its number + 1, 0: none yet */
};

struct sf_building {
	enum phase phase;
	struct sf_symbols symbols;
	struct sf_symbols_walk walk;
	uintptr_t bias, start, end;
	uint32_t cap, n; /* items: room, collected */
	uint32_t at;     /* next item of this phase */
	uint32_t digit;
	uint32_t cur; /* the sweep has come to this offset */
	uint32_t depth;
	uint32_t nspans, nelsewhere; /* counted by measure, then again by write */
	struct sf_span *items, *spare;
	struct open_item *stack; /* in `spare`, once the items are sorted */
	struct sf_span *spans;
	struct sf_elsewhere *elsewhere;
	uint32_t *buckets;
	struct sf_index index;
	uint32_t places[DIGITS][RADIX];
};

static size_t
spans_header_size(void)
{
	return (sizeof(struct sf_building) + 63) & ~(size_t)63;
}

size_t
sf_building_size(const struct sf_symbols *s)
{
	return spans_header_size() + 2 * ((size_t)s->end + 1) * sizeof(struct sf_span);
}

struct sf_building *
sf_building_start(void *memory, const struct sf_symbols *s, uintptr_t bias, uintptr_t start,
		  uintptr_t end)
{
	struct sf_building *b = memory;

	b->symbols = *s;
	b->bias = bias;
	b->start = start;
	b->end = end;
	b->cap = s->end;
	b->items = (struct sf_span *)(void *)((char *)memory + spans_header_size());
	b->spare = b->items + b->cap + 1;
	return b;
}

static void
spans_spend(uint32_t *steps, uint32_t n)
{
	*steps -= n < *steps ? n : *steps;
}

/*
 * One symbol: false if it cannot be indexed. Covered are start to start + size, or the start alone;
 * sums that run over the end of the address space are libc's affair.
 */
static bool
spans_add_item(struct sf_building *b, uint32_t number)
{
	const ElfW(Sym) *sym = &b->symbols.symtab[number];
	uintptr_t first = b->bias + sym->st_value;
	uintptr_t last = first + (sym->st_size != 0 ? sym->st_size : 1);
	struct sf_span *item = &b->items[b->n];

	if (first < b->bias || last < first || b->n == b->cap)
		return false;
	if (first >= b->end || last <= b->start)
		return true;
	if (first < b->start)
		return false;
	item->start = (uint32_t)(first - b->start);
	item->end = (uint32_t)((last < b->end ? last : b->end) - b->start);
	item->name = sym->st_name;
	item->symbol = number;
	b->spare[b->n].symbol = 0; /* where the first pass will scatter to */
	for (int d = 0; d < DIGITS; d++)
		b->places[d][item->start >> d * DIGIT_BITS & (RADIX - 1)]++;
	b->n++;
	return true;
}

static enum sf_building_state
spans_collect(struct sf_building *b, uint32_t *steps)
{
	uint32_t number;

	while (*steps > 0) {
		enum sf_symbols_step step = sf_symbols_step(&b->symbols, &b->walk, &number);

		if (step == SF_SYMBOLS_END) {
			b->phase = SORT;
			b->digit = b->at = 0;
			break;
		}
		if (step == SF_SYMBOLS_ONE && !spans_add_item(b, number))
			return SF_BUILDING_REFUSED;
		spans_spend(steps, step == SF_SYMBOLS_ONE ? 1 + ITEM_NEW : 1);
	}
	return SF_BUILDING_MORE;
}

/* Counts become places. False: all items have the same digit, nothing need be moved. */
static bool
spans_start_pass(uint32_t *places, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < RADIX; i++) {
		uint32_t count = places[i];

		if (count == n)
			return false;
		places[i] = sum;
		sum += count;
	}
	return true;
}

static void
spans_end_pass(struct sf_building *b)
{
	struct sf_span *sorted = b->spare;

	b->spare = b->items;
	b->items = sorted;
	b->digit++;
	b->at = 0;
}

static void
spans_start_sweep(struct sf_building *b, enum phase phase)
{
	b->phase = phase;
	b->stack = (struct open_item *)(void *)b->spare;
	b->at = b->depth = b->cur = b->nspans = b->nelsewhere = 0;
}

static enum sf_building_state
spans_sort(struct sf_building *b, uint32_t *steps)
{
	uint32_t *places = b->places[b->digit];

	if (b->digit == DIGITS) {
		spans_start_sweep(b, MEASURE);
		return SF_BUILDING_MORE;
	}
	if (b->at == 0 && !spans_start_pass(places, b->n)) {
		b->digit++;
		return SF_BUILDING_MORE;
	}
	for (; *steps > 0 && b->at < b->n; (*steps)--, b->at++) {
		const struct sf_span *item = &b->items[b->at];

		b->spare[places[item->start >> b->digit * DIGIT_BITS & (RADIX - 1)]++] = *item;
	}
	if (b->at == b->n)
		spans_end_pass(b);
	return SF_BUILDING_MORE;
}

static uint32_t
spans_place_elsewhere(struct sf_building *b, const struct sf_span *item)
{
	if (b->phase == WRITE)
		b->elsewhere[b->nelsewhere] = (struct sf_elsewhere){item->start, item->name};
	return ++b->nelsewhere;
}

static void
spans_emit(struct sf_building *b, uint32_t end, struct open_item *open)
{
	const struct sf_span *item = &b->items[open->item];
	struct sf_span span = {b->cur, end, item->name, item->symbol};

	if (span.start != item->start) {
		if (open->elsewhere == 0)
			open->elsewhere = spans_place_elsewhere(b, item);
		span.name = open->elsewhere - 1;
		span.symbol |= SF_SPAN_ELSEWHERE;
	}
	if (b->phase == WRITE)
		b->spans[b->nspans] = span;
	b->nspans++;
	b->cur = end;
}

/* The spans up to `limit`, from the symbols that are open. */
static void
spans_sweep_to(struct sf_building *b, uint32_t limit)
{
	while (b->depth > 0 && b->cur < limit) {
		struct open_item *top = &b->stack[b->depth - 1];
		uint32_t end = b->items[top->item].end;

		if (end <= b->cur)
			b->depth--;
		else
			spans_emit(b, end < limit ? end : limit, top);
	}
	b->cur = limit;
}

/*
 * Opens the symbols of one start: the first in libc's order lies on top, a later one below it if it
 * reaches further than all before. Returns how many items that were.
 */
static uint32_t
spans_open_group(struct sf_building *b)
{
	uint32_t first = b->at, last = first, reach = 0, kept = 0;
	uint32_t start = b->items[first].start;

	for (; last < b->n && b->items[last].start == start; last++) {
		if (b->items[last].end <= reach)
			continue;
		reach = b->items[last].end;
		b->stack[b->depth + kept++] = (struct open_item){last, 0};
	}
	for (uint32_t i = 0; i < kept / 2; i++) {
		struct open_item *low = &b->stack[b->depth + i];
		struct open_item *high = &b->stack[b->depth + kept - 1 - i];
		struct open_item other = *low;

		*low = *high;
		*high = other;
	}
	b->depth += kept;
	b->at = last;
	return last - first;
}

static enum sf_building_state
spans_sweep(struct sf_building *b, uint32_t *steps)
{
	while (*steps > 0 && b->at < b->n) {
		uint32_t done;

		spans_sweep_to(b, b->items[b->at].start);
		done = spans_open_group(b);
		spans_spend(steps, b->phase == WRITE ? done * (1 + ITEM_NEW) : done);
	}
	if (b->at < b->n)
		return SF_BUILDING_MORE;
	spans_sweep_to(b, UINT32_MAX);
	if (b->phase == MEASURE)
		return SF_BUILDING_PLACE;
	b->phase = BUCKETS;
	b->at = b->cur = 0;
	return SF_BUILDING_MORE;
}

/* ---- placing ---- */

/* About one bucket for two spans. */
static void
spans_choose_buckets(struct sf_index *index, uint32_t first, uint32_t last)
{
	uint32_t most = index->nspans / 2 + 1;

	index->base = first;
	index->shift = 0;
	while (((last - first) >> index->shift) >= most)
		index->shift++;
	index->nbuckets = ((last - first) >> index->shift) + 1;
}

static uint32_t
spans_last_end(const struct sf_building *b)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < b->n; i++)
		if (b->items[i].end > last)
			last = b->items[i].end;
	return last;
}

size_t
sf_building_place_size(const struct sf_building *b)
{
	return b->nspans * sizeof(struct sf_span) + b->nelsewhere * sizeof(struct sf_elsewhere) +
	       (b->nspans / 2 + 3) * sizeof(uint32_t);
}

void
sf_building_place(struct sf_building *b, void *memory)
{
	struct sf_index *index = &b->index;

	index->nspans = b->nspans;
	index->nelsewhere = b->nelsewhere;
	b->spans = memory;
	b->elsewhere = (struct sf_elsewhere *)(void *)(b->spans + b->nspans);
	b->buckets = (uint32_t *)(void *)(b->elsewhere + b->nelsewhere);
	index->spans = b->spans;
	index->elsewhere = b->elsewhere;
	index->buckets = b->buckets;
	if (b->n > 0)
		spans_choose_buckets(index, b->items[0].start, spans_last_end(b) - 1);
	spans_start_sweep(b, WRITE);
}

/*
 * Bucket by bucket: `cur` is the next to fill, `at` the span it may begin with. DONE is said by the next
 * slice, which is left with giving the working memory back.
 */
static enum sf_building_state
spans_fill_buckets(struct sf_building *b, uint32_t *steps)
{
	const struct sf_index *index = &b->index;

	for (; *steps > 0 && b->cur < index->nbuckets; (*steps)--, b->cur++) {
		uint64_t start = index->base + ((uint64_t)b->cur << index->shift);

		for (; b->at < b->nspans && b->spans[b->at].end <= start; b->at++)
			*steps -= *steps > 1;
		b->buckets[b->cur] = b->at;
	}
	if (b->cur < index->nbuckets)
		return SF_BUILDING_MORE;
	b->buckets[b->cur] = b->nspans;
	b->phase = DONE;
	*steps = 0;
	return SF_BUILDING_MORE;
}

enum sf_building_state
sf_building_slice(struct sf_building *b, uint32_t steps)
{
	enum sf_building_state state = SF_BUILDING_MORE;

	while (steps > 0 && state == SF_BUILDING_MORE) {
		switch (b->phase) {
		case COLLECT:
			state = spans_collect(b, &steps);
			break;
		case SORT:
			state = spans_sort(b, &steps);
			break;
		case MEASURE:
		case WRITE:
			state = spans_sweep(b, &steps);
			break;
		case BUCKETS:
			state = spans_fill_buckets(b, &steps);
			break;
		case DONE:
			return SF_BUILDING_DONE;
		}
	}
	return state;
}

const struct sf_index *
sf_building_index(const struct sf_building *b)
{
	return &b->index;
}
