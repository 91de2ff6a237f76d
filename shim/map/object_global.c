// SPDX-License-Identifier: BSD-2-Clause
// object_global.c: the generation of negative answers of the global scope; see object.h.
#include "object.h"

#include "self.h"

#define GLOBAL_FIRST 1u

/* The low half of its state counts the RTLD_GLOBAL loads that are under way. */
struct sf_object sf_object_global = {.state = SF_STATE_OF_GEN(GLOBAL_FIRST),
				     .handle = SF_OBJECT_DEFAULT};

/* One word again: its generation, and below it how many loads are under way. */
static void
object_global_move(int32_t loads)
{
	uint64_t s, next;

	do {
		s = sf_load_64(&sf_object_global.state);
		next = SF_STATE_OF_GEN(SF_STATE_GEN(s) + 1) | ((uint32_t)s + (uint32_t)loads);
	} while (!sf_cas_64(&sf_object_global.state, s, next));
	sf_fence_full();
}

void
sf_object_global_begin(void)
{
	object_global_move(1);
}

void
sf_object_global_end(void)
{
	object_global_move(-1);
	sf_count(SF_SCOPE_CHANGE);
}

bool
sf_object_global_lifetime(uint32_t *gen)
{
	uint64_t s = sf_load_64(&sf_object_global.state);

	*gen = SF_STATE_GEN(s);
	sf_fence_load(); /* the look-up in libc must not move before this load */
	return (uint32_t)s == 0;
}

bool
sf_object_global_untouched(void)
{
	return sf_object_is_gen(&sf_object_global, GLOBAL_FIRST);
}

void
sf_object_global_settle(void)
{
	uint64_t s;

	do {
		s = sf_load_64(&sf_object_global.state);
	} while (!sf_cas_64(&sf_object_global.state, s, SF_STATE_OF_GEN(SF_STATE_GEN(s) + 1)));
}
