// SPDX-License-Identifier: BSD-2-Clause
// A/B of plugin.Open: who goes to which arm, whose durations are kept, and that no call is ever
// timed from another one's start.
#include "../../shim/go/arms.h"

#include "table.h"

#include <pthread.h>

#define CALLS   160000
#define THREADS 8

static struct symfast_shm_histogram rows[2];
static struct sf_go_arms *const arms = &sf_go_arms;
static uint64_t crowd[THREADS]; // goroutines whose starts all have the same four places

static void
fresh_arms(uint32_t share, uint32_t every)
{
	fresh_table(1000);
	if (!arms->marks)
		arms->marks = sf_sys_map(SF_GO_MARKS);
	memset(arms->marks, 0, SF_GO_MARKS);
	memset(rows, 0, sizeof(rows));
	arms->row[SF_ARM_LIBC] = &rows[SF_ARM_LIBC];
	arms->row[SF_ARM_MAP] = &rows[SF_ARM_MAP];
	arms->share = share;
	arms->mask = every - 1;
}

static uint64_t
open_by(uint64_t g)
{
	return sf_go_lookup_split(a, strlen(a), g);
}

// Within six standard deviations.
static bool
near(uint64_t n, double want)
{
	double off = (double)n - want;

	return off * off <= 36 * want + 36;
}

// Of calls of two names in turn, of three, ...: each name gets its share of each arm, and of the
// samples.
static void
test_shares(void)
{
	static const uint32_t shares[] = {0, 100, 2500, 5000, 9900, 10000};

	for (size_t s = 0; s < sizeof(shares) / sizeof(shares[0]); s++) {
		for (int period = 1; period <= 5; period++) {
			uint64_t fast[5] = {0}, each = CALLS / (uint64_t)period;

			fresh_arms(shares[s], 16);
			put(a, a, 7);
			for (uint64_t i = 0; i < each * (uint64_t)period; i++)
				fast[i % (uint64_t)period] += open_by(8) == 7;
			for (int i = 0; i < period; i++)
				CHECK(near(fast[i], (double)each * shares[s] / 10000));
			CHECK(near(counted(SF_GO_HIT), CALLS * (shares[s] / 10000.0)));
			CHECK(counted(SF_GO_HIT) + counted(SF_GO_BYPASS_STOCK) ==
			      each * (uint64_t)period);
			CHECK(near(rows[SF_ARM_MAP].count, CALLS * (shares[s] / 160000.0)));
			CHECK(near(t->fills[SF_GO_AB_SENT],
				   CALLS * (1 - shares[s] / 10000.0) / 16));
		}
	}
}

// A call that went to Go is timed once, from its own start, if its end is seen.
static void
test_ends(void)
{
	fresh_arms(0, 1);
	for (uint64_t g = 8; g <= 800; g += 8)
		CHECK(open_by(g) == 0);
	CHECK(t->fills[SF_GO_AB_SENT] == 100 && rows[SF_ARM_LIBC].count == 0);
	for (uint64_t g = 8; g <= 400; g += 8) {
		sf_go_end(g);
		sf_go_end(g);
	}
	sf_go_end(4096);
	CHECK(t->fills[SF_GO_AB_ENDED] == 50 && rows[SF_ARM_LIBC].count == 50);
	CHECK(rows[SF_ARM_MAP].count == 0 && t->fills[SF_GO_AB_LOST] == 0);
	// From its own start: a hundred thousand ticks lie between.
	fresh_arms(0, 1);
	CHECK(open_by(8) == 0);
	uint64_t from = sf_ticks();
	while (sf_ticks() - from < 100000)
		;
	sf_go_end(8);
	CHECK(rows[SF_ARM_LIBC].longest >= 99000);
}

// Who returned by another way, an error or the first load, is not timed by the end of a later call.
static void
test_ends_elsewhere(void)
{
	uint64_t what;

	fresh_arms(0, 1);
	CHECK(open_by(8) == 0); // an error: no end
	arms->mask = ~0u;       // the next one is not timed
	CHECK(open_by(8) == 0);
	sf_go_end(8);
	CHECK(rows[SF_ARM_LIBC].count == 0 && t->fills[SF_GO_AB_SENT] == 1);
	arms->mask = 0;
	CHECK(open_by(8) == 0);
	sf_go_serve(false);
	arms->mask = ~0u;
	CHECK(open_by(8) == 0 && counted(SF_GO_BYPASS_OFF) == 1);
	sf_go_end(8);
	CHECK(rows[SF_ARM_LIBC].count == 0 && !unmark(arms, 8, &what));
}

// symfast's arm fills the table, the stock arm does not; and a miss of the one is timed as its own.
static void
test_fill(void)
{
	static uint64_t frame[8], plugin[8], closed[8];
	const char *p = (const char *)plugin;

	sf_go_slots = (struct sf_go_slots){.name = 8, .path_ptr = 32, .path_len = 48};
	frame[1] = frame[4] = (uint64_t)(uintptr_t)a;
	frame[2] = frame[6] = strlen(a);
	plugin[4] = (uint64_t)(uintptr_t)closed;
	plugin[5] = 1;
	closed[3] = (uint64_t)1 << 32;
	fresh_arms(1, 1); // as good as none
	CHECK(open_by(8) == 0);
	sf_go_fill((char *)frame, p, 8);
	sf_go_fill((char *)frame, p, 16); // of no arm: it had no place
	CHECK(t->entries == 0);
	sf_go_end(8);
	CHECK(rows[SF_ARM_LIBC].count == 1);
	fresh_arms(10000, 1);
	CHECK(open_by(8) == 0);
	sf_go_fill((char *)frame, p, 8);
	CHECK(t->entries == 1 && rows[SF_ARM_MAP].count == 0);
	sf_go_end(8);
	CHECK(rows[SF_ARM_MAP].count == 1 && rows[SF_ARM_LIBC].count == 0);
	CHECK(open_by(8) == (uint64_t)(uintptr_t)p && rows[SF_ARM_MAP].count == 2);
	// Untimed misses fill, too.
	fresh_arms(10000, 1);
	arms->mask = ~0u;
	CHECK(open_by(8) == 0);
	sf_go_fill((char *)frame, p, 8);
	sf_go_end(8);
	CHECK(t->entries == 1 && rows[SF_ARM_MAP].count == 0);
}

static void
find_crowd(void)
{
	uint64_t g = 64;

	fresh_arms(0, 1);
	for (int i = 0; i < THREADS; g += 64) {
		if (marks_of(arms, g) == marks_of(arms, 64))
			crowd[i++] = g;
	}
}

// More goroutines at once than there are places: who has none is counted and not timed.
static void
test_crowd(void)
{
	uint64_t what, now_ticks = sf_ticks() & ~(uint64_t)MARK_BITS;

	fresh_arms(0, 1);
	for (int i = 0; i < 6; i++)
		CHECK(open_by(crowd[i]) == 0);
	CHECK(t->fills[SF_GO_AB_SENT] == 4 && t->fills[SF_GO_AB_LOST] == 2);
	for (int i = 0; i < 6; i++)
		sf_go_end(crowd[i]);
	CHECK(rows[SF_ARM_LIBC].count == 4 && t->fills[SF_GO_AB_ENDED] == 4);
	// symfast's arm takes somebody's place, and he finds it taken.
	for (int i = 0; i < 4; i++)
		CHECK(mark(arms, crowd[i], now_ticks | MARK_TIMED));
	CHECK(mark(arms, crowd[4], (now_ticks + 8) | MARK_FAST));
	int left = 0;
	for (int i = 0; i < 4; i++)
		left += unmark(arms, crowd[i], &what);
	CHECK(left == 3 && unmark(arms, crowd[4], &what) && what == ((now_ticks + 8) | MARK_FAST));
	// So does anybody, once it is a minute old.
	for (int i = 0; i < 4; i++)
		CHECK(mark(arms, crowd[i], (now_ticks - SF_GO_MARK_AGE * (i == 2)) | MARK_TIMED));
	CHECK(mark(arms, crowd[4], now_ticks | MARK_TIMED));
	CHECK(!unmark(arms, crowd[2], &what) && unmark(arms, crowd[1], &what));
}

static uint64_t kept[THREADS], foreign[THREADS];

static void *
one_of_crowd(void *arg)
{
	size_t me = (size_t)(uintptr_t)arg;

	for (uint64_t i = 1; i < 300000; i++) {
		uint64_t what = (sf_ticks() & ~0xfffull) | me << 8 | MARK_FAST, found;

		if (!mark(arms, crowd[me], what))
			continue;
		if (i & 1)
			__asm__ volatile("" ::: "memory");
		if (!unmark(arms, crowd[me], &found))
			continue;
		kept[me]++;
		foreign[me] += found != what;
	}
	return NULL;
}

// All of them take each other's places all the time: whoever still has his finds what he put there.
static void
test_takers(void)
{
	pthread_t thread[THREADS];
	uint64_t sum = 0;

	fresh_arms(0, 1);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&thread[i], NULL, one_of_crowd, (void *)(uintptr_t)i));
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		CHECK(foreign[i] == 0);
		sum += kept[i];
	}
	CHECK(sum > 1000);
}

int
main(void)
{
	if (!make_folder())
		return 2;
	settle();
	find_crowd();
	test_shares();
	test_ends();
	test_ends_elsewhere();
	test_fill();
	test_crowd();
	test_takers();
	printf("%d failures\n", failures);
	remove_folder();
	return failures ? 1 : 0;
}
