// SPDX-License-Identifier: BSD-2-Clause
// object.c: see object.h.
#include "object.h"

#include "../base/bytes.h"
#include "../base/lock.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../observe/churn.h"
#include "thread.h"

#define HANDLE_NONE  1           /* no link map stands there */
#define GEN_LAST     0xfffffff0u /* a record that old is never opened again */
#define GLOBAL_FIRST 1u

struct sf_object sf_object_permanent = {.gen = 1, .permanent = 1, .handle = SF_OBJECT_DEFAULT};
struct sf_object sf_object_global = {.gen = GLOBAL_FIRST, .handle = SF_OBJECT_DEFAULT};

SF_GROWING struct sf_object sf_object_records[SF_OBJECT_MOST + 1];
uint16_t sf_object_places[SF_OBJECT_MOST];
static uint32_t taken, spare; /* records so far; one of them that nobody needed after all, or 0 */
static struct sf_lock evict_lock = SF_LOCK_INIT;
static uint32_t naming;         /* threads that write a name into a closed record */
static uint32_t global_loading; /* RTLD_GLOBAL loads under way; ck_pr, any thread */
static uint8_t retired;

SF_START static void
name_record(struct sf_object *o, const struct link_map *l)
{
	size_t n = sf_bytes_length(l->l_name, SF_OBJECT_FILE_MAX);

	sf_store_ptr(&o->named, l->l_name);
	/* As a rule the same file again; and another thread may have begun this very life by now. */
	if (n != 0 && n == sf_load_8(&o->file_len) && sf_bytes_same(o->file, l->l_name))
		return;
	sf_store_8(&o->file_len, 0);
	if (n < SF_OBJECT_FILE_MAX) {
		*sf_bytes_put(o->file, l->l_name, n) = '\0';
		sf_fence_store();
		sf_store_8(&o->file_len, (uint8_t)n);
	}
}

/*
 * Takes a closed record from its handle. The handle is made impossible first: who found the record
 * under its old handle and opens it now either wins the state, or sees that it is no longer his.
 */
static bool
evict_record_locked(struct sf_object *o)
{
	uintptr_t old = o->handle;
	uint64_t s, next;

	sf_store_64((uint64_t *)&o->handle, HANDLE_NONE);
	sf_fence_full(); /* pairs with the one in begin_life(): its name is seen, or it sees this */
	s = sf_load_64(&o->state);
	next = (uint64_t)(SF_STATE_GEN(s) + 1) << 32;
	if (sf_load_32(&naming) != 0 || SF_STATE_OPEN(s) || SF_STATE_GEN(s) >= GEN_LAST ||
	    !sf_cas_64(&o->state, s, next)) {
		sf_store_64((uint64_t *)&o->handle, old);
		return false;
	}
	sf_store_32(&o->gen, SF_STATE_GEN(next));
	return true;
}

/* A record that has no place yet; 0: none is left. */
SF_START static uint32_t
take_record(void)
{
	uint32_t n = sf_swap_32(&spare, 0);

	if (n == 0 && sf_load_32(&taken) < SF_OBJECT_MOST)
		n = sf_faa_32(&taken, 1) + 1;
	return n <= SF_OBJECT_MOST ? n : 0;
}

/* Another thread has filled the place meanwhile. */
static void
leave_record(uint32_t n)
{
	sf_object_records[n].handle = 0;
	sf_fence_store(); /* pairs with the full fence of whoever takes it */
	sf_cas_32(&spare, 0, n);
}

/*
 * The first empty place of the handle's set gets a record. It keeps it, so places are filled in order,
 * and two threads that claim one for the same handle meet at the same place. Lock-free: a reference that
 * found no record for a moment would be missing from the books for good.
 */
SF_START static struct sf_object *
claim(const void *handle)
{
	uint16_t *set = sf_object_set(handle);
	struct sf_object *o = NULL;
	uint32_t mine = 0;

	for (int i = 0; i < SF_OBJECT_WAYS && o == NULL; i++) {
		if (sf_load_16(&set[i]) == 0) {
			mine = mine != 0 ? mine : take_record();
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
		leave_record(mine);
	return o;
}

/* In a set without empty places: the record of a handle whose life ended long ago. */
static struct sf_object *
evict_locked(const void *handle)
{
	const uint16_t *set = sf_object_set(handle);

	for (int i = 0; i < SF_OBJECT_WAYS; i++) {
		struct sf_object *o = &sf_object_records[sf_load_16(&set[i])];

		if (o == sf_object_records || o->permanent ||
		    SF_STATE_OPEN(sf_load_64(&o->state)) || !evict_record_locked(o))
			continue;
		sf_store_64((uint64_t *)&o->handle, (uintptr_t)handle);
		return o;
	}
	return NULL;
}

static struct sf_object *
find_or_create(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);

	if (o == NULL)
		o = claim(handle);
	if (o != NULL || !sf_lock_try(&evict_lock))
		return o;
	o = sf_object_find(handle);
	if (o == NULL)
		o = evict_locked(handle);
	sf_lock_release(&evict_lock);
	return o;
}

/*
 * CONTRACT 20: RTLD_DEFAULT of an object of the initial set that is not symbolic is a look-up in the
 * global scope. The range of such an object never changes.
 */
SF_START static void
note_plain_caller(struct sf_object *o, const struct link_map *l)
{
	struct link_map *found;
	uintptr_t lo, hi;
	struct sf_elf e;

	if (!sf_facts_object(l->l_ld, &found, &lo, &hi) || found != l ||
	    !sf_elf_open(&e, l->l_addr, l->l_ld) || e.symbolic)
		return;
	o->code_start = lo;
	o->code_size = hi - lo;
}

SF_START void
sf_object_init(struct link_map *main, struct link_map *tail)
{
	for (struct link_map *l = main; l != NULL; l = l == tail ? NULL : l->l_next) {
		struct sf_object *o = claim(l);

		if (o == NULL)
			continue; /* a full set: treated like any other handle */
		o->permanent = 1;
		o->gen = 1;
		o->state = 1ull << 32;
		name_record(o, l);
		o->elidable = o->file_len != 0 || l == main;
		note_plain_caller(o, l);
	}
}

void
sf_object_reset_locks(void)
{
	sf_lock_reset(&evict_lock);
	sf_store_32(&naming, 0);
}

bool
sf_object_initial(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);

	return o != NULL && o->permanent;
}

bool
sf_object_life(const struct sf_object *o, uint32_t *gen)
{
	uint64_t s = sf_load_64(&o->state);

	*gen = SF_STATE_GEN(s);
	sf_fence_load(); /* the look-up in libc must not move before this load */
	return o->permanent || (SF_STATE_OPEN(s) && !sf_load_8(&retired));
}

/*
 * The name is written before the state says open. Several threads that open one handle may write it,
 * the same one: libc returns an address again only after its last close, which closed the record. No
 * record is taken from its handle meanwhile, or the name would be another one's.
 */
static bool
begin_life(struct sf_object *o, void *handle, uint64_t s, uint64_t next)
{
	bool ours;

	sf_faa_32(&naming, 1);
	sf_fence_full(); /* pairs with the one in evict_record_locked() */
	ours = sf_load_64((uint64_t *)&o->handle) == (uintptr_t)handle;
	if (ours)
		name_record(o, handle);
	ours = ours && sf_cas_64(&o->state, s, next);
	sf_faa_32(&naming, -1u);
	return ours;
}

/* Adds `what` to the state of the handle's record, beginning a new life if the record is closed. */
static bool
add_reference(void *handle, uint64_t what, uint32_t *gen)
{
	struct sf_object *o;

	if (sf_load_8(&retired))
		return false;
	o = find_or_create(handle);
	if (o == NULL)
		return false;
	for (;;) {
		uint64_t s = sf_load_64(&o->state), next = s + what;
		bool begins = !SF_STATE_OPEN(s) && !o->permanent;

		if (sf_load_64((uint64_t *)&o->handle) != (uintptr_t)handle)
			return false;
		if (what == SF_STATE_ADOPTED && (s & SF_STATE_ADOPTED))
			return false;
		if (what == SF_STATE_REAL_ONE && SF_STATE_REAL(s) == SF_STATE_REAL_MAX)
			return false;
		if (begins && SF_STATE_GEN(s) >= GEN_LAST)
			return false;
		if (begins)
			next += 1ull << 32;
		if (!(begins ? begin_life(o, handle, s, next) : sf_cas_64(&o->state, s, next)))
			continue;
		sf_store_32(&o->gen, SF_STATE_GEN(next));
		*gen = SF_STATE_GEN(next);
		if (SF_STATE_GEN(next) != SF_STATE_GEN(s)) {
			sf_count(SF_OBJECT_OPEN);
			/* Not its first life: the address, and most likely the object, comes again. */
			if (SF_STATE_GEN(next) > 1)
				sf_churn_add(o->file, 1, 0);
		}
		return true;
	}
}

void
sf_object_opened(void *handle)
{
	uint32_t gen;

	add_reference(handle, SF_STATE_REAL_ONE, &gen);
}

void
sf_object_complete(const void *handle)
{
	struct sf_object *o = sf_object_find(handle);
	const struct link_map *l = handle;

	/* Whose name the record cannot hold could not be replayed (CONTRACT 36). */
	if (o != NULL &&
	    sf_bytes_length(l->l_name, SF_OBJECT_FILE_MAX) - 1u < SF_OBJECT_FILE_MAX - 1u)
		sf_store_8(&o->elidable, 1);
}

bool
sf_object_adopted(void *handle, uint32_t *gen)
{
	return add_reference(handle, SF_STATE_ADOPTED, gen);
}

enum sf_close
sf_object_close(void *handle, bool real_first)
{
	struct sf_object *o = sf_object_find(handle);
	uint64_t s, next;
	bool elided;

	if (o == NULL)
		return SF_CLOSE_UNKNOWN;
	do {
		s = sf_load_64(&o->state);
		if (sf_load_64((uint64_t *)&o->handle) != (uintptr_t)handle ||
		    (!SF_STATE_OPEN(s) && SF_STATE_ELIDED(s) == 0))
			return SF_CLOSE_UNKNOWN;
		elided = SF_STATE_ELIDED(s) > 0 && !(real_first && SF_STATE_REAL(s) > 1);
		if (elided)
			next = s - 1; /* a reference that came without libc goes without libc */
		else if (SF_STATE_REAL(s) > 1 || (o->permanent && SF_STATE_REAL(s) > 0))
			next = s - SF_STATE_REAL_ONE;
		else
			next = (uint64_t)(SF_STATE_GEN(s) + !o->permanent) << 32;
		sf_fence_release();
	} while (!sf_cas_64(&o->state, s, next));
	if (SF_STATE_GEN(next) != SF_STATE_GEN(s)) {
		sf_store_32(&o->gen, SF_STATE_GEN(next));
		sf_store_8(&o->elidable,
			   0); /* of the next life, which has not begun: libc still has this one */
		sf_fence_full(); /* every thread sees the end of this life before libc unloads */
		sf_count(SF_OBJECT_CLOSE);
	}
	if (elided)
		return SF_CLOSE_ELIDED;
	return (s & SF_STATE_ADOPTED) && !SF_STATE_OPEN(next) ? SF_CLOSE_LIBC_TWICE : SF_CLOSE_LIBC;
}

void
sf_object_global_begin(void)
{
	sf_faa_32(&global_loading, 1);
	sf_faa_32(&sf_object_global.gen, 1);
	sf_fence_full();
}

void
sf_object_global_end(void)
{
	sf_faa_32(&sf_object_global.gen, 1);
	sf_fence_full();
	sf_faa_32(&global_loading, -1u);
	sf_count(SF_SCOPE_CHANGE);
}

bool
sf_object_global_life(uint32_t *gen)
{
	*gen = sf_load_32(&sf_object_global.gen);
	sf_fence_load();
	return sf_load_32(&global_loading) == 0;
}

bool
sf_object_global_untouched(void)
{
	return sf_load_32(&sf_object_global.gen) == GLOBAL_FIRST;
}

void
sf_object_global_settle(void)
{
	sf_store_32(&global_loading, 0);
}

/*
 * Elided references are made real one at a time, while the record is still open: a close that comes
 * in between finds either the elided reference or libc's.
 */
static void
retire(struct sf_object *o, bool (*replay)(void *, const char *), void (*drop)(void *))
{
	void *handle = (void *)o->handle;
	uint64_t s, next;

	do {
		s = sf_load_64(&o->state);
		while (SF_STATE_ELIDED(s) > 0) {
			/* The record's copy of the name: the object itself may be gone by now. */
			bool got = replay(handle, handle == sf_next.main ? "" : o->file);

			if (!sf_cas_64(&o->state, s, s - 1) && got)
				drop(handle);
			s = sf_load_64(&o->state);
		}
		if (!SF_STATE_OPEN(s))
			return;
		next = (uint64_t)(SF_STATE_GEN(s) + !o->permanent) << 32;
	} while (!sf_cas_64(&o->state, s, next));
	sf_store_32(&o->gen, SF_STATE_GEN(next));
	if (s & SF_STATE_ADOPTED)
		drop(handle);
}

void
sf_object_retire_all(bool (*replay)(void *, const char *), void (*drop)(void *))
{
	sf_store_8(&retired, 1);
	sf_fence_full();
	/* Everyone who gets one of libc's functions sweeps: nobody leaves before all is replayed. */
	for (uint32_t i = 1; i <= SF_OBJECT_MOST && i <= sf_load_32(&taken); i++)
		retire(&sf_object_records[i], replay, drop);
}

bool
sf_object_retired(void)
{
	return sf_load_8(&retired);
}
