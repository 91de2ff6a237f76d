// SPDX-License-Identifier: BSD-2-Clause
// graph.h: which objects would libc unload, or load, together? Sets of places, a bit each.
//
// Computed from public data: DT_NEEDED names, matched as libc matches them, and the host's references. libc also counts
// what symbol binding has tied together and what is marked never to be unloaded; so a computed set is only believed
// where libc was seen to unload, or load, exactly that set (sets.h).
#ifndef SF_RETAIN_GRAPH_H
#define SF_RETAIN_GRAPH_H

#include "place.h"

typedef uint64_t sf_retain_set;
#define SF_RETAIN_BIT(place) (1ull << (place))
/* for (int place in set) */
#define SF_RETAIN_EACH(place, set)                                                                 \
	for (sf_retain_set left_ = (set); left_ != 0; left_ &= left_ - 1)                          \
		for (int place = __builtin_ctzll(left_), once_ = 1; once_; once_ = 0)

/* Reads all names again if loads or unloads have happened since. */
void sf_retain_graph_update(void);

/* `set` and all that it needs, as far as it is under management. */
sf_retain_set sf_retain_graph_reach(sf_retain_set set);

/*
 * Has an object of one set a name that one of the other set has, or needs? As sf_retain_graph_update() has noted it while
 * they were mapped.
 */
bool sf_retain_graph_could_meet(sf_retain_set gone, sf_retain_set closed);

/* What mapped objects without a place need, and what that needs. */
sf_retain_set sf_retain_graph_outside(void);

/* Places in this state. */
sf_retain_set sf_retain_graph_in_state(enum sf_retain_state state);

/* Live places in the global scope. */
sf_retain_set sf_retain_graph_global(void);

/*
 * What nobody needs any more: live places that neither the host's references nor anything outside needs. `lost` is
 * the one whose last reference goes. `strange`: an object outside management that the set needs may have to go with
 * it. False: it cannot be told.
 */
bool sf_retain_graph_unneeded(int lost, sf_retain_set *set, bool *strange);

/* Does any of them need an object without a place that is not of the initial set? */
bool sf_retain_graph_needs_others(sf_retain_set set);

/* Does any object outside `set` that is not of the initial set ask for a name that one in `set` defines? */
bool sf_retain_graph_is_asked(sf_retain_set set);

/* Does any object in `set` define this name? */
bool sf_retain_graph_defines(sf_retain_set set, const char *name);

#endif
