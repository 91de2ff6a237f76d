// SPDX-License-Identifier: BSD-2-Clause
// shot.h: what a set of objects is like after its constructors: a copy of its memory, and what its handle finds.
//
// Words are told apart as what they point to, so that the same objects can be compared where they are mapped elsewhere.
// Everything is read and written under ld.so's lock.
#ifndef SF_RETAIN_SHOT_H
#define SF_RETAIN_SHOT_H

#include "graph.h"

#define SF_RETAIN_SHOT_MEMBERS 16
#define SF_RETAIN_SHOT_SYMBOLS 8

/* A word: the offset from the load bias of member - 1; 0: as it is. */
struct sf_retain_shot_value {
	uintptr_t value;
	uint8_t member;
};

struct sf_retain_shot_member {
	uint8_t place;
	uintptr_t bias, from, to;
};

/* All objects of a set, where they are mapped. */
struct sf_retain_shot_group {
	unsigned int count;
	struct sf_retain_shot_member member[SF_RETAIN_SHOT_MEMBERS];
};

struct sf_retain_shot {
	sf_retain_set set; /* 0: nothing is here */
	int root;
	char *memory; /* range by range */
	size_t bytes;
	struct sf_retain_shot_group group;
	struct sf_retain_identity identity[SF_RETAIN_SHOT_MEMBERS];
	uint32_t first; /* number of the first symbol that was looked up */
	struct sf_retain_shot_value symbol[SF_RETAIN_SHOT_SYMBOLS];
};

/* Takes it; `set` stays 0 if it is too large. By `turn` other symbols are looked up. */
void sf_retain_shot_take(struct sf_retain_shot *s, int root, sf_retain_set set, uint32_t turn);
void sf_retain_shot_drop(struct sf_retain_shot *s);

/* Are these objects, loaded now, from the same files, so that byte stands against byte? */
bool sf_retain_shot_fits(const struct sf_retain_shot *s, const struct sf_retain_shot_group *now);

/* False: there are too many. */
bool sf_retain_shot_group(struct sf_retain_shot_group *g, sf_retain_set set);
/* The i-th range of a place, its RELRO being the last one; NULL: no more. */
const struct sf_retain_range *sf_retain_shot_range(const struct sf_retain_place *p, int i);
/* The address that dlsym gives for each of some symbols of `map`, from number `first` on; 0 for those that are not asked. */
void sf_retain_shot_look_up(struct link_map *map, const struct sf_retain_shot_group *g,
			    uint32_t first, struct sf_retain_shot_value *to);

struct sf_retain_shot_value sf_retain_shot_value(const struct sf_retain_shot_group *g,
						 uintptr_t word);
bool sf_retain_shot_same(const struct sf_retain_shot_value *a,
			 const struct sf_retain_shot_value *b);
/* Two addresses outside of the objects: what stands there may have been allocated anew each time. */
bool sf_retain_shot_is_elsewhere(const struct sf_retain_shot_value *a,
				 const struct sf_retain_shot_value *b);

#endif
