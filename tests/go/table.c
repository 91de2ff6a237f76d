// SPDX-License-Identifier: BSD-2-Clause
// The table of names by itself: what is kept, for how long, who renews, and where it ends.
#include "table.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

static void
test_ttl(void)
{
	settle();
	fresh_table(100);
	CHECK(get(a) == 0 && counted(SF_GO_MISS) == 1);
	put(a, a, 7);
	CHECK(t->fills[SF_GO_FILL] == 1 && get(a) == 7 && counted(SF_GO_HIT) == 1);
	fake_ns += 49;
	CHECK(get(a) == 7 && counted(SF_GO_REFRESH) == 0);
	// From half of its lifetime on, one caller in each half life renews it by a proof, the rest still hit.
	fake_ns += 1;
	CHECK(get(a) == 7 && counted(SF_GO_CHECKED) == 1 && counted(SF_GO_REFRESH) == 0);
	for (int i = 0; i < 10; i++)
		CHECK(get(a) == 7);
	CHECK(counted(SF_GO_REFRESH) == 0 && counted(SF_GO_CHECKED) == 1);
	put(a, a, 7);
	CHECK(t->fills[SF_GO_RENEW] == 1);
	fake_ns += 49;
	CHECK(get(a) == 7 && counted(SF_GO_REFRESH) == 0);
	// Past its lifetime without a renewal: the same.
	fake_ns += 1000;
	CHECK(get(a) == 7 && counted(SF_GO_REFRESH) == 0 && counted(SF_GO_CHECKED) == 2);
	CHECK(get(a) == 7 && counted(SF_GO_CHECKED) == 2);
	fake_ns += 1000;
	unlink(a);
	CHECK(get(a) == 0 && counted(SF_GO_REFRESH) == 1);
	CHECK(get(a) == 0 && counted(SF_GO_STALE) == 1);
	make(a);
	CHECK(get(a) == 0 && counted(SF_GO_STALE) == 2);
	settle();
	put(a, a, 7);
	CHECK(get(a) == 7);
	// A symlink in its place: the fill that Go's own way brings ends the lifetime of the old
	// answer.
	put(a, b, 8);
	unlink(a);
	CHECK(symlink(b, a) == 0);
	CHECK(get(a) == 8 && counted(SF_GO_CHECKED) == 3);
	unlink(a);
	make(a);
	settle();
}

// One caller, who comes more seldom than any time to live: answered by a proof each time, and never sent away.
static void
test_seldom(void)
{
	for (uint64_t ttl = 0; ttl <= 100; ttl += 100) {
		fresh_table(ttl);
		point(a);
		put(a, a, 7);
		put(a_link, a, 7);
		for (int i = 0; i < 200; i++) {
			fake_ns += SF_GO_RENEW_NS * 3;
			CHECK(get(a) == 7 && get(a_link) == 7);
		}
		CHECK(counted(SF_GO_CHECKED) == 400 && counted(SF_GO_REFRESH) == 0);
		CHECK(counted(SF_GO_STALE) == 0 && t->fills[SF_GO_RENEW] == 0);
		// What it is told is of this moment.
		point(b);
		fake_ns += SF_GO_RENEW_NS * 3;
		CHECK(get(a_link) == 0 && counted(SF_GO_REFRESH) == 1);
		unlink(a);
		fake_ns += SF_GO_RENEW_NS * 3;
		CHECK(get(a) == 0 && counted(SF_GO_REFRESH) == 2);
		make(a);
		settle();
	}
}

static void
test_strict(void)
{
	fresh_table(0);
	point(a);
	put(a_link, a, 1);
	CHECK(get(a_link) == 1 && counted(SF_GO_HIT) == 0 && counted(SF_GO_CHECKED) == 1);
	point(b);
	CHECK(get(a_link) == 0 && counted(SF_GO_STALE) == 1);
	put(a_link, b, 2);
	for (int i = 0; i < 4; i++) {
		point(i % 2 ? a : b);
		CHECK(get(a_link) == (i % 2 ? 1 : 2));
	}
	CHECK(t->fills[SF_GO_FILL] == 1 && t->fills[SF_GO_RENEW] == 1);
	// More targets than variants: the oldest goes, the table does not grow.
	for (int i = 0; i < 10; i++) {
		char name[PATH_MAX + 16];

		snprintf(name, sizeof(name), "%s/n%d", dir, i);
		make(name);
		point(name);
		put(a_link, name, 99);
		CHECK(get(a_link) == 0); // just changed
		settle();
		put(a_link, name, 100 + (uint64_t)i);
		CHECK(get(a_link) == 100 + (uint64_t)i);
	}
	CHECK(t->entries == 1);
	point(a);
	CHECK(get(a_link) == 0);
	// Changed, linked twice, or no plain file: not proved.
	put(a_link, a, 1);
	CHECK(get(a_link) == 1);
	chmod(a, 0644);
	CHECK(get(a_link) == 0);
	settle();
	put(a_link, a, 1);
	CHECK(link(a, b) != 0 && unlink(b) == 0 && link(a, b) == 0);
	CHECK(get(a_link) == 0);
	settle();
	put(a_link, a, 1);
	CHECK(get(a_link) == 0 && get(a_link) == 0 && t->fills[SF_GO_BYPASS_PAUSED] == 2);
	unlink(b);
	make(b);
	put(dir, dir, 3);
	CHECK(get(dir) == 0);
	settle();
}

static void
test_bounds(void)
{
	static char name[PATH_MAX + 16];

	fresh_table(0);
	CHECK(sf_go_table_get(t, NULL, 5) == 0 && sf_go_table_get(t, (char *)4095, 5) == 0);
	CHECK(sf_go_table_get(t, a, 0) == 0 && sf_go_table_get(t, name, SF_GO_NAME_MAX + 1) == 0);
	CHECK(sf_go_table_get(t, name, SIZE_MAX) == 0 && counted(SF_GO_BYPASS_NAME) == 5);
	sf_go_table_put(t, "x\0y", 3, a, strlen(a), 1);
	sf_go_table_put(t, name, SF_GO_NAME_MAX + 1, a, strlen(a), 1);
	sf_go_table_put(t, "", 0, a, strlen(a), 1);
	CHECK(t->fills[SF_GO_SKIP_NAME] == 3);
	// Every length up to the longest, one byte apart from each other.
	CHECK(chdir(dir) == 0);
	for (size_t n = 1; n < 40; n++) {
		memset(name, '/', n);
		strcpy(name + n, "a");
		memmove(name + 1, name, n + 2);
		name[0] = '.';
		sf_go_table_put(t, name, n + 2, a, strlen(a), n);
	}
	for (size_t n = 1; n < 40; n++) {
		memset(name, '/', n);
		strcpy(name + n, "a");
		memmove(name + 1, name, n + 2);
		name[0] = '.';
		CHECK(get(name) == n);
		name[n + 1] = 'b';
		CHECK(get(name) == 0);
	}
	// Full: further names are never kept, known ones stay.
	for (unsigned int i = 0; i < 3 * SF_GO_ENTRIES; i++) {
		snprintf(name, sizeof(name), "./%0*u/../a", (int)(1 + i % 200), i);
		put(name, a, 5);
	}
	CHECK(t->entries <= SF_GO_ENTRIES && t->used <= SF_GO_ARENA);
	CHECK(t->fills[SF_GO_SKIP_FULL] >= 2 * SF_GO_ENTRIES);
	CHECK(get(".//a") == 2);
	t->filling = 1;
	put(a, a, 1);
	CHECK(t->fills[SF_GO_SKIP_BUSY] == 1);
	t->filling = 0;
}

struct seen {
	unsigned int names, refused;
	uint64_t hit, race;
};

static void
see(void *arg, const char *name, uint64_t value)
{
	struct seen *s = arg;

	s->names++;
	if (!strcmp(name, "go.hit"))
		s->hit = value;
	if (!strncmp(name, "go.refused.", 11))
		s->refused += value != 0;
	if (!strcmp(name, "go.refused.race"))
		s->race = value;
}

// Exactly one refusal is counted, by its own name, and a fork forgets what was counted before.
static void
test_counters(void)
{
	struct seen s = {0};

	fresh_table(1000000000);
	put(a, a, 7);
	for (int i = 0; i < 5; i++)
		CHECK(get(a) == 7);
	sf_go_refused = SF_GO_REFUSE_RACE;
	sf_go_counters(see, &s);
	CHECK(s.hit == 5 && s.refused == 1 && s.race == 1);
	CHECK(s.names == SF_GO_STRIPE_COUNT + SF_GO_FILL_COUNT + 2 + SF_GO_REFUSAL_COUNT - 1);
	sf_go_refused = SF_GO_REFUSE_NONE;
	t->filling = 1;
	sf_go_forked();
	CHECK(t->fills[SF_GO_FILL] == 0);
	s = (struct seen){0};
	sf_go_counters(see, &s);
	CHECK(s.hit == 0 && s.refused == 0 && t->filling == 0 && get(a) == 7);
}

// Readers beside a writer that keeps changing what a name leads to: every answer is one that was
// put for the file that is there.
static volatile int stop;

static void *
reader(void *arg)
{
	(void)arg;
	while (!stop) {
		uint64_t v = get(a_link);

		if (v && v != 1 && v != 2)
			__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
test_readers(void)
{
	pthread_t threads[3];
	int answered = 0;

	fresh_table(0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, reader, NULL);
	for (int i = 0; i < 2000; i++) {
		uint64_t right = 1 + (uint64_t)(i % 2 == 0), got;

		point(i % 2 ? a : b);
		put(a_link, i % 2 ? a : b, right);
		got = get(a_link); // 0: a reader was just about to prove it
		CHECK(got == right || got == 0);
		answered += got != 0;
	}
	CHECK(answered > 0);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

int
main(void)
{
	if (!make_folder())
		return 2;
	test_ttl();
	test_seldom();
	test_strict();
	test_bounds();
	test_counters();
	test_readers();
	printf("%d failures\n", failures);
	for (int i = 0; i < 10; i++) {
		char name[PATH_MAX + 16];

		snprintf(name, sizeof(name), "%s/n%d", dir, i);
		unlink(name);
	}
	remove_folder();
	return failures ? 1 : 0;
}
