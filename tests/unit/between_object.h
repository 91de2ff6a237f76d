// SPDX-License-Identifier: BSD-2-Clause
// between_object.h: records of handles beside what is true: what libc and the host really have.
#ifndef BETWEEN_OBJECT_H
#define BETWEEN_OBJECT_H

#include "boot.h"
#include "between.h"

#include "map/object.c"

#include "libc/next.h"
#include <stdio.h>
#include <string.h>

#ifdef __x86_64__

/* Not every program takes every step. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define HANDLES 6000

static struct link_map maps[HANDLES], first;
static char names[HANDLES][32];

/* What is true of a handle, whatever the records say. */
struct truth {
	uint32_t libc, host; /* references */
	uint32_t lifetime;   /* grows with each load */
};

static struct truth truth[HANDLES];
static struct link_map *one, *two;
static uint32_t wrongs;
static char wrong[200];

/* An answer, as a cell keeps it: where it counts, and which lifetime of which handle it is of. */
static struct kept {
	const struct sf_object *object;
	const struct link_map *handle;
	uint32_t gen, lifetime;
	bool dlopen; /* may be elided */
} kept[16];
static uint32_t keeps;

static struct truth *
truth_of(const void *handle)
{
	return &truth[(const struct link_map *)handle - maps];
}

/* One step each, as libc's own counts are under its lock. Returns what was there before. */
static uint32_t
more(uint32_t *count)
{
	return __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
}

static uint32_t
less(uint32_t *count)
{
	uint32_t n = __atomic_load_n(count, __ATOMIC_SEQ_CST);

	while (n > 0 && !__atomic_compare_exchange_n(count, &n, n - 1, false, __ATOMIC_SEQ_CST,
						     __ATOMIC_SEQ_CST))
		;
	return n;
}

static void
say_wrong(const char *what, const void *handle)
{
	if (wrongs++ == 0)
		snprintf(wrong, sizeof(wrong), "%s, handle %td", what,
			 (const struct link_map *)handle - maps);
}

/* ---- libc ---- */

static void
link_all(void)
{
	first.l_next = NULL;
	for (size_t i = 0; i < 2; i++) {
		struct link_map *l = i == 0 ? one : two;

		if (l != NULL && truth_of(l)->libc > 0 && first.l_next != l) {
			l->l_next = first.l_next;
			first.l_next = l;
		}
	}
}

static void
unload_notice(void)
{
	struct r_debug *d = (struct r_debug *)(uintptr_t)sf_next.debug;

	link_all();
	if (sf_object_ends_late)
		return; /* sf_object_end() must do without it */
	d->r_state = RT_DELETE;
	sf_object_moved(false);
	d->r_state = RT_CONSISTENT;
	sf_object_moved(true);
}

static void
libc_open(void *handle)
{
	unsigned long stepping = step_off();
	struct truth *t = truth_of(handle);

	if (t->libc++ == 0) {
		t->lifetime++;
		link_all();
	}
	step_on(stepping);
}

static void
libc_close(void *handle)
{
	unsigned long stepping = step_off();
	struct truth *t = truth_of(handle);

	if (t->libc == 0)
		say_wrong("closed in libc once too often", handle);
	else if (--t->libc == 0 && t->host > 0)
		say_wrong("unloaded while the host holds it", handle);
	if (t->libc == 0)
		unload_notice();
	step_on(stepping);
}

static bool
libc_replay(void *handle, const char *name)
{
	if (strcmp(name, ((struct link_map *)handle)->l_name) != 0)
		say_wrong("replayed under another name", handle);
	libc_open(handle);
	return true;
}

/* ---- what host and shim do ---- */

static void
open_real(struct link_map *l)
{
	uint32_t gen;
	bool loads = truth_of(l)->libc == 0;

	libc_open(l);
	gen = sf_object_opened(l);
	if (loads)
		sf_object_complete(l, gen);
	more(&truth_of(l)->host);
}

static void
close_it(struct link_map *l, bool real_first)
{
	int calls;

	if (less(&truth_of(l)->host) == 0)
		return;
	calls = sf_object_close(l, real_first);
	if (calls == SF_CLOSE_UNKNOWN)
		calls = 1;
	while (calls-- > 0)
		libc_close(l);
}

static void
check_kept(void)
{
	for (uint32_t i = 0; i < keeps; i++) {
		const struct kept *k = &kept[i];

		if (!sf_object_is_gen(k->object, k->gen))
			continue;
		if (truth_of(k->handle)->libc == 0 || truth_of(k->handle)->lifetime != k->lifetime)
			say_wrong("an answer outlives its object", k->handle);
		if (k->object->handle != (uintptr_t)k->handle)
			say_wrong("an answer counts under another handle", k->handle);
	}
}

static void
open_one(void)
{
	open_real(one);
}

static void
open_two(void)
{
	open_real(two);
}

static void
close_one(void)
{
	close_it(one, false);
}

static void
close_one_really(void)
{
	close_it(one, true);
}

static void
close_one_for_good(void)
{
	while (truth_of(one)->host > 0)
		close_it(one, false);
}

/* Who looks up in a handle holds it meanwhile. */
static void
adopt_one(void)
{
	uint32_t gen;

	if (less(&truth_of(one)->host) == 0)
		return;
	libc_open(one);
	if (sf_object_adopted(one, &gen) == NULL)
		libc_close(one);
	more(&truth_of(one)->host);
}

/* As learn.c does: the lifetime first, libc second. */
static void
learn_one(void)
{
	const struct sf_object *o;
	struct kept k = {.handle = one};
	uint32_t gen;

	if (less(&truth_of(one)->host) == 0)
		return;
	o = sf_object_find(one);
	if (o != NULL && sf_object_lifetime_of(o, one, &k.gen)) {
		k.object = o;
		k.lifetime = truth_of(one)->lifetime;
		k.dlopen = sf_object_whole_lifetime(o, one, &gen) && gen == k.gen;
		if (keeps < COUNT_OF(kept))
			kept[keeps++] = k;
	}
	more(&truth_of(one)->host);
}

static void
elide_one(void)
{
	for (uint32_t i = 0; i < keeps; i++) {
		const struct kept *k = &kept[i];

		if (!k->dlopen || k->handle != one ||
		    !sf_object_elide((struct sf_object *)(uintptr_t)k->object, k->gen))
			continue;
		more(&truth_of(one)->host);
		if (truth_of(one)->libc == 0 || truth_of(one)->lifetime != k->lifetime)
			say_wrong("a dlopen was answered of an object that is gone", one);
		return;
	}
}

static void
give_one_back(void)
{
	if (less(&truth_of(one)->host) > 0 && !sf_object_give_back(one))
		more(&truth_of(one)->host);
}

static void
retire_all(void)
{
	sf_object_retire_all(libc_replay, libc_close);
}

/* libc's own dlclose, got from its tables. */
static void
close_one_unseen(void)
{
	if (less(&truth_of(one)->host) > 0)
		libc_close(one);
}

/* ---- beginnings ---- */

static struct link_map *crowd[SF_OBJECT_WAYS + 1];

static void
start_objects(void)
{
	static char path[] = "/lib/first.so";
	size_t n = 0;

	first.l_name = path;
	ck_assert(unit_boot() && unit_changes());
	sf_next.main = sf_next.tail = &first;
	for (size_t i = 0; i < HANDLES; i++) {
		snprintf(names[i], sizeof(names[i]), "/lib/object-%04zu.so", i);
		maps[i].l_name = names[i];
	}
	for (size_t i = 0; i < HANDLES && n < COUNT_OF(crowd); i++)
		if (sf_object_set(&maps[i]) == sf_object_set(&maps[0]) &&
		    sf_object_set(&maps[i]) != sf_object_set(&first))
			crowd[n++] = &maps[i];
	ck_assert_uint_eq(n, COUNT_OF(crowd));
	one = crowd[0];
	two = crowd[SF_OBJECT_WAYS];
}

/* As at start: no record has a handle. */
static void
forget_all(void)
{
	memset(sf_object_records, 0, (sf_object_taken + 1) * sizeof(sf_object_records[0]));
	memset(sf_object_places, 0, sizeof(sf_object_places));
	sf_object_taken = spare = 0;
	sf_object_kept_no_more = 0;
	sf_object_ends_late = false;
	keeps = wrongs = 0;
	truth_of(one)->host = truth_of(one)->libc = 0;
	truth_of(two)->host = truth_of(two)->libc = 0;
	sf_object_init(&first, &first);
}

/* A set of eight closed records for nine handles: `two` has none, and takes the one of `one`. */
static void
begin_closed(long turn)
{
	(void)turn;
	forget_all();
	for (size_t i = 0; i < SF_OBJECT_WAYS; i++) {
		sf_object_opened(crowd[i]);
		sf_object_close(crowd[i], false);
	}
	/* The address has another file by now. */
	one->l_name = one->l_name == names[5] ? names[7] : names[5];
}

static void
begin_open(long turn)
{
	begin_closed(turn);
	open_one();
	learn_one();
}

/* Two references, and one that waits for the next dlopen. */
static void
begin_kept(long turn)
{
	begin_open(turn);
	open_one();
	close_one();
	open_one();
	open_one();
	close_one();
	ck_assert_uint_eq(truth_of(one)->libc, truth_of(one)->host + 1);
	learn_one();
}

/* More than anybody closes by hand, and one more. */
static void
begin_many(long turn)
{
	begin_open(turn);
	while (truth_of(one)->host < SF_OBJECT_ENOUGH)
		open_one();
	learn_one();
	elide_one();
	ck_assert_uint_eq(truth_of(one)->host, truth_of(one)->libc + 1);
}

/* Of two dlopens nothing is known: they were passed through. */
static void
begin_passed(long turn)
{
	begin_closed(turn);
	libc_open(one);
	libc_open(one);
	truth_of(one)->host = 2;
}

static void
begin_adopted(long turn)
{
	begin_passed(turn);
	adopt_one();
	learn_one();
}

/* ---- what must hold afterwards ---- */

static int64_t
ours(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);

	if (o == NULL || !SF_STATE_OPEN(o->state))
		return 0;
	return (int64_t)SF_STATE_REAL(o->state) - SF_STATE_HELD(o->state) +
	       ((o->state & SF_STATE_ADOPTED) != 0);
}

static void
check_name(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);
	const char *file;
	size_t len;

	if (o == NULL || !SF_STATE_OPEN(o->state))
		return;
	file = sf_object_file(o, &len);
	if (file != NULL && (strcmp(file, l->l_name) != 0 || len != strlen(file)))
		say_wrong("another object's name", l);
	if ((o->state & SF_STATE_WHOLE) && file == NULL)
		say_wrong("elided, without a name", l);
}

static void
check_safe(void)
{
	check_kept();
	check_name(one);
	check_name(two);
	ck_assert_msg(wrongs == 0, "%u wrong: %s", wrongs, wrong);
}

/* Every reference is accounted for, and the last dlclose of the host's is libc's last. */
static void
check_all(void)
{
	check_safe();
	for (int i = 0; i < 2; i++) {
		struct link_map *l = i == 0 ? one : two;
		struct truth *t = truth_of(l);

		ck_assert_int_eq((int64_t)t->libc - t->host, ours(l));
		while (t->host > 0)
			close_it(l, false);
		ck_assert_uint_eq(t->libc, 0);
	}
	check_safe();
}

typedef void step(void);

static void
all_pairs(void (*begin)(long), step *const *steps, size_t n, void (*check)(void))
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			const struct row r = {begin, steps[i], steps[k], check, NULL};

			between_way(&r);
		}
}

#endif
#endif
