// SPDX-License-Identifier: BSD-2-Clause
// mark.c: marks of what libc has to answer: they answer nothing, and give way to an answer.
#include "map/cell.h"
#include "observe/counters.h"
#include "unit.h"

const char unit_name[] = "mark";

static struct sf_object lifetime = {
	.state = SF_STATE_OF_GEN(1), .handle = 8, .file = "/lib/a.so", .file_len = 9};

static bool
keep(const char *name, const char *version, uintptr_t value, enum sf_verdict verdict)
{
	struct sf_question q = {.handle = lifetime.handle,
				.name = name,
				.version = version,
				.kind = version != NULL ? SF_KIND_VSYM : SF_KIND_SYM};
	struct sf_reply r = {.value = (void *)value,
			     .object = &lifetime,
			     .gen = SF_STATE_GEN(lifetime.state),
			     .verdict = (uint8_t)verdict};

	ck_assert(sf_table_hash(&q) && sf_table_keep(&q, &r));
	return sf_cell_keep(&q, r.entry);
}

static const struct sf_cell *
tagged(const char *name, uint32_t *seq)
{
	return sf_cell_tagged(sf_cell_set(sf_table.cells, lifetime.handle, name), sf_cell_tag(name),
			      seq);
}

static uintptr_t
find(const char *name)
{
	uint32_t seq;
	const struct sf_cell *c = tagged(name, &seq);
	void *value;

	return c != NULL && sf_cell_value(c, seq, lifetime.handle, name, &value) ? (uintptr_t)value
										 : 0;
}

/* The cell that marks this name's address, or NULL. */
static const struct sf_cell *
mark_of(const char *name)
{
	const struct sf_cell *set = sf_cell_set(sf_table.cells, lifetime.handle, name);

	for (int i = 0; i < SF_CELL_WAYS; i++)
		if (sf_cell_marked(&set[i], name))
			return &set[i];
	return NULL;
}

START_TEST(marks_answer_nothing)
{
	static const char name[] = "a name";
	uint32_t seq;

	ck_assert(sf_layout_init(1024));
	ck_assert(keep(name, NULL, 7, SF_VALUE));
	ck_assert_ptr_null(mark_of(name));
	ck_assert(keep(name, NULL, SF_BYPASS_UNPROVEN, SF_PASS));
	ck_assert(!find(name) && tagged(name, &seq) == NULL);
	ck_assert_ptr_nonnull(mark_of(name));
	ck_assert_uint_eq(sf_cell_mark_why(mark_of(name)), SF_BYPASS_UNPROVEN);
	/* An answer takes the mark's place, whichever it is. */
	ck_assert(keep(name, NULL, 9, SF_VALUE));
	ck_assert_ptr_null(mark_of(name));
	ck_assert_uint_eq(find(name), 9);
	ck_assert(keep(name, NULL, SF_BYPASS_UNPROVEN, SF_PASS));
	ck_assert(keep(name, NULL, 0, SF_NEGATIVE));
	ck_assert_ptr_null(mark_of(name));
}
END_TEST

/* What has no cell of its own is marked as well: a version, a long name. */
START_TEST(references_are_marked)
{
	static const char name[] = "a name", version[] = "V_1";
	static const char longer[] = "a name that is longer than a cell has room for";
	const struct sf_cell *set;

	ck_assert(sf_layout_init(1024));
	set = sf_cell_set(sf_table.cells, lifetime.handle + (uintptr_t)version, name);
	ck_assert(keep(name, version, 7, SF_VALUE));
	ck_assert(!sf_cell_marked(set, name) && sf_cell_set_entry(set, name) != NULL);
	ck_assert(keep(name, version, SF_BYPASS_UNPROVEN, SF_PASS));
	ck_assert(sf_cell_marked(set, name) && sf_cell_set_entry(set, name) == NULL);
	ck_assert(keep(name, version, 7, SF_VALUE));
	ck_assert(!sf_cell_marked(set, name) && sf_cell_set_entry(set, name) != NULL);
	ck_assert(keep(longer, NULL, 7, SF_VALUE));
	ck_assert_ptr_null(mark_of(longer));
	ck_assert(keep(longer, NULL, SF_BYPASS_UNPROVEN, SF_PASS));
	ck_assert_ptr_nonnull(mark_of(longer));
}
END_TEST

/* A mark whose lifetime has ended is the first to go. */
START_TEST(an_outdated_mark_gives_way)
{
	static char names[4096] __attribute__((aligned(4096))) = "x";
	struct sf_cell *set;

	ck_assert(sf_layout_init(1024));
	set = sf_cell_set(sf_table.cells, lifetime.handle, names);
	sf_cell_mark(set, names, &lifetime, SF_STATE_GEN(lifetime.state), SF_BYPASS_HANDLE);
	ck_assert(sf_cell_marked(set, names));
	lifetime.state += SF_STATE_OF_GEN(1);
	sf_cell_mark(set, names + 1, &lifetime, SF_STATE_GEN(lifetime.state), SF_BYPASS_HANDLE);
	ck_assert(sf_cell_marked(set, names + 1));
	sf_cell_mark(set, names + 2, &lifetime, SF_STATE_GEN(lifetime.state), SF_BYPASS_HANDLE);
	ck_assert(sf_cell_marked(set, names + 1) && sf_cell_marked(set + 1, names + 2));
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, marks_answer_nothing);
	tcase_add_test(tests, references_are_marked);
	tcase_add_test(tests, an_outdated_mark_gives_way);
}
