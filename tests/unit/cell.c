// SPDX-License-Identifier: BSD-2-Clause
// cell.c: cells: every alignment and length, neighbours of a name, lifetimes, torn cells, fork.
//
// The source is included, not linked, for the tests that stop a writer half way.
#include "boot.h"
#include "unit.h"

#include "libc/next.h"
#include "map/cell.c"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "cell";

static struct sf_object lifetimes[2] = {{.state = SF_STATE_OF_GEN(1), .handle = 8},
					{.state = SF_STATE_OF_GEN(1), .handle = 16}};
static char room[256] __attribute__((aligned(256))); /* within a page */

static uint32_t
entry_of(uintptr_t handle, const char *name, struct sf_reply *r)
{
	struct sf_question q = {.handle = handle, .name = name, .kind = SF_KIND_SYM};

	ck_assert(sf_table_hash(&q));
	ck_assert(sf_table_keep(&q, r));
	return r->entry;
}

static bool
keep(struct sf_object *lifetime, const char *name, uintptr_t value, enum sf_verdict verdict)
{
	struct sf_reply r = {.value = (void *)value,
			     .object = lifetime,
			     .gen = SF_STATE_GEN(lifetime->state),
			     .verdict = (uint8_t)verdict};

	struct sf_question q = {.handle = lifetime->handle, .name = name, .kind = SF_KIND_SYM};

	return sf_cell_keep(&q, entry_of(lifetime->handle, name, &r));
}

static uintptr_t
find(uintptr_t handle, const char *name)
{
	uint32_t seq;
	const struct sf_cell *c =
		sf_cell_tagged(sf_cell_set(sf_table.cells, handle, name), sf_cell_tag(name), &seq);
	void *value;

	if (handle == 0)
		handle = SF_OBJECT_DEFAULT;
	return c != NULL && sf_cell_value(c, seq, handle, name, &value) ? (uintptr_t)value : 0;
}

/* What the question's cell refers to; SIZE_MAX: a negative answer. */
static uintptr_t
referred(const struct sf_question *q)
{
	const struct sf_entry *e = sf_cell_set_entry(sf_cell_set_of(sf_table.cells, q), q->name);
	struct sf_reply r;

	if (e == NULL || !sf_entry_answers(e, q->handle, q->name, q->version, q->kind, &r))
		return 0;
	return r.verdict == SF_VALUE ? (uintptr_t)r.value : SIZE_MAX;
}

static bool
find_negative(uintptr_t handle, const char *name)
{
	return referred(&(struct sf_question){
		       .handle = handle, .name = name, .kind = SF_KIND_SYM}) == SIZE_MAX;
}

static char *
name_at(size_t at, size_t len)
{
	memset(room, 'x', sizeof(room));
	for (size_t i = 0; i < len; i++)
		room[64 + at + i] = (char)('a' + (i * 7 + len) % 26);
	room[64 + at + len] = '\0';
	return room + 64 + at;
}

START_TEST(every_alignment_and_length)
{
	ck_assert(sf_layout_init(1024));
	for (size_t at = 0; at < 16; at++) {
		for (size_t len = 0; len < 40; len++) {
			char *name = name_at(at, len);
			bool fits = len + 1 <= SF_CELL_ROOM;

			ck_assert(keep(&lifetimes[0], name, 1000 + len, SF_VALUE));
			ck_assert_uint_eq(find(8, name), fits ? 1000 + len : 0);
			if (!fits)
				continue;
			/* What stands before and behind the name does not count. */
			memset(room, 'y', 64 + at);
			memset(name + len + 1, 'y', 64);
			ck_assert_uint_eq(find(8, name), 1000 + len);
			for (size_t i = 0; i <= len; i++) {
				name[i] ^= 1;
				ck_assert_uint_eq(find(8, name), 0);
				name[i] ^= 1;
			}
			ck_assert_uint_eq(find(8, name), 1000 + len);
			ck_assert_uint_eq(find(16, name), 0);
			lifetimes[0].state += SF_STATE_OF_GEN(1);
			ck_assert_uint_eq(find(8, name), 0);
		}
	}
}
END_TEST

/* 32 bytes are read at once: names that begin in the last 31 of a page have no cell. */
START_TEST(a_name_at_a_page_end_is_not_read_past)
{
	char *edge = unit_edge(1);

	ck_assert(sf_layout_init(1024));
	for (size_t len = 1; len < 40; len++) {
		char *name = edge - len - 1;
		bool fits = len + 1 == SF_CELL_ROOM, room_left = len + 1 >= SF_CELL_ROOM;

		for (size_t i = 0; i < len; i++)
			name[i] = (char)('a' + i % 26);
		name[len] = '\0';
		ck_assert_int_eq(sf_cell_has_room(name), room_left);
		ck_assert_int_eq(keep(&lifetimes[0], name, 7, SF_VALUE), room_left);
		ck_assert_uint_eq(find(8, name), fits ? 7 : 0);
	}
	for (size_t room_left = 1; room_left < 40; room_left++) {
		ck_assert_int_eq(sf_cell_has_room(edge - room_left), room_left >= SF_CELL_ROOM);
	}
}
END_TEST

/* Memory that was never written says that the cell of address 0 has the empty name. */
START_TEST(a_cell_that_was_never_written)
{
	static const struct sf_cell none[8]; /* room for what a lifetime would be */
	static const char empty[SF_CELL_ROOM];
	void *value;

	ck_assert(!sf_cell_value(none, sf_cell_seq(none), 8, empty, &value));
	ck_assert(!sf_cell_value(none, sf_cell_seq(none), SF_OBJECT_DEFAULT, empty, &value));
	/* RTLD_DEFAULT as it is. */
	ck_assert(!sf_cell_value(none, sf_cell_seq(none), 0, empty, &value));
	ck_assert_ptr_null(sf_cell_entry(none, sf_cell_seq(none)));
}
END_TEST

START_TEST(memcheck_sees_no_cells)
{
	char *name = name_at(0, 6);

	ck_assert(sf_layout_init(1024));
	sf_bytes_careful = 1;
	ck_assert(!sf_cell_has_room(name) && !keep(&lifetimes[0], name, 7, SF_VALUE));
	sf_bytes_careful = 0;
	ck_assert(sf_cell_has_room(name));
}
END_TEST

/* A cell knows its lifetime by the distance. */
static void
moved(struct sf_cell *to, const struct sf_cell *from)
{
	*to = *from;
	cell_set_lifetime(to, sf_cell_lifetime(from));
}

/* Tag and name agree, but the answer belongs to another handle, or is none. */
START_TEST(a_cell_of_another_handle_does_not_answer)
{
	char *name = name_at(3, 5);
	struct sf_cell *mine, *theirs;

	ck_assert(sf_layout_init(1024));
	ck_assert(keep(&lifetimes[0], name, 7, SF_VALUE));
	mine = sf_cell_set(sf_table.cells, 8, name);
	theirs = sf_cell_set(sf_table.cells, 16, name);
	moved(theirs, mine);
	ck_assert_uint_eq(find(16, name), 0);
	ck_assert_uint_eq(find(8, name), 7);
	ck_assert(keep(&lifetimes[0], name, 0, SF_NEGATIVE));
	ck_assert(!find(8, name) && find_negative(8, name));
	moved(theirs, mine);
	ck_assert(!find_negative(16, name));
	/* The handle that the marker itself has. */
	moved(sf_cell_set(sf_table.cells, 1, name), mine);
	ck_assert(!find(1, name) && !find_negative(1, name));
}
END_TEST

START_TEST(answers_that_are_no_value)
{
	char *name = name_at(9, 12);

	ck_assert(sf_layout_init(1024));
	ck_assert(keep(&lifetimes[0], name, 0, SF_NEGATIVE));
	ck_assert_uint_eq(find(8, name), 0);
	ck_assert(find_negative(8, name));
	lifetimes[0].state += SF_STATE_OF_GEN(1);
	ck_assert(!find_negative(8, name));
}
END_TEST

START_TEST(a_cell_that_is_being_written_does_not_answer)
{
	char *name = name_at(0, 20);
	struct sf_cell *c;

	ck_assert(sf_layout_init(1024));
	ck_assert(keep(&lifetimes[0], name, 7, SF_VALUE));
	c = sf_cell_set(sf_table.cells, 8, name);
	c->seq++;
	ck_assert_uint_eq(find(8, name), 0);
	c->seq++;
	ck_assert_uint_eq(find(8, name), 7);
	sf_store_64(&lock.word, UNIT_LOCKED);
	ck_assert(keep(&lifetimes[0], name, 8, SF_VALUE));
	ck_assert_uint_eq(find(8, name), 7);
	sf_lock_release(&lock);
}
END_TEST

START_TEST(a_child_whose_writer_is_gone)
{
	char *name = name_at(0, 20);
	struct sf_cell *c;
	int status;

	ck_assert(sf_layout_init(1024));
	ck_assert(keep(&lifetimes[0], name, 7, SF_VALUE));
	c = sf_cell_set(sf_table.cells, 8, name);
	sf_store_64(&lock.word, UNIT_LOCKED);
	writing = c;
	c->seq++;
	if (fork() == 0) {
		sf_cell_forked();
		if (writing != NULL || !(c->seq & 1) || find(8, name) || find_negative(8, name))
			_exit(1);
		_exit(keep(&lifetimes[0], name, 9, SF_VALUE) && find(8, name) == 9 ? 0 : 2);
	}
	ck_assert(wait(&status) > 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* A cell may become a neighbour's at any time: what was read under the old number does not count. */
START_TEST(a_cell_that_changes_hands)
{
	char *first = name_at(0, 3), *second = first + 4;
	const struct sf_cell *c;
	struct sf_cell *other;
	uint32_t seq;
	void *value;

	ck_assert(sf_layout_init(1024));
	memcpy(first, "cos\0sin", 8);
	ck_assert(keep(&lifetimes[0], first, 7, SF_VALUE));
	c = sf_cell_tagged(sf_cell_set(sf_table.cells, 8, first), sf_cell_tag(first), &seq);
	ck_assert(sf_cell_value(c, seq, 8, first, &value));
	ck_assert_ptr_null(sf_cell_tagged(c, sf_cell_tag(second), &seq));
	seq = sf_cell_seq(c);
	ck_assert(keep(&lifetimes[0], second, 9, SF_VALUE));
	other = sf_cell_set(sf_table.cells, 8, second);
	sf_store_64(&lock.word, UNIT_LOCKED);
	cell_write_locked((struct sf_cell *)(uintptr_t)c,
			  &(struct content){.lifetime = sf_cell_lifetime(other),
					    .value = other->value,
					    .gen = other->gen,
					    .tag = other->tag,
					    .care = other->care,
					    .name = "sin"});
	sf_lock_release(&lock);
	ck_assert(!sf_cell_value(c, seq, 8, first, &value));
	ck_assert(!sf_cell_value(c, seq, 8, second, &value));
	ck_assert(sf_cell_value(c, sf_cell_seq(c), 8, second, &value));
}
END_TEST

static char versions[256] __attribute__((aligned(256)));

static bool
refer(const struct sf_question *of, uintptr_t value, enum sf_verdict verdict)
{
	struct sf_reply r = {.value = (void *)value,
			     .object = &lifetimes[0],
			     .gen = SF_STATE_GEN(lifetimes[0].state),
			     .verdict = (uint8_t)verdict};
	struct sf_question q = *of;

	ck_assert(sf_table_hash(&q) && sf_table_keep(&q, &r));
	return sf_cell_keep(&q, r.entry);
}

static void
changed_is_not_found(const struct sf_question *q, char *text, size_t len)
{
	for (size_t i = 0; i <= len; i++) {
		text[i] ^= 1;
		ck_assert_uint_eq(referred(q), 0);
		text[i] ^= 1;
	}
}

START_TEST(a_version_has_a_cell_that_refers)
{
	ck_assert(sf_layout_init(1024));
	for (size_t at = 0; at < 16; at++) {
		for (size_t len = 0; len < 20; len++) {
			char *name = name_at(at, 7), *version = versions + 64 + (at * 5 + len) % 16;
			struct sf_question q = {.handle = 8,
						.name = name,
						.version = version,
						.kind = SF_KIND_VSYM};
			struct sf_question other = q, plain = q;

			other.handle = 16;
			plain.kind = SF_KIND_SYM;
			memset(version, 'V', len);
			version[len] = '\0';
			ck_assert(refer(&q, 100 + len, SF_VALUE));
			ck_assert_uint_eq(referred(&q), 100 + len);
			ck_assert_uint_eq(referred(&other), 0);
			ck_assert_uint_eq(referred(&plain), 0);
			changed_is_not_found(&q, version, len);
			changed_is_not_found(&q, name, 7);
			ck_assert_uint_eq(referred(&q), 100 + len);
			ck_assert(!find(8, name)); /* no value of dlsym's */
			lifetimes[0].state += SF_STATE_OF_GEN(1);
			ck_assert_uint_eq(referred(&q), 0);
		}
	}
}
END_TEST

/* Long names and paths to open refer, too; the handle of a path is its mode. */
START_TEST(what_has_no_room_in_a_cell_has_one_that_refers)
{
	ck_assert(sf_layout_init(1024));
	for (enum sf_kind kind = SF_KIND_SYM; kind <= SF_KIND_OPEN; kind += 2) {
		char *name = name_at(3, 60);
		struct sf_question q = {.handle = 8, .name = name, .kind = kind};

		ck_assert(refer(&q, 7, SF_VALUE));
		ck_assert_uint_eq(referred(&q), 7);
		changed_is_not_found(&q, name, 60);
		ck_assert(!find(8, name));
		ck_assert(refer(&q, 0, SF_NEGATIVE));
		ck_assert_uint_eq(referred(&q), SIZE_MAX);
	}
}
END_TEST

/* The entry may be another question's by now, or be gone, or the cell half written. */
START_TEST(a_reference_is_a_guess)
{
	char *name = name_at(3, 60);
	struct sf_question q = {.handle = 8, .name = name, .kind = SF_KIND_SYM};
	struct sf_entry *e;
	struct sf_cell *c;

	ck_assert(sf_layout_init(1024));
	ck_assert(refer(&q, 7, SF_VALUE));
	c = sf_cell_set_of(sf_table.cells, &q);
	e = (struct sf_entry *)(uintptr_t)sf_cell_set_entry(c, name);
	e->handle = 16;
	ck_assert_uint_eq(referred(&q), 0);
	e->handle = 8;
	e->what = SF_WHAT(SF_KIND_NONE, 0);
	ck_assert_uint_eq(referred(&q), 0);
	e->what = SF_WHAT(SF_KIND_SYM, SF_VALUE);
	ck_assert_uint_eq(referred(&q), 7);
	c->seq++;
	ck_assert_uint_eq(referred(&q), 0);
	c->seq++;
	/* A value is not taken for a pointer to an entry, whatever its bits are. */
	cell_set_lifetime(c, &lifetimes[0]);
	ck_assert_uint_eq(referred(&q), 0);
}
END_TEST

/* Nothing refers from where 32 bytes would leave the page: readers of that tag read so much. */
START_TEST(references_at_a_page_end)
{
	char *edge = unit_edge(1) - 6;
	struct sf_question q = {.handle = 8, .name = "name", .version = edge, .kind = SF_KIND_VSYM};

	ck_assert(sf_layout_init(1024));
	memcpy(edge, "VER_1", 6);
	ck_assert(refer(&q, 1, SF_VALUE)); /* a version may stand there */
	ck_assert_uint_eq(referred(&q), 1);
	q.name = edge;
	q.version = "VER_1";
	ck_assert(!refer(&q, 1, SF_VALUE));
	ck_assert_uint_eq(referred(&q), 0);
}
END_TEST

/* The executable's handle shares its answers' lifetime with others; its cells have its own record. */
START_TEST(answers_of_the_initial_set)
{
	static struct link_map map = {.l_name = (char *)""};
	char *name = name_at(2, 6);
	struct sf_question q = {.handle = (uintptr_t)&map, .name = name, .kind = SF_KIND_SYM};
	struct sf_reply r = {.value = &r, .object = &sf_object_permanent, .gen = 1};

	ck_assert(sf_layout_init(1024) && unit_boot());
	sf_object_init(&map, &map);
	ck_assert(sf_cell_keep(&q, entry_of((uintptr_t)&map, name, &r)));
	ck_assert_uint_eq(find((uintptr_t)&map, name), (uintptr_t)&r);
	q.handle = 0;
	ck_assert(sf_cell_keep(&q, entry_of(0, name, &r)));
	ck_assert_uint_eq(find(0, name), (uintptr_t)&r);
	r.object = &sf_object_global;
	r.verdict = SF_NEGATIVE;
	/* Negative ones end together, by a record that no handle has. */
	q.handle = (uintptr_t)&map;
	ck_assert(sf_cell_keep(&q, entry_of((uintptr_t)&map, name, &r)));
	ck_assert_uint_eq(referred(&q), SIZE_MAX);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, every_alignment_and_length);
	tcase_add_test(tests, a_name_at_a_page_end_is_not_read_past);
	tcase_add_test(tests, a_cell_that_was_never_written);
	tcase_add_test(tests, memcheck_sees_no_cells);
	tcase_add_test(tests, a_cell_of_another_handle_does_not_answer);
	tcase_add_test(tests, answers_that_are_no_value);
	tcase_add_test(tests, a_cell_that_is_being_written_does_not_answer);
	tcase_add_test(tests, a_child_whose_writer_is_gone);
	tcase_add_test(tests, a_cell_that_changes_hands);
	tcase_add_test(tests, a_version_has_a_cell_that_refers);
	tcase_add_test(tests, what_has_no_room_in_a_cell_has_one_that_refers);
	tcase_add_test(tests, a_reference_is_a_guess);
	tcase_add_test(tests, references_at_a_page_end);
	tcase_add_test(tests, answers_of_the_initial_set);
}
