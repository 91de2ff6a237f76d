// SPDX-License-Identifier: BSD-2-Clause
// between_retained.c: R12: records of objects that stay mapped when they are closed; as between_object.c.
#include "between_object.h"

const char unit_name[] = "between_retained";

#ifdef __x86_64__

/* ---- a closed object that is retained: as shim/retain does it ---- */

static volatile bool
	loader_locked; /* by what is being stepped through; who comes in between does not wait */
static volatile bool retained; /* closed, and the host's last reference is ours */
static bool retains;

static bool
is_open(const void *handle)
{
	const struct sf_object *o = sf_object_find(handle);

	return o != NULL && SF_STATE_OPEN(sf_load_64(&o->state));
}

static void
open_late(void)
{
	if (loader_locked)
		return;
	loader_locked = true;
	if (retained)
		retained = false;
	else
		libc_open(one);
	loader_locked = false;
	sf_object_opened(one);
	more(&truth_of(one)->host);
}

static void
unload_late(void)
{
	loader_locked = true;
	if (!is_open(one) && retains && !retained) {
		retained = true;
	} else {
		sf_object_end(one);
		libc_close(one);
	}
	loader_locked = false;
}

static void
close_late(void)
{
	int calls;

	if (loader_locked || less(&truth_of(one)->host) == 0)
		return;
	calls = sf_object_close(one, false);
	if (calls == SF_CLOSE_UNKNOWN)
		calls = 1;
	if (calls == 0)
		return;
	while (calls-- > 1)
		libc_close(one);
	unload_late();
}

static void
release_late(void)
{
	if (loader_locked)
		return;
	loader_locked = true;
	if (retained) {
		retained = false;
		sf_object_end(one);
		libc_close(one);
	}
	loader_locked = false;
}

/* Something was learnt, and the record waits. */
static void
begin_retained(long turn)
{
	retained = loader_locked = false;
	begin_open(turn);
	sf_object_ends_late = retains = true;
	close_late();
	ck_assert(retained && !is_open(one) && sf_object_is_gen(kept[0].object, kept[0].gen));
}

static void
begin_reopened(long turn)
{
	begin_retained(turn);
	open_late();
	ck_assert(sf_object_is_gen(kept[0].object, kept[0].gen));
}

/* Its next last close is a real one. */
static void
begin_refused(long turn)
{
	begin_reopened(turn);
	retains = false;
}

static void
check_late(void)
{
	struct truth *t = truth_of(one);

	check_safe();
	ck_assert_int_eq((int64_t)t->libc - t->host - retained, ours(one));
	while (t->host > 0)
		close_late();
	check_safe();
	release_late();
	ck_assert_uint_eq(t->libc, 0);
	check_safe();
}

static step *const late[] = {open_late, close_late, release_late, learn_one,
			     elide_one, adopt_one,  retire_all,   open_two};

/* R12 */
START_TEST(of_a_retained_object)
{
	start_objects();
	all_pairs(begin_retained, late, COUNT_OF(late), check_late);
	all_pairs(begin_reopened, late, COUNT_OF(late), check_late);
	all_pairs(begin_refused, late, COUNT_OF(late), check_late);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_set_timeout(tests, 250);
	tcase_add_test(tests, of_a_retained_object);
}
#endif
