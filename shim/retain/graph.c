// SPDX-License-Identifier: BSD-2-Clause
// graph.c: see graph.h.
#include "graph.h"

#include "../base/bytes.h"
#include "../libc/changes.h"
#include "../libc/next.h"
#include "../map/object.h"
#include "names.h"

static uint64_t graph_count;        /* sf_changes_count() at the last update; 0: never */
static sf_retain_set graph_outside; /* what mapped objects without a place need */
static sf_retain_set
	graph_strangers; /* places that need an object of the latter which the host did not open itself */

#define GRAPH_EACH(place, set)                                                                     \
	for (sf_retain_set left_ = (set); left_ != 0; left_ &= left_ - 1)                          \
		for (int place = __builtin_ctzll(left_), once_ = 1; once_; once_ = 0)

/* Everything behind the initial set; not its own link map, which libc's list begins with. */
static struct link_map *
graph_first(void)
{
	return sf_next.tail->l_next;
}

static bool
graph_is(const struct link_map *l, const char *name)
{
	struct sf_elf e;

	if (sf_bytes_same(l->l_name, name))
		return true;
	if (sf_elf_open(&e, l->l_addr, l->l_ld) && e.soname != NULL)
		return sf_bytes_same(e.soname, name);
	return sf_bytes_same(sf_retain_names_base(l->l_name), name);
}

static const struct link_map *
graph_who_is(const char *name)
{
	/* From the start: what the initial set satisfies is never ours. */
	for (const struct link_map *l = sf_next.main->l_next; l != NULL; l = l->l_next)
		if (graph_is(l, name))
			return l;
	return NULL;
}

static bool
graph_opened_by_host(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);

	return o != NULL && SF_STATE_OPEN(sf_load_64(&o->state));
}

/* What an object names, as places; `stranger`: one of them has none, and only its users hold it. */
static sf_retain_set
graph_read_needs(const struct link_map *l, bool *stranger)
{
	const ElfW(Dyn) *d = l->l_ld;
	sf_retain_set set = 0;
	const char *name;
	struct sf_elf e;

	if (!sf_elf_open(&e, l->l_addr, d))
		return 0;
	while ((name = sf_elf_needed(&e, &d)) != NULL) {
		const struct link_map *needed = graph_who_is(name);
		int place = needed != NULL ? sf_retain_place_find(needed) : -1;

		if (place >= 0)
			set |= SF_RETAIN_BIT(place);
		else if (needed != NULL && !sf_object_initial(needed) &&
			 !graph_opened_by_host(needed))
			*stranger = true;
	}
	return set;
}

void
sf_retain_graph_update(void)
{
	uint64_t now = sf_changes_count();

	if (now == graph_count)
		return;
	graph_outside = graph_strangers = 0;
	for (const struct link_map *l = graph_first(); l != NULL; l = l->l_next) {
		int place = sf_retain_place_find(l);
		bool stranger = false;
		sf_retain_set needs = graph_read_needs(l, &stranger);

		if (place < 0) {
			graph_outside |= needs;
			continue;
		}
		sf_retain_places[place].needs = needs;
		if (stranger)
			graph_strangers |= SF_RETAIN_BIT(place);
	}
	graph_count = now;
}

sf_retain_set
sf_retain_graph_reach(sf_retain_set set)
{
	sf_retain_set seen = 0;

	while (set & ~seen) {
		int place = __builtin_ctzll(set & ~seen);

		seen |= SF_RETAIN_BIT(place);
		set |= sf_retain_places[place].needs;
	}
	return seen;
}

sf_retain_set
sf_retain_graph_outside(void)
{
	return sf_retain_graph_reach(graph_outside);
}

sf_retain_set
sf_retain_graph_in_state(enum sf_retain_state state)
{
	sf_retain_set set = 0;

	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		if (sf_retain_places[i].map != NULL && sf_retain_places[i].state == state)
			set |= SF_RETAIN_BIT(i);
	return set;
}

bool
sf_retain_graph_unneeded(int lost, sf_retain_set *out)
{
	sf_retain_set live = sf_retain_graph_in_state(SF_RETAIN_LIVE), roots = graph_outside;

	GRAPH_EACH(i, live & ~SF_RETAIN_BIT(lost))
	{
		const struct sf_retain_place *p = &sf_retain_places[i];

		if (p->pinned || p->opening || graph_opened_by_host(p->map))
			roots |= SF_RETAIN_BIT(i);
	}
	*out = live & ~sf_retain_graph_reach(roots);
	return (*out & SF_RETAIN_BIT(lost)) != 0 && (*out & graph_strangers) == 0;
}

bool
sf_retain_graph_defines(sf_retain_set set, const char *name)
{
	GRAPH_EACH(i, set)
	{
		const struct link_map *l = sf_retain_places[i].map;
		struct sf_elf e;

		if (sf_elf_open(&e, l->l_addr, l->l_ld) && sf_elf_defines(&e, name))
			return true;
	}
	return false;
}

bool
sf_retain_graph_is_asked(sf_retain_set set)
{
	for (const struct link_map *l = graph_first(); l != NULL; l = l->l_next) {
		int place = sf_retain_place_find(l);
		struct sf_elf e;
		size_t count;

		if (place >= 0 &&
		    (SF_RETAIN_BIT(place) & set || sf_retain_places[place].state != SF_RETAIN_LIVE))
			continue;
		if (!sf_elf_open(&e, l->l_addr, l->l_ld))
			continue;
		count = e.gnu_hash != NULL ? e.gnu_hash[1] : e.hash != NULL ? e.hash[1] : 0;
		for (size_t i = 1; i < count; i++)
			if (e.symtab[i].st_shndx == SHN_UNDEF &&
			    sf_retain_graph_defines(set, e.strtab + e.symtab[i].st_name))
				return true;
	}
	return false;
}
