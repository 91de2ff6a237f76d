// SPDX-License-Identifier: BSD-2-Clause
// tsan.c: table, objects and thread blocks under readers, writers and closers; built with TSan.
//
// What TSan cannot find here: in this build every sf_load_* is an acquire and every sf_store_* a release
// (base/atomic.h), because TSan knows no fences; the product has relaxed ones, and fences where the order
// matters. So a fence that is missing, or stands at the wrong place, is not seen, nor is the double-word
// swap of object.c, which is assembly. What it does find: plain accesses that race, and locks that do not
// protect. The orders have a model (tests/model/records.pml, sequentially consistent) and each fence names its pair.
//
// A hit is checked against what its question and its generation imply, so the program also finds
// wrong answers without a sanitizer. Without libcheck: forks and TSan do not go together.
#include "libc/next.h"
#include "map/cell.h"
#include "map/thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HANDLES 6
#define NAMES   40
#define READERS 3
#define ROUNDS  300000

static char path[] = "/lib/libunit.so";
static struct link_map initial = {.l_name = path};
static struct link_map maps[HANDLES];
static char names[NAMES][48];
static uint64_t hits[READERS], wrong;
static int done;

static void *
answer(unsigned int handle, unsigned int name, uint32_t gen)
{
	return (void *)(((uintptr_t)gen << 16) + handle * NAMES + name + 1);
}

/* `since` is the handle's generation before the question: no older lifetime may answer it. */
static void
check(const struct sf_reply *r, unsigned int handle, unsigned int name, uint32_t since,
      uint64_t *count)
{
	if (r->value != answer(handle, name, r->gen) || r->gen < since)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	++*count;
}

static void
look_up(unsigned int h, unsigned int n, uint64_t *count)
{
	struct sf_thread *t = &sf_thread;
	struct sf_question q = {
		.handle = (uintptr_t)&maps[h], .name = names[n], .kind = SF_KIND_SYM};
	uint32_t seq;
	const struct sf_cell *c =
		sf_cell_tagged(sf_cell_set(t->cells, q.handle, q.name), sf_cell_tag(q.name), &seq);
	struct sf_object *o = sf_object_find(&maps[h]);
	uint32_t since = o != NULL ? sf_load_32(sf_object_gen(o)) : 0;
	const struct sf_entry *e;
	struct sf_reply r;

	/* A cell tells the value only; the generation that it belongs to is in the value. */
	if (c != NULL && sf_cell_value(c, seq, q.handle, q.name, &r.value)) {
		r.gen = (uint32_t)((uintptr_t)r.value >> 16);
		check(&r, h, n, since, count);
		if (t->block != NULL && sf_thread_hit(t, SF_DLSYM_HIT))
			sf_thread_sample_next(t, t->n[SF_DLSYM_HIT]);
		return;
	}
	e = c != NULL ? sf_cell_entry(c, seq) : NULL;
	if (e != NULL && sf_entry_answers(e, q.handle, q.name, NULL, q.kind, &r)) {
		check(&r, h, n, since, count);
		return;
	}
	sf_table_hash(&q);
	if (sf_table_find(&q, &r)) {
		check(&r, h, n, since, count);
		sf_cell_keep(&q, r.entry);
		return;
	}
	r.object = o;
	if (!sf_table_seen(q.hash) || o == NULL || !sf_object_lifetime(r.object, &r.gen))
		return;
	r.value = answer(h, n, r.gen);
	r.verdict = SF_VALUE;
	if (sf_table_keep(&q, &r))
		sf_cell_keep(&q, r.entry);
}

static void *
read_and_learn(void *arg)
{
	uint64_t *count = arg;
	unsigned int x = (unsigned int)(count - hits) * 7919 + 1;

	sf_thread_attach(&sf_thread);
	for (int i = 0; i < ROUNDS; i++) {
		x = x * 1103515245 + 12345;
		look_up((x >> 8) % HANDLES, (x >> 16) % NAMES, count);
	}
	return NULL;
}

/* The part of libc: a handle is opened, and one that was opened a while ago is closed for good. */
static void *
open_and_close(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		struct link_map *l = &maps[i % HANDLES];
		struct sf_object *o;
		uint32_t gen;

		sf_object_opened(l);
		o = sf_object_find(l);
		if (o != NULL && sf_object_lifetime(o, &gen) && sf_object_elide(o, gen))
			sf_object_close(l, false);
		l = &maps[(i + HANDLES / 2) % HANDLES];
		o = sf_object_find(l);
		while (o != NULL && sf_object_lifetime(o, &gen))
			sf_object_close(l, false);
		sf_object_global_begin();
		sf_object_global_end();
		usleep(50);
	}
	return NULL;
}

static void *
come_and_go(void *arg)
{
	uint64_t count = 0;

	(void)arg;
	sf_thread_attach(&sf_thread);
	for (unsigned int i = 0; i < 200; i++)
		look_up(i % HANDLES, i % NAMES, &count);
	return NULL;
}

int
main(void)
{
	pthread_t readers[READERS], closer, guest;
	uint64_t all = 0;

	for (int i = 0; i < HANDLES; i++)
		maps[i].l_name = path;
	for (int i = 0; i < NAMES; i++)
		snprintf(names[i], sizeof(names[i]), "%.*s_%d", i % 30,
			 "a_name_of_some_length_or_other_", i);
	if (!sf_next_boot() || !sf_layout_init(256))
		return EXIT_FAILURE;
	sf_object_init(&initial, &initial);
	sf_thread_init();
	pthread_create(&closer, NULL, open_and_close, NULL);
	for (int i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, read_and_learn, &hits[i]);
	for (int i = 0; i < 60; i++) {
		pthread_create(&guest, NULL, come_and_go, NULL);
		sf_counters_sum(SF_MAP_INSERT);
		pthread_join(guest, NULL);
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i], NULL);
		all += hits[i];
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	pthread_join(closer, NULL);
	printf("%llu hits, %llu wrong, %llu answers kept\n", (unsigned long long)all,
	       (unsigned long long)wrong, (unsigned long long)sf_counters_sum(SF_MAP_INSERT));
	return all > 0 && wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
