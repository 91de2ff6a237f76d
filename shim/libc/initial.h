// SPDX-License-Identifier: BSD-2-Clause
// initial.h: what the objects of the initial set define, read from their tables.
//
// They stay mapped, in one order, so nothing here takes a lock. That order, of the loader's list, is the order of
// the main program's search list: glibc keeps it so for gdb (elf/rtld.c, "in symbol search order"). The vdso is in the
// list only; filtees (DT_FILTER) could stand elsewhere.
#ifndef SF_INITIAL_H
#define SF_INITIAL_H

#include "facts.h"

/* Once, before the others: after sf_facts_search_init. */
void sf_initial_init(void);

/* What the initial set knows of a name. */
struct sf_initial_name {
	bool special; /* libc computes it anew at each look-up (IFUNC, TLS), or no object's range covers it:
			 no address proves where an answer came from */
	bool plain;  /* a look-up in the global scope ends within the set */
	bool fixed;  /* an IFUNC of glibc's own defines it */
	bool unsure; /* an object of it cannot be searched */
};
struct sf_initial_name sf_initial_name(const char *name);

/*
 * Are the object's special definitions of the name IFUNCs of glibc's own? Their resolvers read what is known of the
 * CPU and of the vdso, set before main, and nothing else: every look-up gives what the first one gave.
 */
bool sf_initial_is_fixed(const struct link_map *l, const struct sf_elf *e, const char *name);

/* Does an object of the set define the name under this version? */
bool sf_initial_defines_as(const char *name, const char *version);

/* The first object of a part of the list that has a name at all. */
struct sf_initial_place {
	const struct link_map *l; /* NULL: none */
	uintptr_t value;          /* where the name stands in it; 0: that is for libc to say */
};

/*
 * Where RTLD_NEXT of `caller` ends, and what libc can be asked beside it: the executable's handle leads to `whole`, this
 * library's own RTLD_NEXT to `self`.
 */
struct sf_initial_next {
	struct sf_initial_place next, whole, self;
};

/* False: an object cannot be read, or none behind the caller has the name. */
bool sf_initial_next(const struct link_map *caller, const char *name, struct sf_initial_next *out);

#endif
