// SPDX-License-Identifier: BSD-2-Clause
// key.c: see key.h. pthread_key_create and _delete neither lock nor allocate in glibc.
#include "key.h"

#include "../base/atomic.h"
#include "next.h"
#include <limits.h>

/*
 * libc's functions, found as the next definitions are: glibc 2.34 gave them a new version, and before that they
 * were in libpthread, so an import of any version would keep the library from some libc.
 */
static struct {
	int (*create)(pthread_key_t *, void (*)(void *));
	int (*delete)(pthread_key_t);
	int (*set)(pthread_key_t, const void *);
} key_libc;

#define INLINE_KEYS 32 /* glibc's struct pthread: specific_1stblock */

_Static_assert(SF_KEY_ROUNDS == PTHREAD_DESTRUCTOR_ITERATIONS, "libc's rounds");

/* glibc's struct pthread_key_struct. */
struct libc_key {
	uintptr_t seq;
	void (*ended)(void *);
};

static pthread_key_t key;
static void (*destructor)(void *);
static const struct libc_key *libc_keys; /* NULL: not to be read */

/* Those that libc has; read only if they say of a new key what they should. */
SF_START static const struct libc_key *
key_find_libc_keys(void)
{
	const struct libc_key *keys;
	struct sf_elf libc;

	if (sf_next.libc == NULL || !sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		return NULL;
	keys = sf_elf_function(&libc, "__pthread_keys");
	return keys != NULL && sf_load_ptr(&keys[key].ended) == destructor ? keys : NULL;
}

SF_START static bool
key_find_functions(void)
{
	key_libc.create =
		(int (*)(pthread_key_t *, void (*)(void *)))sf_next_find("pthread_key_create");
	key_libc.delete = (int (*)(pthread_key_t))sf_next_find("pthread_key_delete");
	key_libc.set = (int (*)(pthread_key_t, const void *))sf_next_find("pthread_setspecific");
	return key_libc.create != NULL && key_libc.delete != NULL && key_libc.set != NULL;
}

/* All that are free up to the last wanted one are taken for a moment: libc gives the lowest. */
SF_START bool
sf_key_make(void (*ended)(void *))
{
	pthread_key_t taken[INLINE_KEYS + 1];
	unsigned int n = 0;
	bool made = false;

	if (!key_find_functions())
		return false;
	while (n <= INLINE_KEYS && key_libc.create(&taken[n], ended) == 0)
		if (taken[n++] >= INLINE_KEYS - 1)
			break;
	while (n-- > 0) {
		if (made || taken[n] == 0 || taken[n] >= INLINE_KEYS) {
			key_libc.delete(taken[n]);
			continue;
		}
		key = taken[n];
		made = true;
	}
	destructor = ended;
	libc_keys = made ? key_find_libc_keys() : NULL;
	return made;
}

SF_START bool
sf_key_has_threads(void)
{
	return key_find_functions();
}

/* libc gives the lowest free number. */
SF_START bool
sf_key_make_beside(void (*ended)(void *), char *(*first)(void))
{
	pthread_key_t libdl, ours;

	if (!key_find_functions() || key_libc.create(&libdl, NULL) != 0)
		return false;
	key_libc.delete(libdl);
	first();
	if (key_libc.create(&ours, ended) != 0)
		return false;
	if (ours != libdl + 1 || ours >= INLINE_KEYS) {
		key_libc.delete(ours);
		return false;
	}
	key = ours;
	destructor = ended;
	return true;
}

bool
sf_key_is_ours(void)
{
	return libc_keys == NULL || sf_load_ptr(&libc_keys[key].ended) == destructor;
}

bool
sf_key_set(const void *value)
{
	return key_libc.set(key, value) == 0;
}
