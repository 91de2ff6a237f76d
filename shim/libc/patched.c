// SPDX-License-Identifier: BSD-2-Clause
// patched.c: see patched.h.
#include "patched.h"

#include "../base/atomic.h"
#include "../base/bytes.h"
#include "facts.h"

enum {
#define X(name, ret, params) PATCHED_##name,
	SF_NEXT_LIST(X) SF_NEXT_LOOKING(X)
#undef X
		FUNCTIONS
};

static uint64_t
	text[FUNCTIONS]; /* first bytes, when first looked at; of any thread's look the same */
static uint8_t have_text;
static const char *found;

static const char *
patched_name(unsigned int i)
{
	static const char names[] =
#define X(name, ret, params) #name "\0"
		SF_NEXT_LIST(X) SF_NEXT_LOOKING(X);
#undef X

	return sf_bytes_word(names, i);
}

static uint64_t
patched_first_bytes(const void *at)
{
	uint64_t bytes;

	__builtin_memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

/* A jump within its own object is how libc was built. */
static bool
patched_is_hooked(const void *at)
{
	struct link_map *own, *other;
	const void *to = NULL;
	uintptr_t lo, hi;

	if (!sf_patched_jumps(at, &to))
		return false;
	return to == NULL || !sf_facts_object(at, &own, &lo, &hi) ||
	       !sf_facts_object(to, &other, &lo, &hi) || own != other;
}

/* Cost: a comparison for each function; every load and every first look-up of a name pays it. */
const char *
sf_patched(void)
{
	const void *const functions[] = {
#define X(name, ret, params) (const void *)sf_next.own.name,
		SF_NEXT_LIST(X)
#undef X
#define X(name, ret, params) (const void *)sf_next.name,
			SF_NEXT_LOOKING(X)
#undef X
	};
	bool first = !sf_load_8(&have_text);

	sf_fence_load(); /* pairs with the store fence below: `text` is there */
	if (sf_load_ptr(&found) != NULL)
		return found;
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		const void *at = functions[i];

		if (at == NULL)
			continue;
		if (first ? patched_is_hooked(at)
			  : sf_load_64(&text[i]) != patched_first_bytes(at)) {
			sf_store_ptr(&found, patched_name(i));
			return found;
		}
		if (first)
			sf_store_64(&text[i], patched_first_bytes(at));
	}
	sf_fence_store();
	sf_store_8(&have_text, 1);
	return NULL;
}
