// SPDX-License-Identifier: BSD-2-Clause
// breaker.c: see breaker.h.
#include "breaker.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../map/thread.h"
#include "../observe/settings.h"
#include <time.h>

uint8_t sf_breaker_waiting;

static uint64_t retry_at;   /* CLOCK_MONOTONIC, ns */
static uint32_t trial;      /* equal answers since half-open */
static uint32_t in_a_row;   /* mismatches since it closed last */
static uint32_t before;     /* the mode word that was switched off */
static const char *doubted; /* the last doubt told */

/*
 * Takes the mode word away, if it is there. Where somebody else has put it out the breaker is marked open all
 * the same, so that the kill file's end does not put it back.
 */
static bool
breaker_take_mode(uint32_t *word)
{
	struct symfast_shm_control *c = &sf_control;

	for (;;) {
		*word = sf_load_32(&c->word);
		if (*word != SF_MODE_WORD_OFF && sf_cas_32(&c->word, *word, SF_MODE_WORD_OFF))
			return true;
		if (*word != SF_MODE_WORD_OFF)
			continue;
		sf_store_32(&c->breaker, SYMFAST_SHM_BREAKER_OPEN);
		sf_fence_full(); /* pairs with those in breaker_give_mode() and put_back() */
		if (sf_load_32(&c->word) == SF_MODE_WORD_OFF)
			return false;
	}
}

/* Several threads may find a mismatch at once: the one that takes the mode word opens the breaker and counts it. */
static bool
breaker_open_it(void)
{
	struct symfast_shm_control *c = &sf_control;
	uint32_t word;

	if (!breaker_take_mode(&word))
		return false;
	/* The mode word of a trial is the breaker's own: what it stands for is remembered already. */
	if (word != SF_MODE_WORD_VERIFY || sf_load_32(&c->reason) != SYMFAST_SHM_BY_BREAKER)
		sf_store_32(&before, word);
	sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
	sf_store_32(&trial, 0);
	if (sf_settings.breaker_retry_s != 0)
		sf_store_64(&retry_at, sf_sys_clock(CLOCK_MONOTONIC) +
					       sf_settings.breaker_retry_s * 1000000000ull);
	sf_store_64(&c->breaker_ns, sf_sys_clock(CLOCK_REALTIME));
	sf_store_32(&c->breaker, SYMFAST_SHM_BREAKER_OPEN);
	sf_fence_full(); /* pairs with those in breaker_give_mode() and put_back(): they see it, or this their mode word */
	if (sf_load_32(&c->word) != SF_MODE_WORD_OFF)
		sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
	sf_faa_32(&c->breaker_trips, 1);
	sf_count(SF_BREAKER_TRIP);
	if (sf_settings.breaker_retry_s != 0)
		sf_store_8(&sf_breaker_waiting, 1);
	return true;
}

/* Where an answer lies, without telling an address: object and offset from its load bias. */
static void
breaker_say_finding(struct sf_line *l, const char *who, struct sf_finding f)
{
	struct link_map *map;
	uintptr_t lo, hi;

	sf_line_str(l, who);
	if (f.kind == SYMFAST_SHM_KIND_NULL) {
		sf_line_str(l, " says undefined");
		return;
	}
	if (f.value == NULL || !sf_facts_object(f.value, &map, &lo, &hi)) {
		sf_line_str(l, " says something in no object");
		return;
	}
	sf_line_str(l, " says ");
	sf_line_quote(l, map->l_name[0] != '\0' ? map->l_name : "main program", 120);
	sf_line_str(l, " + ");
	sf_line_u64(l, (uintptr_t)f.value - map->l_addr);
}

static void
breaker_tell(const char *function, const char *name, struct sf_finding map, struct sf_finding libc)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "breaker: ");
	sf_line_str(&l, function);
	sf_line_str(&l, " of ");
	sf_line_quote(&l, name, 64);
	breaker_say_finding(&l, ": the map", map);
	breaker_say_finding(&l, ", libc", libc);
	sf_line_str(&l, sf_load_32(&sf_mode_word) == SF_MODE_WORD_OFF
				? "; passing everything through"
				: "");
	sf_line_write(&l);
}

void
sf_breaker_mismatch(const char *function, const char *name, struct sf_finding map,
		    struct sf_finding libc)
{
	struct symfast_shm_control *c = &sf_control;
	bool half = sf_load_32(&c->breaker) == SYMFAST_SHM_BREAKER_HALF, opened = false;
	uint32_t sofar = sf_faa_32(&in_a_row, 1) + 1;

	sf_count(SF_VERIFY_MISMATCH);
	sf_add_64(&c->mismatches, 1);
	c->mismatch_ns = sf_sys_clock(CLOCK_REALTIME);
	sf_bytes_cut(c->mismatch_function, function, sizeof(c->mismatch_function));
	c->mismatch_map = map.kind;
	c->mismatch_libc = libc.kind;
	if (half || (sf_settings.breaker != 0 && sofar >= sf_settings.breaker))
		opened = breaker_open_it();
	if ((half && opened) || sofar == 1 || sofar == sf_settings.breaker)
		breaker_tell(function, name, map, libc);
}

/* Sets a mode in which the shim works, unless the breaker opens at this moment. */
static void
breaker_give_mode(uint32_t word)
{
	sf_segment_set_mode(word, SYMFAST_SHM_BY_BREAKER);
	sf_fence_full(); /* pairs with the one in breaker_take_mode() */
	if (sf_load_32(&sf_control.breaker) != SYMFAST_SHM_BREAKER_OPEN)
		return;
	sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
	sf_store_8(&sf_breaker_waiting, sf_settings.breaker_retry_s != 0);
}

void
sf_breaker_same(void)
{
	struct symfast_shm_control *c = &sf_control;

	if (sf_likely(sf_load_32(&c->breaker) != SYMFAST_SHM_BREAKER_HALF))
		return;
	if (sf_faa_32(&trial, 1) + 1 != SF_BREAKER_TRIAL)
		return;
	sf_store_32(&in_a_row, 0);
	/* Another thread's mismatch at this moment wins: it takes the mode word, or has made it open. */
	if (sf_cas_32(&c->breaker, SYMFAST_SHM_BREAKER_HALF, SYMFAST_SHM_BREAKER_CLOSED) &&
	    sf_cas_32(&c->word, SF_MODE_WORD_VERIFY, sf_load_32(&before)))
		breaker_give_mode(sf_load_32(&before));
}

void
sf_breaker_doubt(const char *what)
{
	struct symfast_shm_control *c = &sf_control;
	struct sf_line l;

	if (sf_load_ptr(&doubted) == what)
		return;
	sf_store_ptr(&doubted, what);
	sf_bytes_cut(c->doubt, what, sizeof(c->doubt));
	breaker_open_it();
	sf_line_start(&l);
	sf_line_str(&l, "breaker: ");
	sf_line_str(&l, what);
	sf_line_str(&l, "; passing everything through");
	sf_line_write(&l);
}

void
sf_breaker_yield(const char *what)
{
	sf_bytes_cut(sf_control.doubt, what, sizeof(sf_control.doubt));
	if (sf_load_32(&sf_mode_word) != SF_MODE_WORD_OFF)
		breaker_open_it();
}

void
sf_breaker_poll(void)
{
	struct symfast_shm_control *c = &sf_control;

	if (sf_load_32(&c->breaker) != SYMFAST_SHM_BREAKER_OPEN || sf_load_64(&retry_at) == 0 ||
	    sf_sys_clock(CLOCK_MONOTONIC) < sf_load_64(&retry_at))
		return;
	sf_store_8(&sf_breaker_waiting, 0);
	/* A later writer of the mode word wins. */
	if (sf_load_32(&c->word) != SF_MODE_WORD_OFF ||
	    sf_load_32(&c->reason) != SYMFAST_SHM_BY_BREAKER)
		return;
	if (!sf_cas_32(&c->breaker, SYMFAST_SHM_BREAKER_OPEN, SYMFAST_SHM_BREAKER_HALF))
		return;
	breaker_give_mode(SF_MODE_WORD_VERIFY);
}
