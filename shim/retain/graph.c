// SPDX-License-Identifier: BSD-2-Clause
// graph.c: see graph.h.
#include "graph.h"

#include "../base/bytes.h"
#include "../image/symbols.h"
#include "../libc/changes.h"
#include "../libc/next.h"
#include "../map/object.h"

static uint64_t graph_count;        /* sf_changes_count() at the last update; 0: never */
static sf_retain_set graph_outside; /* what mapped objects without a place need */
static sf_retain_set graph_others;  /* places that need an object of the latter */
static sf_retain_set
	graph_strangers; /* places that need an object without one, which may have to go with them */

/* All mapped objects, in libc's order, with the names that a dependency finds them by. */
#define GRAPH_MOST 1024
struct graph_node {
	struct link_map *map;
	uint64_t soname, path, base; /* hashes */
	bool holds; /* it stays, whatever becomes of places: of the initial set, or the host's own */
};
SF_LARGE static struct graph_node graph_nodes[GRAPH_MOST];
static unsigned int graph_size;
static bool graph_full;

static uint64_t
graph_hash(const char *name)
{
	return sf_bytes_hash(name, sf_bytes_length(name, 4096), 0);
}

static bool
graph_opened_by_host(const struct link_map *l)
{
	const struct sf_object *o = sf_object_find(l);

	return o != NULL && SF_STATE_OPEN(sf_load_64(&o->state));
}

/* The place of an object whose memory may be gone with its file: what was noted while it was open is asked. */
static const struct sf_retain_place *
graph_closed(const struct link_map *l)
{
	int place = sf_retain_place_find(l);

	return place >= 0 && sf_retain_places[place].state == SF_RETAIN_CLOSED
		       ? &sf_retain_places[place]
		       : NULL;
}

static void
graph_list(void)
{
	bool initial = true;
	struct link_map *l = sf_next.main;

	for (graph_size = 0; l != NULL && graph_size < GRAPH_MOST; l = l->l_next) {
		struct graph_node *n = &graph_nodes[graph_size++];
		const struct sf_retain_place *closed = graph_closed(l);
		struct sf_elf e;

		*n = (struct graph_node){.map = l, .path = graph_hash(l->l_name)};
		n->holds = initial || (sf_retain_place_find(l) < 0 && graph_opened_by_host(l));
		initial = initial && l != sf_next.tail;
		if (closed != NULL)
			*n = (struct graph_node){.map = l,
						 .soname = closed->own[0],
						 .path = closed->own[1],
						 .base = closed->own[2]};
		else if (sf_elf_open(&e, l->l_addr, l->l_ld) && e.soname != NULL)
			n->soname = graph_hash(e.soname);
		else
			n->base = graph_hash(sf_bytes_base(l->l_name));
	}
	graph_full = l != NULL;
}

static struct graph_node *
graph_who_is(const char *name)
{
	uint64_t hash = graph_hash(name);

	for (unsigned int i = 0; i < graph_size; i++)
		if (graph_nodes[i].soname == hash || graph_nodes[i].path == hash ||
		    graph_nodes[i].base == hash)
			return &graph_nodes[i];
	return NULL;
}

/* What has no place and is needed by what stays stays as well. Ends when nothing is new: each round marks one or more. */
static void
graph_spread(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (unsigned int i = 0; i < graph_size; i++) {
			const ElfW(Dyn) *d = graph_nodes[i].map->l_ld;
			struct sf_elf e;
			const char *name;

			if (!graph_nodes[i].holds || graph_nodes[i].map->l_ld == NULL ||
			    !sf_elf_open(&e, graph_nodes[i].map->l_addr, d))
				continue;
			while ((name = sf_elf_needed(&e, &d)) != NULL) {
				struct graph_node *n = graph_who_is(name);

				if (n != NULL && !n->holds && sf_retain_place_find(n->map) < 0)
					n->holds = again = true;
			}
		}
	}
}

/* The names that a place's object needs, for the time when it is unmapped. */
static void
graph_note_names(struct sf_retain_place *p, const struct graph_node *n)
{
	const ElfW(Dyn) *d = n->map->l_ld;
	const char *name;
	struct sf_elf e;

	p->own[0] = n->soname;
	p->own[1] = n->path;
	p->own[2] = n->base;
	p->nnames = 0;
	if (!sf_elf_open(&e, n->map->l_addr, d))
		return;
	while (p->nnames <= SF_RETAIN_NAMES && (name = sf_elf_needed(&e, &d)) != NULL) {
		if (p->nnames < SF_RETAIN_NAMES)
			p->names[p->nnames] = (uint32_t)graph_hash(name);
		p->nnames++;
	}
}

/* Is the second one found by a name that the first one needs, or has itself? An unknown name is 0. */
static bool
graph_meets(const struct sf_retain_place *p, const struct sf_retain_place *q)
{
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < p->nnames && k < SF_RETAIN_NAMES; k++)
			if (q->own[i] != 0 && p->names[k] == (uint32_t)q->own[i])
				return true;
		for (int k = 0; k < 3; k++)
			if (q->own[i] != 0 && p->own[k] == q->own[i])
				return true;
	}
	return p->nnames > SF_RETAIN_NAMES;
}

bool
sf_retain_graph_could_meet(sf_retain_set gone, sf_retain_set closed)
{
	for (; gone != 0; gone &= gone - 1)
		for (sf_retain_set left = closed; left != 0; left &= left - 1) {
			const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(gone)];
			const struct sf_retain_place *q = &sf_retain_places[__builtin_ctzll(left)];

			if (graph_meets(p, q) || graph_meets(q, p))
				return true;
		}
	return false;
}

/* What an object names, as places; `stranger`: one of them has none, and nothing else holds it for certain. */
static sf_retain_set
graph_read_needs(const struct link_map *l, bool *other, bool *stranger)
{
	const ElfW(Dyn) *d = l->l_ld;
	sf_retain_set set = 0;
	const char *name;
	struct sf_elf e;

	if (!sf_elf_open(&e, l->l_addr, d))
		return 0;
	while ((name = sf_elf_needed(&e, &d)) != NULL) {
		const struct graph_node *needed = graph_who_is(name);
		int place = needed != NULL ? sf_retain_place_find(needed->map) : -1;

		if (place >= 0)
			set |= SF_RETAIN_BIT(place);
		if (place >= 0 || needed == NULL || sf_object_initial(needed->map))
			continue;
		*other = true;
		*stranger = *stranger || !needed->holds;
	}
	return set;
}

void
sf_retain_graph_update(void)
{
	uint64_t now = sf_changes_count();

	if (now == graph_count)
		return;
	graph_outside = 0;
	graph_others &= sf_retain_graph_in_state(SF_RETAIN_CLOSED);
	graph_strangers &= sf_retain_graph_in_state(SF_RETAIN_CLOSED);
	graph_list();
	graph_spread();
	for (unsigned int i = 0; i < graph_size; i++) {
		const struct link_map *l = graph_nodes[i].map;
		int place = sf_retain_place_find(l);
		bool other = graph_full, stranger = graph_full;
		sf_retain_set needs;

		if (sf_object_initial(l) || graph_closed(l) != NULL)
			continue;
		needs = graph_read_needs(l, &other, &stranger);
		if (place < 0) {
			graph_outside |= needs;
			continue;
		}
		sf_retain_places[place].needs = needs;
		graph_note_names(&sf_retain_places[place], &graph_nodes[i]);
		if (other)
			graph_others |= SF_RETAIN_BIT(place);
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

	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		if (sf_retain_places[i].state == state)
			set |= SF_RETAIN_BIT(i);
	}
	return set;
}

sf_retain_set
sf_retain_graph_global(void)
{
	sf_retain_set set = 0;

	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		if (sf_retain_places[i].state == SF_RETAIN_LIVE && sf_retain_places[i].global)
			set |= SF_RETAIN_BIT(i);
	}
	return set;
}

bool
sf_retain_graph_unneeded(int lost, sf_retain_set *out, bool *strange)
{
	sf_retain_set live = sf_retain_graph_in_state(SF_RETAIN_LIVE), roots = graph_outside;

	SF_RETAIN_EACH(i, live & ~SF_RETAIN_BIT(lost))
	{
		const struct sf_retain_place *p = &sf_retain_places[i];

		if (p->pinned || p->refs > 0 || p->loading || p->fit == SF_RETAIN_UNFIT_UNKNOWN)
			roots |= SF_RETAIN_BIT(i);
	}
	*out = live & ~sf_retain_graph_reach(roots);
	*strange = (*out & graph_strangers) != 0;
	return (*out & SF_RETAIN_BIT(lost)) != 0;
}

bool
sf_retain_graph_needs_others(sf_retain_set set)
{
	sf_retain_graph_update();
	return (set & graph_others) != 0;
}

bool
sf_retain_graph_defines(sf_retain_set set, const char *name)
{
	SF_RETAIN_EACH(i, set)
	{
		const struct link_map *l = sf_retain_places[i].map;
		struct sf_elf e;

		if (sf_elf_open(&e, l->l_addr, l->l_ld) && sf_elf_defines(&e, name))
			return true;
	}
	return false;
}

static bool
graph_is_asked(sf_retain_set set)
{
	for (const struct link_map *l = sf_next.tail->l_next; l != NULL; l = l->l_next) {
		int place = sf_retain_place_find(l);
		struct sf_elf e;
		size_t count;

		if (place >= 0 &&
		    (SF_RETAIN_BIT(place) & set || sf_retain_places[place].state != SF_RETAIN_LIVE))
			continue;
		if (!sf_elf_open(&e, l->l_addr, l->l_ld))
			continue;
		count = sf_symbols_imports_end(&e, l->l_ld);
		for (size_t i = 1; i < count; i++)
			if (e.symtab[i].st_shndx == SHN_UNDEF &&
			    sf_retain_graph_defines(set, e.strtab + e.symtab[i].st_name))
				return true;
	}
	return false;
}

/* Thousands of names: asked once for each state of things. */
bool
sf_retain_graph_is_asked(sf_retain_set set)
{
	static struct {
		uint64_t count;
		sf_retain_set set, live;
		bool asked;
	} known[8], *k;
	sf_retain_set live = sf_retain_graph_in_state(SF_RETAIN_LIVE);

	k = &known[(set ^ set >> 3 ^ set >> 21 ^ live ^ live >> 5) & 7];
	if (k->set != set || k->live != live || k->count != graph_count) {
		k->asked = graph_is_asked(set);
		k->set = set;
		k->live = live;
		k->count = graph_count;
	}
	return k->asked;
}
