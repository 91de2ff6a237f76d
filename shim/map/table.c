// SPDX-License-Identifier: BSD-2-Clause
// table.c: see table.h.
#include "table.h"

#include "../base/lock.h"
#include "../base/sys.h"
#include "self.h"

#define SLABS_AT_ONCE 16
#define UNIT          64u
#define CLASSES       7 /* 64, 128, ... 4096 bytes */
#define CLOCK_STEPS   64

uint8_t sf_table_damaged;

static void table_repair_locked(void);
SF_LOCK(lock, table_repair_locked);
static struct sf_entry *writing;    /* the entry the lock's holder has made odd */
static uint32_t free_head[CLASSES]; /* entry numbers; linked through `gen` */
static uint64_t hand[CLASSES];      /* CLOCK: running number of the next candidate */

static void
table_repair_locked(void)
{
	if (writing != NULL) {
		/* Half written: matches no question, evicted in its turn. */
		writing->what = SF_WHAT(SF_KIND_NONE, 0);
		sf_store_32(&writing->seq, (writing->seq | 1) + 1);
		writing = NULL;
	}
}

void
sf_table_forked(void)
{
	sf_lock_reset(&lock);
	table_repair_locked();
}

bool
sf_table_hash(struct sf_question *q)
{
	struct sf_short name;
	uint64_t h;

	q->name_len = (uint32_t)sf_bytes_length(q->name, SF_NAME_MAX) + 1;
	q->version_len = 0;
	if (q->kind == SF_KIND_VSYM)
		q->version_len = (uint32_t)sf_bytes_length(q->version, SF_NAME_MAX) + 1;
	if (q->name_len + q->version_len > SF_NAME_MAX)
		return false;
	if (q->kind != SF_KIND_VSYM && sf_bytes_load_short(q->name, &name)) {
		q->hash = sf_table_hash_short(&name, q->handle, q->kind);
		return true;
	}
	h = sf_bytes_hash(q->name, q->name_len - 1, sf_table.seed);
	h ^= (q->handle + q->kind) * 0x9e3779b97f4a7c15ull;
	if (q->kind == SF_KIND_VSYM)
		h ^= sf_bytes_hash(q->version, q->version_len - 1, ~sf_table.seed);
	h *= 0xd6e8feb86659fd93ull;
	q->hash = h ^ h >> 32;
	return true;
}

bool
sf_table_find(const struct sf_question *q, struct sf_reply *r)
{
	const uint64_t *set = sf_table_set(q->hash);

	for (int i = 0; i < SF_TABLE_WAYS; i++) {
		uint64_t slot = sf_load_64(&set[i]);
		struct sf_entry *e;

		if ((slot ^ q->hash) >> 32 != 0 || (uint32_t)slot == 0)
			continue;
		e = sf_table_entry((uint32_t)slot);
		if (!sf_entry_answers(e, q->handle, q->name, q->version, q->kind, r))
			continue;
		if (!sf_load_8(&e->ref))
			sf_store_8(&e->ref, 1);
		r->entry = (uint32_t)slot;
		return true;
	}
	return false;
}

/*
 * A bucket is the last four fingerprints in one word, newest first: names that share a bucket do
 * not push each other out for ever. The test for a zero lane is Mycroft's.
 */
bool
sf_table_seen(uint64_t hash)
{
	const uint64_t ones = 0x0001000100010001ull, tops = ones << 15;
	uint64_t *bucket = &sf_table.doorkeeper[(hash >> 8) & sf_table.doorkeeper_mask];
	uint64_t print = hash >> 48 != 0 ? hash >> 48 : 1, prints = sf_load_64(bucket);
	uint64_t differ = prints ^ print * ones;

	if ((differ - ones) & ~differ & tops)
		return true;
	if (sf_unlikely(prints >> 48 != 0))
		sf_layout_may_grow(&sf_table.doorkeeper_size);
	sf_store_64(bucket, prints << 16 | print);
	return false;
}

/* ---- entries, under the lock ---- */

static void
table_begin_write_locked(struct sf_entry *e)
{
	writing = e;
	sf_store_32(&e->seq, e->seq | 1);
	sf_fence_store(); /* readers that see new bytes see the odd number first */
}

static void
table_end_write_locked(struct sf_entry *e)
{
	sf_fence_store();
	sf_store_32(&e->seq, e->seq + 1);
	writing = NULL;
}

static uint32_t
table_number_of(const struct sf_entry *e)
{
	return (uint32_t)(((const char *)e - sf_table.entries) / UNIT);
}

static void
table_free_locked(struct sf_entry *e)
{
	table_begin_write_locked(e);
	sf_store_8(&e->what, SF_WHAT(SF_KIND_NONE, 0));
	sf_store_32(&e->gen, free_head[e->size_class]);
	writing = NULL; /* stays odd while it is free */
	free_head[e->size_class] = table_number_of(e);
}

static bool
table_is_stale(const struct sf_entry *e)
{
	return e->object == NULL || !sf_object_is_gen(e->object, e->gen);
}

static uint64_t
table_hash_of(const struct sf_entry *e)
{
	struct sf_question q = {
		.handle = e->handle,
		.name = e->name,
		.version = e->version_len != 0 ? e->name + e->name_len : NULL,
		.kind = SF_WHAT_KIND(e->what),
	};

	sf_table_hash(&q);
	return q.hash;
}

static void
table_unlink_locked(const struct sf_entry *e)
{
	uint64_t *set = sf_table_set(table_hash_of(e));
	uint32_t n = table_number_of(e);

	for (int i = 0; i < SF_TABLE_WAYS; i++)
		if ((uint32_t)set[i] == n) {
			sf_store_64(&set[i], 0);
			sf_table.index_used--;
		}
}

/*
 * Half full: four times as large. A set's slots go to four sets; a reader misses one that moves just then. The new mask
 * comes last, so that what a thread leaves half done is found where it was, or forgotten.
 */
static void
table_grow_index_locked(void)
{
	struct sf_layout_size *size = &sf_table.index_size;
	uint64_t sets = size->sets, mask = sf_layout_larger(size) - 1;

	for (uint64_t n = 0; n < sets * SF_TABLE_WAYS; n++) {
		uint64_t slot = sf_table.index[n], *to;

		if ((uint32_t)slot == 0)
			continue;
		to = sf_table.index +
		     (table_hash_of(sf_table_entry((uint32_t)slot)) & mask) * SF_TABLE_WAYS +
		     n % SF_TABLE_WAYS;
		if (to == &sf_table.index[n])
			continue;
		sf_store_64(to, slot);
		sf_store_64(&sf_table.index[n], 0);
	}
	size->sets = (uint32_t)mask + 1;
	sf_store_64(&sf_table.index_mask, mask);
}

static void
table_use_slot_locked(uint64_t *slot, uint64_t with)
{
	sf_table.index_used += (uint32_t)*slot == 0;
	sf_store_64(slot, with);
	if (sf_unlikely(sf_table.index_used > sf_table.index_size.sets * (SF_TABLE_WAYS / 2)) &&
	    sf_table.index_size.sets < sf_table.index_size.most)
		table_grow_index_locked();
}

static bool
table_open_slabs_locked(void)
{
	uint32_t more = sf_table.slabs - sf_table.slabs_open < SLABS_AT_ONCE
				? sf_table.slabs - sf_table.slabs_open
				: SLABS_AT_ONCE;

	if (!sf_sys_open(sf_table.entries + (size_t)sf_table.slabs_open * SF_SLAB,
			 (size_t)more * SF_SLAB))
		return false;
	sf_table.slabs_open += more;
	return true;
}

static void
table_carve_locked(unsigned int size_class)
{
	uint32_t units = 1u << size_class, first = sf_table.slabs_used * (SF_SLAB / UNIT);

	if (sf_table.slabs_used >= sf_table.slabs_open && !table_open_slabs_locked())
		return;
	sf_table.slab_class[sf_table.slabs_used++] = (uint8_t)(size_class + 1);
	for (uint32_t n = SF_SLAB / UNIT; n > 0; n -= units) {
		struct sf_entry *e = sf_table_entry(first + n - units);

		e->size_class = (uint8_t)size_class;
		table_free_locked(e);
	}
}

/* CLOCK over all entries of the class, slab after slab; NULL if the class has no slab at all. */
static struct sf_entry *
table_victim_locked(unsigned int size_class)
{
	uint32_t per_slab = SF_SLAB / UNIT >> size_class;
	uint64_t total = (uint64_t)sf_table.slabs_used * per_slab;
	struct sf_entry *e = NULL;

	for (uint64_t looked = 0, steps = 0; looked < total && steps < CLOCK_STEPS; looked++) {
		uint64_t at = hand[size_class]++ % total;
		uint32_t slab = (uint32_t)(at / per_slab);

		if (sf_table.slab_class[slab] != size_class + 1) {
			/* Skip the rest of a slab of another class. */
			hand[size_class] += per_slab - 1 - at % per_slab;
			looked += per_slab - 1 - at % per_slab;
			continue;
		}
		e = sf_table_entry(slab * (SF_SLAB / UNIT) +
				   (uint32_t)(at % per_slab << size_class));
		steps++;
		if (!sf_load_8(&e->ref) || table_is_stale(e))
			break;
		sf_store_8(&e->ref, 0);
	}
	return e;
}

static void
table_evict_locked(struct sf_entry *e)
{
	table_unlink_locked(e);
	table_free_locked(e);
	sf_count(SF_MAP_EVICT);
}

/* What the free list leads to. Anything else is memory that was overwritten. */
static bool
table_is_free(const struct sf_entry *e, unsigned int size_class)
{
	return table_number_of(e) < sf_table.slabs_used * (SF_SLAB / UNIT) && (e->seq & 1) &&
	       e->size_class == size_class && SF_WHAT_KIND(e->what) == SF_KIND_NONE;
}

static struct sf_entry *
table_allocate_locked(size_t size)
{
	unsigned int size_class = 0;
	struct sf_entry *e;

	while (((size_t)UNIT << size_class) < size)
		size_class++;
	if (free_head[size_class] == 0 && sf_table.slabs_used < sf_table.slabs)
		table_carve_locked(size_class);
	if (free_head[size_class] == 0) {
		e = table_victim_locked(size_class);
		if (e == NULL) {
			sf_count(SF_MAP_FULL);
			return NULL;
		}
		table_evict_locked(e);
	}
	e = sf_table_entry(free_head[size_class]);
	if (sf_unlikely(!table_is_free(e, size_class))) {
		sf_store_8(&sf_table_damaged, 1);
		free_head[size_class] = 0;
		return NULL;
	}
	free_head[size_class] = e->gen;
	return e;
}

/* A slot of the set for a new entry: an empty one, or that of a victim by CLOCK. */
static uint64_t *
table_slot_locked(uint64_t *set, uint64_t hash)
{
	uint64_t *oldest = NULL;

	for (int i = 0; i < SF_TABLE_WAYS; i++)
		if ((uint32_t)set[i] == 0)
			return &set[i];
	for (int i = 0; i < SF_TABLE_WAYS && oldest == NULL; i++) {
		struct sf_entry *e = sf_table_entry((uint32_t)set[i]);

		if (!sf_load_8(&e->ref) || table_is_stale(e))
			oldest = &set[i];
		sf_store_8(&e->ref, 0);
	}
	if (oldest == NULL)
		oldest = &set[hash >> 61];
	table_evict_locked(sf_table_entry((uint32_t)*oldest));
	return oldest;
}

/* The entry that holds the same question from an earlier lifetime, or NULL. */
static struct sf_entry *
table_same_question_locked(const struct sf_question *q, uint64_t *set)
{
	for (int i = 0; i < SF_TABLE_WAYS; i++) {
		struct sf_entry *e = sf_table_entry((uint32_t)set[i]);

		if ((set[i] ^ q->hash) >> 32 != 0 || (uint32_t)set[i] == 0)
			continue;
		if (e->handle == q->handle && SF_WHAT_KIND(e->what) == q->kind &&
		    e->name_len == q->name_len && e->version_len == q->version_len &&
		    sf_bytes_same(e->name, q->name) &&
		    (q->version_len == 0 || sf_bytes_same(e->name + q->name_len, q->version)))
			return e;
	}
	return NULL;
}

static void
table_write_locked(struct sf_entry *e, const struct sf_question *q, const struct sf_reply *r)
{
	table_begin_write_locked(e);
	sf_store_64((uint64_t *)&e->handle, q->handle);
	sf_store_ptr(&e->object, r->object);
	sf_store_32(&e->gen, r->gen);
	sf_store_ptr(&e->value, r->value);
	sf_store_16(&e->name_len, (uint16_t)q->name_len);
	sf_store_16(&e->version_len, (uint16_t)q->version_len);
	sf_store_8(&e->ref, 1);
	sf_bytes_store(e->name, q->name, q->name_len);
	if (q->version_len != 0)
		sf_bytes_store(e->name + q->name_len, q->version, q->version_len);
	sf_store_8(&e->what, SF_WHAT(q->kind, r->verdict));
	table_end_write_locked(e);
}

bool
sf_table_keep(const struct sf_question *q, struct sf_reply *r)
{
	size_t size = offsetof(struct sf_entry, name) + q->name_len + q->version_len;
	uint64_t *set, *slot;
	struct sf_entry *e;

	if (!sf_lock_try(&lock))
		return false;
	set = sf_table_set(q->hash);
	e = table_same_question_locked(q, set);
	if (e != NULL) {
		table_write_locked(e, q, r);
	} else {
		e = table_allocate_locked(size);
		if (e == NULL) {
			sf_lock_release(&lock);
			return false;
		}
		slot = table_slot_locked(set, q->hash);
		table_write_locked(e, q, r);
		table_use_slot_locked(slot, (q->hash >> 32) << 32 | table_number_of(e));
	}
	r->entry = table_number_of(e);
	sf_lock_release(&lock);
	sf_count(SF_MAP_INSERT);
	return true;
}
