// SPDX-License-Identifier: BSD-2-Clause
// histogram.c: see histogram.h.
#include "histogram.h"

#include "segment.h"
#include "sites.h"

#define UNUSUAL 8 /* times the usual duration: the call has waited for something */

static const char *const names[] = {
#define X(id, name) name,
	SF_TIMED(X)
#undef X
};

_Static_assert(SF_SEGMENT_HISTOGRAMS + SF_TIMED_COUNT * 2 * sizeof(struct symfast_shm_histogram) <=
		       SF_SEGMENT_SITES,
	       "all rows have room");

void
sf_histogram_init(void)
{
	sf_segment_names(SF_TEXT_FUNCTIONS, (struct sf_wordlist){names, SF_TIMED_COUNT});
}

/* Running mean of each function's calls, outliers cut off; written by whoever comes, unlocked. */
static uint64_t usual[SF_TIMED_COUNT][2];

/* What of this duration was waiting; moves the running mean by one sixteenth. */
static uint64_t
waiting(uint64_t *mean, uint64_t ticks)
{
	uint64_t m = sf_load_64(mean), cut;

	if (m == 0) {
		sf_store_64(mean, ticks);
		return 0;
	}
	cut = ticks < m * 4 ? ticks : m * 4;
	sf_store_64(mean, m + cut / 16 - m / 16);
	return ticks > m * UNUSUAL ? ticks - m : 0;
}

struct symfast_shm_histogram *
sf_histogram_row(enum sf_timed function, enum sf_arm arm)
{
	return (struct symfast_shm_histogram *)sf_segment_at(SF_SEGMENT_HISTOGRAMS) + function * 2 +
	       arm;
}

void
sf_histogram_add(enum sf_timed function, enum sf_arm arm, uint64_t ticks)
{
	struct symfast_shm_histogram *h = sf_histogram_row(function, arm);
	uint64_t *bucket = &h->bucket[sf_histogram_bucket(ticks)];
	uint64_t waited;

	if (!sf_segment_touch(h) || !sf_segment_touch(bucket))
		return;
	waited = waiting(&usual[function][arm], ticks);
	sf_add_64(&h->count, 1);
	sf_add_64(&h->ticks, ticks);
	sf_add_64(bucket, 1);
	if (waited != 0)
		sf_add_64(&h->waited, waited);
	if (ticks > sf_load_64(&h->longest))
		sf_store_64(&h->longest, ticks);
	if (sf_unlikely(sf_sites_every != 0))
		sf_sites_add(function, arm, ticks, waited);
}

uint64_t
sf_histogram_quantile(const struct symfast_shm_histogram *h, unsigned int per_10000)
{
	uint64_t total = 0, seen = 0, wanted;

	for (unsigned int i = 0; i < SYMFAST_SHM_BUCKETS; i++)
		total += sf_load_64(&h->bucket[i]);
	if (total == 0)
		return 0;
	wanted = (total * per_10000 + 9999) / 10000;
	for (unsigned int i = 0; i < SYMFAST_SHM_BUCKETS; i++) {
		seen += sf_load_64(&h->bucket[i]);
		if (seen >= wanted)
			return i + 1 < SYMFAST_SHM_BUCKETS ? sf_histogram_start(i + 1) - 1
							   : sf_load_64(&h->longest);
	}
	return sf_load_64(&h->longest);
}

const char *
sf_histogram_name(enum sf_timed function)
{
	return names[function];
}
