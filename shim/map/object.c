// SPDX-License-Identifier: BSD-2-Clause
// object.c: see object.h.
#include "object.h"

#include "../base/bytes.h"
#include "../base/lock.h"
#include "../base/sys.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../observe/churn.h"
#include "self.h"

#define GEN_LAST 0xfffffff0u /* a record that old is never opened again */

struct sf_object sf_object_permanent = {
	.state = SF_STATE_OF_GEN(1), .permanent = 1, .handle = SF_OBJECT_DEFAULT};

SF_GROWING struct sf_object sf_object_records[SF_OBJECT_MOST + 1];
uint16_t sf_object_places[SF_OBJECT_MOST];
uint32_t sf_object_taken;
static uint32_t spare; /* a record that was claimed and not needed, or 0 */
SF_LOCK(evict_lock, NULL);
SF_LOCK(name_lock, NULL);
uint8_t sf_object_kept_no_more;
bool sf_object_ends_late;

SF_START static void
object_put_name_locked(struct sf_object *o, const char *name, size_t n)
{
	sf_store_ptr(&o->named, name);
	/* As a rule the same file again. */
	if (n != 0 && n == sf_load_8(&o->file_len) && sf_bytes_same(o->file, name))
		return;
	sf_store_8(&o->file_len, 0);
	*sf_bytes_put(o->file, name, n) = '\0';
	sf_store_8(&o->file_len, (uint8_t)n);
}

/* Sets marks of a lifetime, if it runs still. */
static void
object_mark(struct sf_object *o, uint32_t gen, uint64_t marks)
{
	uint64_t s;

	do {
		s = sf_load_64(&o->state);
		if (SF_STATE_GEN(s) != gen || !SF_STATE_OPEN(s))
			return;
		sf_fence_release(); /* a reader that sees the mark sees what it says */
	} while (!sf_cas_64(&o->state, s, s | marks));
}

/*
 * Under the lock, while the lifetime is found without a name: there is no other writer, and no reader before the mark.
 * On contention the lifetime stays without a name until the next dlopen of the handle.
 */
static void
object_name_lifetime(struct sf_object *o, const struct link_map *l, uint32_t gen)
{
	size_t n = sf_bytes_length(l->l_name, SF_OBJECT_FILE_MAX);
	uint64_t s;

	if (n >= SF_OBJECT_FILE_MAX || !sf_lock_try(&name_lock))
		return;
	s = sf_load_64(&o->state);
	if (SF_STATE_GEN(s) == gen && !(s & SF_STATE_NAMED)) {
		object_put_name_locked(o, l->l_name, n);
		object_mark(o, gen, SF_STATE_NAMED);
	}
	sf_lock_release(&name_lock);
}

const char *
sf_object_file(const struct sf_object *o, size_t *len)
{
	if (!(sf_load_64(&o->state) & SF_STATE_NAMED))
		return NULL;
	sf_fence_load();
	*len = sf_load_8(&o->file_len);
	return *len != 0 ? o->file : NULL;
}

/* A record that has no place yet; 0: none is left. */
SF_START static uint32_t
object_take_record(void)
{
	uint32_t n = sf_swap_32(&spare, 0);

	if (n == 0 && sf_load_32(&sf_object_taken) < SF_OBJECT_MOST)
		n = sf_faa_32(&sf_object_taken, 1) + 1;
	return n <= SF_OBJECT_MOST ? n : 0;
}

/* Another thread has filled the place meanwhile. */
static void
object_leave_record(uint32_t n)
{
	sf_object_records[n].handle = 0;
	sf_fence_store(); /* pairs with the taker, which writes only when it has the number */
	sf_cas_32(&spare, 0, n);
}

/*
 * The first empty place of the handle's set gets a record. It keeps it, so places are filled in order,
 * and two threads that claim one for the same handle meet at the same place. Lock-free: a reference that
 * found no record for a moment would be missing from the count for good.
 */
SF_START static struct sf_object *
object_claim(const void *handle)
{
	uint16_t *set = sf_object_set(handle);
	struct sf_object *o = NULL;
	uint32_t mine = 0;

	for (int i = 0; i < SF_OBJECT_WAYS && o == NULL; i++) {
		if (sf_load_16(&set[i]) == 0) {
			mine = mine != 0 ? mine : object_take_record();
			if (mine == 0)
				return NULL;
			sf_store_64((uint64_t *)&sf_object_records[mine].handle, (uintptr_t)handle);
			sf_fence_store(); /* pairs with the dependency in sf_object_find() */
			if (sf_cas_16(&set[i], 0, (uint16_t)mine))
				return &sf_object_records[mine];
		}
		o = &sf_object_records[sf_load_16(&set[i])];
		if (sf_load_64((uint64_t *)&o->handle) != (uintptr_t)handle)
			o = NULL;
	}
	if (mine != 0)
		object_leave_record(mine);
	return o;
}

/*
 * In a set without empty places: the record of a handle whose lifetime ended long ago. Handle and generation
 * change as one pair, or not at all: the record is never seen without a handle, or with the former one's
 * state under the new one.
 */
static struct sf_object *
object_evict_locked(const void *handle)
{
	const uint16_t *set = sf_object_set(handle);

	for (int i = 0; i < SF_OBJECT_WAYS; i++) {
		struct sf_object *o = &sf_object_records[sf_load_16(&set[i])];
		uint64_t s = sf_load_64(&o->state), from[2], to[2];

		if (o == sf_object_records || o->permanent || SF_STATE_OPEN(s) ||
		    SF_STATE_GEN(s) >= GEN_LAST)
			continue;
		/* In whatever order the two are read: both are compared. */
		from[0] = s;
		from[1] = sf_load_64((uint64_t *)&o->handle);
		to[0] = SF_STATE_OF_GEN(SF_STATE_GEN(s) + 1);
		to[1] = (uintptr_t)handle;
		if (sf_cas_pair(o, from, to))
			return o;
	}
	return NULL;
}

static struct sf_object *
object_find_or_create(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);

	if (o == NULL)
		o = object_claim(handle);
	if (o != NULL || !sf_lock_try(&evict_lock))
		return o;
	o = sf_object_find(handle);
	if (o == NULL && sf_has_pairs())
		o = object_evict_locked(handle);
	sf_lock_release(&evict_lock);
	return o;
}

/* The range of an object of the initial set never changes. CONTRACT 20: a symbolic one is no plain caller. */
SF_START static void
object_note_caller(struct sf_object *o, const struct link_map *l)
{
	uintptr_t lo, hi;
	struct sf_elf e;

	if (!sf_facts_code(l, &lo, &hi) || !sf_elf_open(&e, l->l_addr, l->l_ld))
		return;
	o->plain = !e.symbolic;
	o->code_start = lo;
	o->code_size = hi - lo;
}

SF_START static void
object_put_name(struct sf_object *o, const struct link_map *l)
{
	size_t n = sf_bytes_length(l->l_name, SF_OBJECT_FILE_MAX);

	if (n >= SF_OBJECT_FILE_MAX)
		return;
	object_put_name_locked(o, l->l_name, n);
	o->state |= SF_STATE_NAMED;
}

SF_START void
sf_object_init(struct link_map *main, struct link_map *tail)
{
	for (struct link_map *l = main; l != NULL; l = l == tail ? NULL : l->l_next) {
		struct sf_object *o = object_claim(l);

		if (o == NULL)
			continue; /* a full set: treated like any other handle */
		o->permanent = 1;
		o->state = SF_STATE_OF_GEN(1);
		object_put_name(o, l);
		if (o->file_len != 0 || l == main)
			o->state |= SF_STATE_WHOLE;
		object_note_caller(o, l);
	}
}

/* Another thread that makes one meanwhile wins: a cell finds its lifetime by the handle alone. */
const struct sf_object *
sf_object_behind(struct sf_object *o)
{
	uint32_t mine = sf_load_16(&o->behind);
	struct sf_object *b;

	if (mine != 0 || (mine = object_take_record()) == 0)
		return mine != 0 ? &sf_object_records[mine] : NULL;
	b = &sf_object_records[mine];
	b->permanent = 1;
	b->state = SF_STATE_OF_GEN(1);
	b->handle = sf_object_behind_handle(o->handle);
	b->code_start = o->code_start;
	b->code_size = o->code_size;
	sf_fence_store(); /* pairs with the dependency of who finds its number */
	if (!sf_cas_16(&o->behind, 0, (uint16_t)mine)) {
		b->permanent = 0;
		b->state = 0;
		b->code_size = 0;
		object_leave_record(mine);
	}
	return &sf_object_records[sf_load_16(&o->behind)];
}

void
sf_object_reset_locks(void)
{
	sf_lock_reset(&evict_lock);
	sf_lock_reset(&name_lock);
}

bool
sf_object_initial(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);

	return o != NULL && o->permanent;
}

bool
sf_object_lifetime(const struct sf_object *o, uint32_t *gen)
{
	uint64_t s = sf_load_64(&o->state);

	*gen = SF_STATE_GEN(s);
	sf_fence_load(); /* the look-up in libc must not move before this load */
	return o->permanent || (SF_STATE_OPEN(s) && !sf_load_8(&sf_object_kept_no_more));
}

bool
sf_object_whole_lifetime(const struct sf_object *o, const void *handle, uint32_t *gen)
{
	uint64_t s = sf_load_64(&o->state);

	*gen = SF_STATE_GEN(s);
	return (s & SF_STATE_WHOLE) && SF_STATE_OPEN(s) && sf_object_has(o, handle) &&
	       !sf_load_8(&sf_object_kept_no_more);
}

#define OPENED (SF_STATE_REAL_ONE + 1)

static bool
object_has_room(uint64_t s, uint64_t what)
{
	if (what == SF_STATE_ADOPTED)
		return !(s & SF_STATE_ADOPTED);
	return SF_STATE_REAL(s) < SF_STATE_REAL_MAX && SF_STATE_HELD(s) < SF_STATE_HELD_MAX;
}

/* The state after one reference more; 0: the record cannot take it. */
static uint64_t
object_state_after(uint64_t s, bool permanent, uint64_t what)
{
	uint64_t again = what == OPENED && (s & SF_STATE_CLOSED) ? SF_STATE_AGAIN : 0;

	if (SF_STATE_OPEN(s) || permanent)
		return object_has_room(s, what) ? (s + what) | again : 0;
	if ((s & SF_STATE_WAITS) && what == OPENED)
		return (s & ~SF_STATE_WAITS) + what;
	return SF_STATE_GEN(s) < GEN_LAST ? SF_STATE_OF_GEN(SF_STATE_GEN(s) + 1) + what : 0;
}

static void
object_count_begun(const struct sf_object *o, uint32_t lifetimes)
{
	const char *file;
	size_t len;

	sf_count(SF_OBJECT_OPEN);
	file = sf_object_file(o, &len);
	/* Not its first lifetime: the address, and most likely the object, comes again. */
	if (lifetimes > 1 && file != NULL)
		sf_churn_add(file, 1, 0);
}

/* Adds `what` to the state of the handle's record, beginning a new lifetime if the record is closed. */
static struct sf_object *
object_add_reference(void *handle, uint64_t what, uint32_t *gen)
{
	uint64_t s, next;
	struct sf_object *o;

	do {
		if (sf_load_8(&sf_object_kept_no_more))
			return NULL;
		o = object_find_or_create(handle);
		if (o == NULL)
			return NULL;
		s = sf_load_64(&o->state);
		if (!sf_object_has(o, handle))
			continue; /* it has just passed to another one */
		next = object_state_after(s, o->permanent, what);
		if (next == 0)
			return NULL;
		sf_fence_release(); /* pairs with the acquire fence in sf_object_elide() */
		if (sf_cas_64(&o->state, s, next))
			break;
	} while (true);
	sf_fence_atomic_load(); /* pairs with the one in sf_object_retire_all(): it finds this lifetime, or is found */
	*gen = SF_STATE_GEN(next);
	if (!(next & SF_STATE_NAMED) && !o->permanent)
		object_name_lifetime(o, handle, *gen);
	if (!SF_STATE_OPEN(s) && !o->permanent)
		object_count_begun(o, *gen + ((s & SF_STATE_WAITS) != 0));
	return o;
}

uint32_t
sf_object_opened(void *handle)
{
	uint32_t gen;

	return object_add_reference(handle, OPENED, &gen) != NULL ? gen : 0;
}

void
sf_object_complete(const void *handle, uint32_t gen)
{
	struct sf_object *o = sf_object_find(handle);
	size_t len;

	if (o == NULL || gen == 0)
		return;
	/* Whose name the record cannot hold could not be replayed (CONTRACT 36). */
	if (sf_object_file(o, &len) != NULL && sf_object_has(o, handle))
		object_mark(o, gen, SF_STATE_WHOLE);
}

struct sf_object *
sf_object_adopted(void *handle, uint32_t *gen)
{
	return object_add_reference(handle, SF_STATE_ADOPTED, gen);
}

/* After the last close. The name stays: it is that of the link map, which stays if the generation does. */
static uint64_t
object_last_close(uint64_t s, bool permanent)
{
	if (permanent || !sf_object_ends_late)
		return sf_object_end_of(s, permanent);
	return SF_STATE_OF_GEN(SF_STATE_GEN(s)) | (s & SF_STATE_NAMED) | SF_STATE_WAITS;
}

static uint64_t
object_state_closed(uint64_t s, bool permanent, bool real_first)
{
	uint32_t real = SF_STATE_REAL(s), held = SF_STATE_HELD(s);

	if (held <= 1)
		return object_last_close(s, permanent);
	if (sf_object_may_keep(s) && !(real_first && real > 1))
		return s - 1;
	return (s - OPENED) | SF_STATE_CLOSED;
}

/* What libc is to be told of this step; an adopted lifetime's host has a reference that was never counted. */
static int
object_calls_of(uint64_t s, uint64_t next)
{
	if (SF_STATE_OPEN(next))
		return (int)(SF_STATE_REAL(s) - SF_STATE_REAL(next));
	return (int)SF_STATE_REAL(s) + ((s & SF_STATE_ADOPTED) != 0) + (SF_STATE_HELD(s) == 0);
}

int
sf_object_close(void *handle, bool real_first)
{
	struct sf_object *o = sf_object_find(handle);
	uint64_t s, next;

	if (o == NULL)
		return SF_CLOSE_UNKNOWN;
	do {
		s = sf_load_64(&o->state);
		if (!sf_object_has(o, handle) || (!SF_STATE_OPEN(s) && SF_STATE_HELD(s) == 0))
			return SF_CLOSE_UNKNOWN;
		next = object_state_closed(s, o->permanent, real_first);
		sf_fence_release(); /* our use of the object ends before another's last close */
	} while (!sf_cas_64(&o->state, s, next));
	if (!o->permanent && !SF_STATE_OPEN(next)) {
		sf_fence_full(); /* every thread sees the end of this lifetime before libc unloads */
		sf_count(SF_OBJECT_CLOSE);
	}
	return object_calls_of(s, next);
}

void
sf_object_end(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);
	uint64_t s;

	if (o == NULL || o->permanent)
		return;
	do {
		s = sf_load_64(&o->state);
		if (!sf_object_has(o, handle) || SF_STATE_OPEN(s) || !SF_STATE_RUNS(s))
			return;
	} while (!sf_cas_64(&o->state, s, sf_object_end_of(s, false)));
	sf_fence_full(); /* every thread sees the end before libc unloads */
}
