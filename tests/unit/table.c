// SPDX-License-Identifier: BSD-2-Clause
// table.c: the shared map: find, keep, evict, doorkeeper, sizes, fork; a random model.
//
// The source is included, not linked, for the tests that stop a writer half way.
#include "unit.h"

#include "map/table.c"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "table";

static struct sf_object lifetimes[4] = {{.state = SF_STATE_OF_GEN(1)},
					{.state = SF_STATE_OF_GEN(1)},
					{.state = SF_STATE_OF_GEN(1)},
					{.state = SF_STATE_OF_GEN(1)}};

static struct sf_question
ask(uintptr_t handle, const char *name, const char *version)
{
	struct sf_question q = {.handle = handle,
				.name = name,
				.version = version,
				.kind = version != NULL ? SF_KIND_VSYM : SF_KIND_SYM};

	ck_assert(sf_table_hash(&q));
	return q;
}

static bool
keep(const struct sf_question *q, struct sf_object *lifetime, uintptr_t value)
{
	struct sf_reply r = {.value = (void *)value,
			     .object = lifetime,
			     .gen = SF_STATE_GEN(lifetime->state),
			     .verdict = SF_VALUE};

	return sf_table_keep(q, &r);
}

/* Short names have a way of their own: both know the same. */
static uintptr_t
find(const struct sf_question *q)
{
	struct sf_reply r = {.value = NULL};
	void *value = NULL;
	bool found = sf_table_find(q, &r);
	struct sf_short name;

	if (q->kind == SF_KIND_SYM && sf_bytes_load_short(q->name, &name)) {
		uint64_t hash = sf_table_hash_short(&name, q->handle, q->kind);
		uint32_t entry = sf_table_value_short(q->handle, &name, hash, &value);

		ck_assert_uint_eq(hash, q->hash);
		ck_assert_uint_eq(entry, found && r.verdict == SF_VALUE ? r.entry : 0);
		ck_assert(entry == 0 || value == r.value);
	}
	return found ? (uintptr_t)r.value : 0;
}

START_TEST(what_is_kept_is_found)
{
	struct sf_reply r = {
		.value = &r, .object = &lifetimes[0], .gen = 1, .verdict = SF_NEGATIVE};
	char copy[] = "f";
	struct sf_question q, same;

	ck_assert(sf_layout_init(256));
	q = ask(8, "f", NULL);
	ck_assert(!find(&q));
	ck_assert(sf_table_keep(&q, &r));
	same = ask(8, copy, NULL);
	memset(&r, 0, sizeof(r));
	ck_assert(sf_table_find(&same, &r));
	ck_assert_ptr_eq(r.value, &r);
	ck_assert_ptr_eq(r.object, &lifetimes[0]);
	ck_assert_uint_eq(r.gen, 1);
	ck_assert_uint_eq(r.verdict, SF_NEGATIVE);
	ck_assert_uint_ne(r.entry, 0);
}
END_TEST

START_TEST(every_part_of_the_question_counts)
{
	static const struct {
		uintptr_t handle;
		const char *name, *version;
	} rows[] = {{8, "f", NULL}, {16, "f", NULL},  {8, "g", NULL}, {8, "f", "V1"},
		    {8, "f", "V2"}, {8, "fV1", NULL}, {8, "", NULL},  {8, "", ""},
		    {8, "f", ""},   {0, "f", NULL},   {8, "", "f"},   {UINTPTR_MAX, "f", NULL}};
	struct sf_question open = {.handle = 8, .name = "f", .kind = SF_KIND_OPEN};

	ck_assert(sf_layout_init(256));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sf_question q = ask(rows[i].handle, rows[i].name, rows[i].version);

		ck_assert_msg(!find(&q), "row %zu", i);
		ck_assert(keep(&q, &lifetimes[0], 1000 + i));
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sf_question q = ask(rows[i].handle, rows[i].name, rows[i].version);

		ck_assert_msg(find(&q) == 1000 + i, "row %zu", i);
	}
	ck_assert(sf_table_hash(&open));
	ck_assert(!find(&open));
}
END_TEST

START_TEST(a_lifetime_that_ended_takes_its_answers_along_and_no_others)
{
	struct sf_question a, b;

	ck_assert(sf_layout_init(256));
	a = ask(8, "f", NULL);
	b = ask(16, "f", NULL);
	ck_assert(keep(&a, &lifetimes[0], 1) && keep(&b, &lifetimes[1], 2));
	lifetimes[0].state += SF_STATE_OF_GEN(1);
	ck_assert(!find(&a));
	ck_assert_uint_eq(find(&b), 2);
	/* The next lifetime's answer takes the same entry. */
	ck_assert(keep(&a, &lifetimes[0], 3));
	ck_assert_uint_eq(find(&a), 3);
	ck_assert_uint_eq(sf_table.slabs_used, 2);
	ck_assert_uint_eq(sf_table_entry(1 * SF_SLAB / UNIT)->handle, 8);
}
END_TEST

START_TEST(names_up_to_the_limit_and_no_longer)
{
	static char name[SF_NAME_MAX + 64], version[SF_NAME_MAX + 64];

	ck_assert(sf_layout_init(1024));
	for (size_t len = 0; len<SF_NAME_MAX + 40; len += len> 200 && len < 3900 ? 97 : 1) {
		struct sf_question q = {.handle = 8, .name = name, .kind = SF_KIND_SYM};

		memset(name, 'n', len);
		name[len] = '\0';
		ck_assert_int_eq(sf_table_hash(&q), len + 1 <= SF_NAME_MAX);
		if (len + 1 > SF_NAME_MAX)
			continue;
		ck_assert_msg(keep(&q, &lifetimes[0], len + 1), "length %zu", len);
		ck_assert_uint_eq(find(&q), len + 1);
		if (len == 0)
			continue;
		name[len / 2] ^= 1;
		q = ask(8, name, NULL);
		ck_assert(!find(&q));
	}
	memset(name, 'n', 2000);
	name[2000] = '\0';
	for (size_t len = 1990; len < 2010; len++) {
		struct sf_question q = {
			.handle = 8, .name = name, .version = version, .kind = SF_KIND_VSYM};

		memset(version, 'v', len);
		version[len] = '\0';
		ck_assert_int_eq(sf_table_hash(&q), 2001 + len + 1 <= SF_NAME_MAX);
		if (2001 + len + 1 <= SF_NAME_MAX)
			ck_assert(keep(&q, &lifetimes[0], len) && find(&q) == len);
	}
}
END_TEST

START_TEST(the_doorkeeper_wants_a_second_sighting)
{
	ck_assert(sf_layout_init(256));
	for (unsigned int i = 0; i < 500; i++) {
		char name[32];
		struct sf_question q;

		snprintf(name, sizeof(name), "once_%u", i);
		q = ask(8, name, NULL);
		/* A fingerprint of 16 bits may mistake one name for another, rarely. */
		if (sf_table_seen(q.hash))
			ck_assert_msg(i > 20, "%s was never seen", name);
		ck_assert(sf_table_seen(q.hash));
	}
}
END_TEST

START_TEST(a_doorkeepers_bucket_remembers_four)
{
	struct sf_question q[5];

	ck_assert(sf_layout_init(256));
	for (unsigned int i = 0; i < 5; i++)
		q[i].hash = (uint64_t)(2 * i + 3) << 48;
	for (unsigned int i = 0; i < 4; i++)
		ck_assert(!sf_table_seen(q[i].hash));
	for (unsigned int i = 0; i < 4; i++)
		ck_assert(sf_table_seen(q[i].hash));
	ck_assert(!sf_table_seen(q[4].hash));
	ck_assert(!sf_table_seen(q[0].hash)); /* pushed out by the fifth */
	ck_assert(sf_table_seen(q[4].hash));
}
END_TEST

static void
many(unsigned int names, size_t longest)
{
	static char name[SF_NAME_MAX];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < names; i++) {
		size_t len = (size_t)snprintf(name, sizeof(name), "%u_", i);
		size_t pad = longest > 0 ? unit_random() % longest : 0;
		struct sf_question q;

		memset(name + len, 'p', pad);
		name[len + pad] = '\0';
		q = ask(8, name, NULL);
		if (!keep(&q, &lifetimes[0], i + 1))
			continue;
		kept++;
		ck_assert_uint_eq(find(&q), i + 1);
	}
	ck_assert_msg(kept > names / 2, "%u of %u", kept, names);
}

START_TEST(a_full_map_makes_room)
{
	ck_assert(sf_layout_init(256));
	many(20000, 0);
	ck_assert(sf_counters_sum(SF_MAP_EVICT) > 15000);
	ck_assert_uint_eq(sf_counters_sum(SF_MAP_FULL), 0);
	ck_assert(sf_table.slabs_used <= sf_table.slabs);
}
END_TEST

START_TEST(a_full_map_of_many_sizes_makes_room)
{
	ck_assert(sf_layout_init(256));
	many(20000, 3000);
	ck_assert(sf_table.slabs_used <= sf_table.slabs);
	for (unsigned int i = 1; i < sf_table.slabs_used; i++)
		ck_assert(sf_table.slab_class[i] >= 1 && sf_table.slab_class[i] <= CLASSES);
}
END_TEST

/* All memory is of one size: an answer of another is not kept, and that is counted. */
START_TEST(no_memory_of_that_size_left)
{
	static char name[SF_NAME_MAX];
	struct sf_question q;

	ck_assert(sf_layout_init(256));
	many(20000, 0);
	memset(name, 'n', 3000);
	q = ask(8, name, NULL);
	ck_assert(!keep(&q, &lifetimes[0], 1));
	ck_assert(!find(&q));
	ck_assert_uint_eq(sf_counters_sum(SF_MAP_FULL), 1);
	q = ask(8, "short", NULL);
	ck_assert(keep(&q, &lifetimes[0], 1) && find(&q) == 1);
}
END_TEST

START_TEST(names_in_use_outlast_names_that_are_not)
{
	char name[32];
	unsigned int alive = 0, learnt = 0;

	ck_assert(sf_layout_init(256));
	for (unsigned int i = 0; i < 40000; i++) {
		struct sf_question q;

		snprintf(name, sizeof(name), "passing_%u", i);
		q = ask(8, name, NULL);
		keep(&q, &lifetimes[0], 1);
		snprintf(name, sizeof(name), "used_%u", i % 50);
		q = ask(8, name, NULL);
		if (!find(&q))
			learnt += keep(&q, &lifetimes[0], 2);
	}
	/* First in, first out would have learnt each of them a hundred times over. */
	ck_assert_msg(learnt < 1000, "%u names learnt again", learnt);
	for (unsigned int i = 0; i < 50; i++) {
		struct sf_question q;

		snprintf(name, sizeof(name), "used_%u", i);
		q = ask(8, name, NULL);
		alive += find(&q) == 2;
	}
	ck_assert_msg(alive >= 45, "%u of 50", alive);
}
END_TEST

#define MODEL 3000

/* Whatever the map says must be what a dictionary says; it may only know less. */
START_TEST(a_random_walk_beside_a_dictionary)
{
	static struct {
		uintptr_t value;
		uint32_t gen;
	} dictionary[MODEL];
	unsigned int hits = 0;

	ck_assert(sf_layout_init(256));
	for (unsigned int step = 1; step <= 300000; step++) {
		unsigned int n = (unsigned int)(unit_random() % MODEL) >> unit_random() % 6;
		struct sf_object *lifetime = &lifetimes[n % COUNT_OF(lifetimes)];
		char name[300];
		struct sf_question q;
		uintptr_t value;

		snprintf(name, sizeof(name), "%.*s_%u", (int)(n % 251),
			 "dictionarydictionarydictionary"
			 "dictionarydictionarydictionarydictionarydictionarydictionarydictionary",
			 n);
		q = ask(n % 7 * 8, name, n % 5 == 0 ? "VERSION_1" : NULL);
		value = find(&q);
		if (value != 0) {
			ck_assert_uint_eq(value, dictionary[n].value);
			ck_assert_uint_eq(SF_STATE_GEN(lifetime->state), dictionary[n].gen);
			hits++;
		}
		if (value == 0 || step % 3 == 0) {
			if (keep(&q, lifetime, step)) {
				dictionary[n].value = step;
				dictionary[n].gen = SF_STATE_GEN(lifetime->state);
			}
		}
		if (step % 1000 == 0)
			lifetime->state += SF_STATE_OF_GEN(1);
	}
	ck_assert_msg(hits > 20000, "%u hits", hits);
}
END_TEST

START_TEST(a_taken_lock_means_not_kept)
{
	struct sf_question q;

	ck_assert(sf_layout_init(256));
	q = ask(8, "f", NULL);
	sf_store_64(&lock.word, UNIT_LOCKED);
	ck_assert(!keep(&q, &lifetimes[0], 1));
	sf_lock_release(&lock);
	ck_assert(keep(&q, &lifetimes[0], 1));
}
END_TEST

/* fork while another thread writes: the child has its lock and half an entry. */
START_TEST(a_child_whose_writer_is_gone)
{
	struct sf_question q;
	struct sf_reply r;
	int status;

	ck_assert(sf_layout_init(256));
	q = ask(8, "f", NULL);
	ck_assert(keep(&q, &lifetimes[0], 1));
	ck_assert(sf_table_find(&q, &r));
	sf_store_64(&lock.word, UNIT_LOCKED);
	table_begin_write_locked(sf_table_entry(r.entry));
	ck_assert(!find(&q));
	if (fork() == 0) {
		sf_table_forked();
		if (writing != NULL || (sf_table_entry(r.entry)->seq & 1) || find(&q) != 0)
			_exit(1);
		_exit(keep(&q, &lifetimes[0], 2) && find(&q) == 2 ? 0 : 2);
	}
	ck_assert(wait(&status) > 0);
	ck_assert_int_eq(status, 0);
	table_end_write_locked(sf_table_entry(r.entry));
	sf_lock_release(&lock);
	ck_assert_uint_eq(find(&q), 1);
}
END_TEST

/* The entry's name is a broken one of a dead writer: eviction must cope with it. */
/* Somebody's stray write to a free entry: noticed before it is used, and nothing else breaks. */
START_TEST(a_free_list_that_leads_astray)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{offsetof(struct sf_entry, size_class), 5},
		{offsetof(struct sf_entry, what), SF_WHAT(SF_KIND_SYM, SF_VALUE)},
		{offsetof(struct sf_entry, seq), 2},
	};
	struct sf_question q;
	char *next;

	ck_assert(sf_layout_init(1024));
	q = ask(7, "before", NULL);
	ck_assert(keep(&q, &lifetimes[0], 1));
	next = (char *)sf_table_entry(free_head[0]);
	next[rows[_i].at] = (char)rows[_i].value;
	ck_assert_uint_eq(sf_table_damaged, 0);
	q = ask(7, "after", NULL);
	ck_assert(!keep(&q, &lifetimes[0], 2));
	ck_assert_uint_eq(sf_table_damaged, 1);
	q = ask(7, "before", NULL);
	ck_assert_uint_eq(find(&q), 1);
}
END_TEST

START_TEST(a_map_with_a_broken_entry_still_turns_over)
{
	struct sf_question q;
	struct sf_reply r;

	ck_assert(sf_layout_init(256));
	q = ask(8, "f", NULL);
	ck_assert(keep(&q, &lifetimes[0], 1) && sf_table_find(&q, &r));
	sf_store_64(&lock.word, UNIT_LOCKED);
	table_begin_write_locked(sf_table_entry(r.entry));
	sf_table_entry(r.entry)->name[0] = 'g';
	sf_table_forked();
	many(20000, 0);
}
END_TEST

START_TEST(limits)
{
	ck_assert(sf_layout_init(256));
	ck_assert(sf_layout_init(1048576));
	/* The largest map still fits the 24 bits of a slot. */
	ck_assert(((uint64_t)(sf_table.slabs + SF_SLABS_PAD) * SF_SLAB) / UNIT <= 0xffffff);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, what_is_kept_is_found);
	tcase_add_test(tests, every_part_of_the_question_counts);
	tcase_add_test(tests, a_lifetime_that_ended_takes_its_answers_along_and_no_others);
	tcase_add_test(tests, names_up_to_the_limit_and_no_longer);
	tcase_add_test(tests, the_doorkeeper_wants_a_second_sighting);
	tcase_add_test(tests, a_doorkeepers_bucket_remembers_four);
	tcase_add_test(tests, a_full_map_makes_room);
	tcase_add_test(tests, a_full_map_of_many_sizes_makes_room);
	tcase_add_test(tests, no_memory_of_that_size_left);
	tcase_add_test(tests, names_in_use_outlast_names_that_are_not);
	tcase_add_test(tests, a_random_walk_beside_a_dictionary);
	tcase_add_test(tests, a_taken_lock_means_not_kept);
	tcase_add_test(tests, a_child_whose_writer_is_gone);
	tcase_add_loop_test(tests, a_free_list_that_leads_astray, 0, 3);
	tcase_add_test(tests, a_map_with_a_broken_entry_still_turns_over);
	tcase_add_test(tests, limits);
}
