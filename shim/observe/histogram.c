// SPDX-License-Identifier: BSD-2-Clause
// histogram.c: see histogram.h.
#include "histogram.h"

#include "../base/bytes.h"
#include "segment.h"
#include "sites.h"

static const char names[] =
#define X(id, name) name "\0"
	SF_TIMED(X);
#undef X

_Static_assert(SF_SEGMENT_HISTOGRAMS + SF_TIMED_COUNT * 2 * sizeof(struct symfast_shm_histogram) <=
		       SF_SEGMENT_SITES,
	       "all rows have room");

SF_START void
sf_histogram_init(void)
{
	sf_segment_names(SF_TEXT_FUNCTIONS,
			 (struct sf_wordlist){names, sizeof(names) - 1, SF_TIMED_COUNT});
}

SF_LARGE static uint64_t usual[SF_TIMED_COUNT][2];

struct symfast_shm_histogram *
sf_histogram_row(enum sf_timed function, enum sf_arm arm)
{
	return (struct symfast_shm_histogram *)sf_segment_at(SF_SEGMENT_HISTOGRAMS) + function * 2 +
	       arm;
}

struct symfast_shm_histogram *
sf_histogram_ready(enum sf_timed function, enum sf_arm arm)
{
	struct symfast_shm_histogram *h = sf_histogram_row(function, arm);

	/* A row is shorter than a page: its ends lie in all the pages that it touches. */
	return sf_segment_touch(h) && sf_segment_touch((const char *)(h + 1) - 1) ? h : NULL;
}

bool
sf_histogram_add(enum sf_timed function, enum sf_arm arm, uint64_t ticks)
{
	struct symfast_shm_histogram *h = sf_histogram_row(function, arm);
	uint64_t waited;

	if (!sf_segment_touch(h) || !sf_segment_touch(&h->bucket[sf_histogram_bucket(ticks)]))
		return false;
	waited = sf_histogram_note(h, &usual[function][arm], ticks);
	if (sf_unlikely(sf_sites_every != 0))
		sf_sites_add(function, arm, ticks, waited);
	return true;
}

uint64_t
sf_histogram_usual(enum sf_timed function, enum sf_arm arm)
{
	return sf_load_64(&usual[function][arm]);
}

const char *
sf_histogram_name(enum sf_timed function)
{
	return sf_bytes_word(names, function);
}
