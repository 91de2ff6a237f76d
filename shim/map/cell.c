// SPDX-License-Identifier: BSD-2-Clause
// cell.c: see cell.h: how cells are written.
#include "cell.h"

#include "../base/lock.h"
#include "self.h"

const struct sf_object sf_cell_reference = {.handle = 1}, sf_cell_no_value = {.handle = 1};

_Static_assert(SF_COUNTER_COUNT <= UINT8_MAX, "a reason fits a byte");

static void cell_repair_locked(void);
SF_LOCK(lock, cell_repair_locked);
static struct sf_cell *writing; /* the cell the lock's holder has made even */

static bool
cell_is_stale_locked(const struct sf_cell *c)
{
	const struct sf_object *lifetime = sf_cell_lifetime(c);

	if (c->seq == 0)
		return true;
	if (lifetime == &sf_cell_reference)
		return false; /* goes in its turn */
	if (lifetime == &sf_cell_no_value)
		lifetime = (const struct sf_object *)((uintptr_t)c->value &
						      ~(0xffull << SF_CELL_WHY_SHIFT));
	return !sf_object_is_gen(lifetime, c->gen);
}

/* Of the table that all threads share? */
static bool
cell_is_shared(const struct sf_cell *set)
{
	return (uintptr_t)set - (uintptr_t)sf_table.cells <= sf_cell_mask(sf_table.cells);
}

/* Where a cell goes: its own address's place, an unused or outdated one, the rarely written one. */
static struct sf_cell *
cell_place_locked(struct sf_cell *set, uint32_t tag)
{
	struct sf_cell *free = NULL;

	for (int i = 0; i < SF_CELL_WAYS; i++) {
		if ((set[i].tag == tag || set[i].tag == ~tag) && set[i].seq != 0)
			return &set[i];
		if (free == NULL && cell_is_stale_locked(&set[i]))
			free = &set[i];
	}
	if (free != NULL)
		return free;
	if (cell_is_shared(set))
		sf_layout_may_grow(&sf_table.cells_size);
	return &set[set[0].seq > set[1].seq];
}

/* A cell's content before it has a place. */
struct content {
	const struct sf_object *lifetime;
	void *value;
	uint32_t gen, tag, care;
	char name[SF_CELL_ROOM] __attribute__((aligned(8)));
};

static void
cell_set_lifetime(struct sf_cell *c, const struct sf_object *lifetime)
{
	sf_store_64(&c->lifetime, (uintptr_t)lifetime - (uintptr_t)c);
}

/*
 * The next even number, and the odd one after it. A reader makes an even number odd, so one more than an
 * even number is never used.
 */
static void
cell_begin_locked(struct sf_cell *c)
{
	writing = c;
	sf_store_32(&c->seq, (c->seq & ~1u) + 2);
	sf_fence_store(); /* readers that see new bytes see the even number first */
}

static void
cell_end_locked(struct sf_cell *c)
{
	sf_fence_store();
	sf_store_32(&c->seq, c->seq + 3);
	writing = NULL;
}

static void
cell_write_locked(struct sf_cell *c, const struct content *from)
{
	cell_begin_locked(c);
	cell_set_lifetime(c, from->lifetime);
	sf_fence_store(); /* a reader that sees the bytes below finds a lifetime */
	sf_store_ptr(&c->value, from->value);
	sf_store_32(&c->gen, from->gen);
	sf_store_32(&c->care, from->care);
	for (int i = 0; i < SF_CELL_ROOM; i += 8)
		sf_store_64((uint64_t *)(void *)&c->name[i],
			    *(const uint64_t *)(const void *)&from->name[i]);
	sf_store_32(&c->tag, from->tag);
	cell_end_locked(c);
}

/* Two writers of one set would leave a lifetime and a value that do not belong together. */
static void
cell_store(struct sf_cell *set, const struct content *from)
{
	if (!sf_lock_try(&lock))
		return;
	cell_write_locked(cell_place_locked(set, from->tag), from);
	sf_lock_release(&lock);
}

static void
cell_put_name(struct content *c, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		c->name[i] = (char)sf_load_8((const uint8_t *)&name[i]);
	c->care = (uint32_t)((1ull << n) - 1);
}

/*
 * A cell's lifetime is a record that has the question's handle; the answers of the executable's handle
 * share one that has not, so they take its own, which is as permanent.
 */
static const struct sf_object *
cell_lifetime_of(const struct sf_object *o, uintptr_t handle)
{
	if (handle == 0)
		handle = SF_OBJECT_DEFAULT;
	else if (o == &sf_object_permanent)
		o = sf_object_find((const void *)handle);
	return o != NULL && sf_load_64((const uint64_t *)&o->handle) == handle ? o : NULL;
}

/* What an entry says, as it was at one time. */
struct copy {
	struct content
		cell; /* without a tag; the name, padded with zeros, only if it is short and has no version */
	uint8_t verdict;
	bool fits;
};

/* False: it has changed meanwhile. */
static bool
cell_copy_entry(struct copy *to, const struct sf_entry *e)
{
	uint32_t seq = sf_load_32(&e->seq);
	size_t size;
	uint8_t what;

	sf_fence_load(); /* pairs with the writer's, as in sf_entry_answers */
	what = sf_load_8(&e->what);
	size = sf_load_16(&e->name_len);
	to->verdict = SF_WHAT_VERDICT(what);
	to->cell.gen = sf_load_32(&e->gen);
	to->cell.value = sf_load_ptr(&e->value);
	to->cell.lifetime =
		cell_lifetime_of(sf_load_ptr(&e->object), sf_load_64((const uint64_t *)&e->handle));
	to->fits = what == SF_WHAT(SF_KIND_SYM, SF_VALUE) && size <= SF_CELL_ROOM &&
		   to->cell.lifetime != NULL;
	if (to->fits)
		cell_put_name(&to->cell, e->name, size);
	sf_fence_load();
	return !(seq & 1) && sf_holds_32(&e->seq, seq);
}

void
sf_cell_mark(struct sf_cell *set, const char *name, const struct sf_object *lifetime, uint32_t gen,
	     uint8_t why)
{
	const struct content mark = {
		.tag = ~sf_cell_tag(name),
		.gen = gen,
		.lifetime = &sf_cell_no_value,
		.value = (void *)((uintptr_t)lifetime | (uint64_t)why << SF_CELL_WHY_SHIFT),
	};

	cell_store(set, &mark);
}

bool
sf_cell_keep(const struct sf_question *q, uint32_t entry)
{
	struct sf_cell *set = sf_cell_set_of(sf_table.cells, q);
	struct sf_entry *e = sf_table_entry(entry);
	struct content reference = {.lifetime = &sf_cell_reference,
				    .value = e,
				    .gen = 1}; /* one that the marker has not */
	struct copy c = {.fits = false};

	if (!sf_cell_has_room(q->name) || !cell_copy_entry(&c, e))
		return false;
	if (c.verdict == SF_PASS && c.cell.lifetime != NULL) {
		sf_cell_mark(set, q->name, c.cell.lifetime, c.cell.gen,
			     (uint8_t)(uintptr_t)c.cell.value);
		return true;
	}
	c.cell.tag = reference.tag = sf_cell_tag(q->name);
	cell_store(set, c.fits ? &c.cell : &reference);
	return true;
}

static void
cell_repair_locked(void)
{
	if (writing != NULL) {
		/* Half written: of no lifetime, so it matches nothing and is replaced first. */
		cell_begin_locked(writing);
		cell_set_lifetime(writing, &sf_cell_no_value);
		sf_store_ptr(&writing->value, (void *)(uintptr_t)&sf_cell_no_value);
		sf_store_32(&writing->gen, 1);
		cell_end_locked(writing);
	}
}

void
sf_cell_forked(void)
{
	sf_lock_reset(&lock);
	cell_repair_locked();
}
