// SPDX-License-Identifier: BSD-2-Clause
// What a user would write instead: own maps from (handle, name) to address in front of dlsym.
#include <dlfcn.h>
#include <err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "names.h"
#include "work.h"
#ifdef BENCH_HAVE_CK
#include <ck_ht.h>
#endif

/*
 * An ordinary hash map: open addressing, FNV-1a over handle and name, at most half full. It never
 * forgets, so unlike glibc and symfast it is wrong as soon as an object is closed.
 */
struct slot {
	void *handle;
	char *name;
	void *value;
};

struct map {
	struct slot *slots;
	size_t mask;
};

static struct bench_set names;
static struct map shared;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static __thread struct map own;

static uint64_t
hash(const void *handle, const char *name)
{
	uint64_t h = 0xcbf29ce484222325 ^ (uintptr_t)handle;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 0x100000001b3;
	return h ^ h >> 32;
}

static void
map_init(struct map *m)
{
	size_t size = 16;

	while (size < 2 * (size_t)names.count)
		size *= 2;
	m->mask = size - 1;
	m->slots = calloc(size, sizeof(*m->slots));
	if (!m->slots)
		err(1, "map");
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct slot *
map_find(const struct map *m, const void *handle, const char *name)
{
	size_t i = hash(handle, name) & m->mask;

	while (m->slots[i].name && (m->slots[i].handle != handle || strcmp(m->slots[i].name, name)))
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

static void *
map_fill(struct slot *s, void *handle, const char *name)
{
	if (!s->name) {
		s->handle = handle;
		s->value = dlsym(handle, name);
		s->name = strdup(name);
	}
	return s->value;
}

static void *
mutex_lookup(void *handle, const char *name)
{
	void *value;

	pthread_mutex_lock(&mutex);
	value = map_fill(map_find(&shared, handle, name), handle, name);
	pthread_mutex_unlock(&mutex);
	return value;
}

static void *
rwlock_lookup(void *handle, const char *name)
{
	struct slot *s;
	void *value;

	pthread_rwlock_rdlock(&rwlock);
	s = map_find(&shared, handle, name);
	value = s->value;
	if (s->name) {
		pthread_rwlock_unlock(&rwlock);
		return value;
	}
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_wrlock(&rwlock);
	value = map_fill(map_find(&shared, handle, name), handle, name);
	pthread_rwlock_unlock(&rwlock);
	return value;
}

static void *
own_lookup(void *handle, const char *name)
{
	if (!own.slots)
		map_init(&own);
	return map_fill(map_find(&own, handle, name), handle, name);
}

#ifdef BENCH_HAVE_CK
/* ck_ht alone, filled by one writer beforehand: lock-free reads, nothing that could unload. */
static ck_ht_t table;

static void *
ck_get(size_t size)
{
	return malloc(size);
}

static void
ck_put(void *p, size_t size, bool defer)
{
	(void)size;
	(void)defer;
	free(p);
}

#define KEY_BYTES 512u

/* ck_ht compares one run of bytes: the handle's value with the name behind it. */
static uint16_t
ck_key(char *key, const void *handle, const char *name)
{
	size_t size = strlen(name);

	if (size > KEY_BYTES - sizeof(handle))
		errx(1, "a name longer than this map takes");
	memcpy(key, &handle, sizeof(handle));
	memcpy(key + sizeof(handle), name, size);
	return (uint16_t)(size + sizeof(handle));
}

static void
ck_fill(void)
{
	static struct ck_malloc memory = {.malloc = ck_get, .free = ck_put};

	if (!ck_ht_init(&table, CK_HT_MODE_BYTESTRING, NULL, &memory, 2 * names.count, 0x5eed))
		errx(1, "ck_ht");
	for (unsigned i = 0; i < names.count; i++) {
		const struct bench_item *it = &names.items[i];
		char *key = malloc(KEY_BYTES);
		uint16_t size = ck_key(key, it->handle, it->name);
		ck_ht_entry_t entry;
		ck_ht_hash_t h;

		ck_ht_hash(&h, &table, key, size);
		ck_ht_entry_set(&entry, h, key, size, dlsym(it->handle, it->name));
		if (!ck_ht_set_spmc(&table, h, &entry))
			errx(1, "ck_ht");
	}
}

static void *
ck_lookup(void *handle, const char *name)
{
	char key[KEY_BYTES];
	uint16_t size = ck_key(key, handle, name);
	ck_ht_entry_t entry;
	ck_ht_hash_t h;

	ck_ht_hash(&h, &table, key, size);
	ck_ht_entry_key_set(&entry, key, size);
	return ck_ht_get_spmc(&table, h, &entry) ? ck_ht_entry_value(&entry) : NULL;
}
#endif

static void *
state_new(unsigned thread)
{
	struct bench_walk *w = malloc(sizeof(*w));

	if (!w)
		err(1, "state");
	w->set = &names;
	w->at = thread * 7919u % names.count;
	return w;
}

/* The library function stands outside of the loop, as it would in a program. */
#define INSTEAD(kind)                                                                              \
	static __attribute__((noinline)) void *kind##_symbol(void *handle, const char *name)       \
	{                                                                                          \
		return kind##_lookup(handle, name);                                                \
	}                                                                                          \
	BENCH_INLINE unsigned kind##_call(void *arg)                                               \
	{                                                                                          \
		const struct bench_item *it = bench_walk_next(arg);                                \
		return kind##_symbol(it->handle, it->name) != it->want;                            \
	}                                                                                          \
	BENCH_LOOPS(kind)

INSTEAD(mutex)
INSTEAD(rwlock)
INSTEAD(own)
#ifdef BENCH_HAVE_CK
INSTEAD(ck)
#endif

static const struct bench_kind kinds[] = {
	BENCH_KIND(mutex),
	BENCH_KIND(rwlock),
	BENCH_KIND(own),
#ifdef BENCH_HAVE_CK
	BENCH_KIND(ck),
#endif
};

int
main(int argc, char **argv)
{
	struct bench_options o;

	bench_options_read(&o, argc, argv);
	bench_set_read(&names, &o);
	map_init(&shared);
#ifdef BENCH_HAVE_CK
	ck_fill();
#endif
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, o.kind))
			continue;
		bench_crew_run(&o, &kinds[i].work);
		return 0;
	}
	errx(77, "built without this kind: %s", o.kind); /* the runner skips the row */
}
