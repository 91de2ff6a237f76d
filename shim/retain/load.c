// SPDX-License-Identifier: BSD-2-Clause
// load.c: see load.h.
#include "load.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../libc/next.h"
#include "../map/object.h"
#include "recheck.h"
#include "revive.h"
#include "image.h"
#include "pages.h"
#include <time.h>

/* So much code is copied and compared at each close; beyond that the kernel's word on its pages is cheaper. */
#define LOAD_CODE_MOST 131072

/* One call of libc that is being watched; they nest, for constructors and destructors may load and close. */
struct load_watch {
	struct load_watch *outer;
	struct link_map *last; /* the end of libc's list before a load that is managed, else NULL */
	struct sf_retain_order order;
	sf_retain_set came, gone;
	sf_retain_set others; /* in the global scope before */
	bool whole;           /* each object that came has a place */
	bool unloads;         /* it is a dlclose */
	bool closes;          /* a destructor has closed something: libc does that afterwards */
	bool loads;           /* a destructor has loaded something */
	bool told;            /* ld.so has told what this load mapped */
	bool mixed; /* it was told of more than one: the host's malloc, called by libc, loads as well */
};

struct sf_retain_arguments sf_retain_arguments;
size_t sf_retain_load_limit;
uint64_t sf_retain_load_scope, sf_retain_load_foreign;
static struct load_watch *load_watch; /* the innermost */
static uint32_t load_number;
static uint32_t load_looked; /* its value when the outermost look began */
static unsigned int load_looks;

/* ---- what libc calls ---- */

void sf_retain_run_init(int argc, char **argv, char **envp, int place)
	__attribute__((visibility("hidden")));
void sf_retain_run_fini(int place) __attribute__((visibility("hidden")));

static size_t
load_code_bytes(sf_retain_set set)
{
	size_t bytes = 0;

	for (; set != 0; set &= set - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];

		for (int i = 0; i < p->nspans; i++)
			bytes += p->spans[i].to - p->spans[i].from;
	}
	return bytes;
}

static void
load_copy(sf_retain_set set)
{
	bool code = load_code_bytes(set) <= LOAD_CODE_MOST;
	sf_retain_set taken = 0;

	for (; set != 0; set &= set - 1) {
		struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];

		if (p->fit != SF_RETAIN_FIT || p->copied)
			continue;
		if (!sf_retain_image_take(p, sf_retain_load_limit, code) || !sf_retain_image_own(p))
			p->fit = SF_RETAIN_UNFIT_MEMORY;
		else
			taken |= set & -set;
	}
	if (taken == 0 || sf_retain_pages_take(taken))
		return;
	for (; taken != 0; taken &= taken - 1)
		sf_retain_places[__builtin_ctzll(taken)].fit = SF_RETAIN_UNFIT_PAGES;
}

static void
load_note(struct load_watch *w, int place)
{
	if (w != NULL && w->order.count < SF_RETAIN_PLACES)
		w->order.place[w->order.count++] = (uint8_t)place;
}

void
sf_retain_run_init(int argc, char **argv, char **envp, int place)
{
	struct load_watch *w = load_watch;

	sf_retain_arguments.argc = argc;
	sf_retain_arguments.argv = argv;
	sf_retain_revive(argc, argv, envp);
	/* All of them are relocated, and none has run a constructor. */
	if (w != NULL && (w->came & SF_RETAIN_BIT(place))) {
		load_copy(w->came);
		load_note(w, place);
	}
	sf_retain_place_run_init(place, argc, argv, envp);
}

void
sf_retain_run_fini(int place)
{
	/* To the host it went long ago; this is the process's end, or it is let go at last. */
	if (sf_retain_places[place].state == SF_RETAIN_CLOSED)
		return;
	load_note(load_watch, place);
	sf_retain_place_run_fini(place);
}

/* Which of all places have lost their object? They are detached. */
static sf_retain_set
load_sweep(void)
{
	sf_retain_set gone = 0;

	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		if (!sf_facts_is_listed(sf_retain_places[i].map)) {
			gone |= SF_RETAIN_BIT(i);
			sf_retain_place_detach(i);
		}
	}
	return gone;
}

static void
load_look(void)
{
	struct load_watch *w = load_watch;
	sf_retain_set gone = load_sweep(); /* by whomever */
	unsigned int now = sf_retain_revive_count();

	if (now < sf_retain_revive_last &&
	    sf_retain_revive_last - now != (unsigned int)__builtin_popcountll(gone))
		sf_retain_load_foreign++;
	if (w != NULL)
		w->gone |= gone;
	if (w == NULL || w->last == NULL || w->came != 0) {
		if (sf_retain_graph_in_state(SF_RETAIN_CLOSED) != 0)
			sf_retain_revive_foreign(sf_retain_arguments.argc, sf_retain_arguments.argv,
						 *sf_retain_arguments.envp);
		return;
	}
	for (struct link_map *l = w->mixed ? NULL : w->last->l_next; l != NULL; l = l->l_next) {
		int place = sf_retain_place_attach(l);

		if (place >= 0)
			w->came |= SF_RETAIN_BIT(place);
		else
			w->whole = false;
	}
}

/*
 * A second notice within one load: libc loads from a constructor by itself, or from the host's malloc, before all of this
 * load was mapped and relocated. Which of both cannot be told, so the copies are worth nothing.
 */
static void
load_tell(struct load_watch *w)
{
	if (w->told)
		for (sf_retain_set left = w->came; left != 0; left &= left - 1)
			sf_retain_places[__builtin_ctzll(left)].fit = SF_RETAIN_UNFIT_UNKNOWN;
	w->told = true;
}

/* ld.so has mapped what a dlopen wants, and tells so, before any constructor. */
static void
load_moved(bool settled)
{
	if (!settled)
		return;
	load_look();
	if (load_watch != NULL && !load_watch->unloads)
		load_tell(load_watch);
	sf_retain_revive_known();
}

bool
sf_retain_load_init(void)
{
	struct sf_elf libc;
	const char *(*version)(void);

	if (sf_changes_refusal() != NULL ||
	    !sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		return false;
	version = (const char *(*)(void))sf_elf_function(&libc, "gnu_get_libc_version");
	sf_retain_libc_version = version != NULL ? version() : NULL;
	/* Of the executable, if that has a copy of it. */
	sf_retain_arguments.envp = sf_next.own.dlsym(sf_next.main, "environ");
	if (sf_retain_arguments.envp == NULL)
		return false;
	sf_retain_revive_known();
	sf_changes_on_move(load_moved);
	return true;
}

/* ---- watched calls ---- */

static struct link_map *
load_last(void)
{
	struct link_map *l = sf_next.tail;

	while (l->l_next != NULL)
		l = l->l_next;
	return l;
}

static void
load_begin(struct load_watch *w, bool manage)
{
	*w = (struct load_watch){.outer = load_watch, .whole = true};
	if (manage) {
		w->last = load_last();
		w->others = sf_retain_graph_global();
	}
	load_watch = w;
}

static bool
load_find_paths(struct link_map *map, uint64_t before, struct sf_retain_search *search)
{
	sf_retain_folders used = 0;

	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		used |= sf_retain_places[i].search.folders | sf_retain_places[i].search.last;
	return sf_retain_paths_of(map, before, used, search);
}

/*
 * The files of what has come: known, and not changed since they were mapped. `searched`: dependencies were looked for
 * in folders; where all were loaded before, libc asks no folder.
 */
static void
load_identify(int place, const struct load_watch *w, uint64_t before, bool searched)
{
	struct sf_retain_place *p = &sf_retain_places[place];
	struct dl_find_object found;

	p->load = load_number;
	p->scope = sf_retain_load_scope;
	p->others = w->others;
	if (p->fit != SF_RETAIN_FIT)
		return;
	if (!w->whole || !p->copied)
		p->fit = SF_RETAIN_UNFIT_UNKNOWN;
	else if (sf_retain_place_find_object(p->map->l_ld, &found) != 0 ||
		 !sf_retain_identity_read(p->name, &p->identity) ||
		 !sf_retain_identity_settled(&p->identity, before) ||
		 !sf_retain_identity_mapped(p->name, found.dlfo_map_start, &p->identity))
		p->fit = SF_RETAIN_UNFIT_FILE;
	else if (searched && !load_find_paths(p->map, before, &p->search))
		p->fit = SF_RETAIN_UNFIT_PATHS;
	else if (sf_retain_recheck_doubts(p->name))
		p->fit = SF_RETAIN_UNFIT_DOUBT;
}

static bool
load_is_bare(const char *name)
{
	return !sf_bytes_has(name, '/');
}

static void
load_finish(struct load_watch *w, uint64_t before, const char *name, int mode, const void *handle)
{
	int root = sf_retain_place_find(handle);

	for (sf_retain_set left = w->came; left != 0; left &= left - 1)
		sf_retain_places[__builtin_ctzll(left)].loading = 0;
	load_copy(w->came); /* of objects without any constructor */
	load_number++;
	for (sf_retain_set left = w->came; left != 0; left &= left - 1)
		load_identify(__builtin_ctzll(left), w, before, (w->came & (w->came - 1)) != 0);
	w->order.set = w->came;
	if (w->whole)
		sf_retain_sets_learn(SF_RETAIN_LOADED, &w->order);
	if (root >= 0 && (w->came & SF_RETAIN_BIT(root))) {
		sf_bytes_cut(sf_retain_places[root].opened, name, SF_RETAIN_NAME_MAX);
		sf_retain_places[root].root_mode = mode;
		if (load_is_bare(name) &&
		    !load_find_paths(sf_next.main, before, &sf_retain_places[root].search))
			sf_retain_places[root].fit = SF_RETAIN_UNFIT_PATHS;
		sf_retain_recheck_loaded(root, w->came);
	}
}

void
sf_retain_load_settle(void)
{
	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		struct sf_retain_place *p = &sf_retain_places[i];

		if (p->map == NULL || !p->owed)
			continue;
		p->owed = 0;
		sf_retain_load_close(p->map, 0);
	}
}

void *
sf_retain_load_open(const char *name, int mode, bool manage)
{
	uint64_t before = manage ? sf_sys_clock(CLOCK_REALTIME) : 0;
	struct load_watch watch;
	sf_retain_set reached;
	unsigned int count;
	void *handle;
	int place;

	load_begin(&watch, manage);
	count = sf_retain_revive_count();
	handle = sf_next.own.dlopen(name, mode);
	load_watch = watch.outer;
	if (watch.outer != NULL && sf_retain_revive_count() != count) {
		watch.outer->loads = true;
		watch.outer->mixed |= !watch.outer->told;
	}
	if (handle == NULL) {
		load_sweep();
		return NULL;
	}
	if (watch.came != 0)
		load_finish(&watch, before, name, mode, handle);
	place = sf_retain_place_find(handle);
	if (place >= 0 && !sf_retain_place_is_called(&sf_retain_places[place], name))
		sf_retain_places[place].aliased = 1;
	if (!(mode & RTLD_GLOBAL))
		return handle;
	sf_retain_load_scope++;
	sf_retain_graph_update();
	reached = place >= 0 ? sf_retain_graph_reach(SF_RETAIN_BIT(place)) : 0;
	for (; reached != 0; reached &= reached - 1)
		sf_retain_places[__builtin_ctzll(reached)].global = 1;
	return handle;
}

bool
sf_retain_load_unloading(void)
{
	for (const struct load_watch *w = load_watch; w != NULL; w = w->outer)
		if (w->unloads)
			return true;
	return false;
}

void *
sf_retain_load_look(const char *name, int mode)
{
	void *found;

	if (load_looks++ == 0)
		load_looked = load_number;
	found = sf_next.own.dlopen(name, (mode & (RTLD_LAZY | RTLD_NOW)) | RTLD_NOLOAD);
	load_looks--;
	return found;
}

bool
sf_retain_load_looking(void)
{
	return load_looks > 0;
}

bool
sf_retain_load_mapping(int place)
{
	if (load_looks > 0 && sf_retain_places[place].load > load_looked)
		return true;
	for (const struct load_watch *w = load_watch; w != NULL; w = w->outer)
		if (!w->unloads && !w->told)
			return true;
	return false;
}

/*
 * What the destructors themselves closed went after the set that they belong to: `expected`, if all of it went, and
 * its functions ran first.
 */
static bool
load_first_of(struct sf_retain_order *order, sf_retain_set gone, sf_retain_set expected)
{
	uint8_t n = 0;

	while (n < order->count && (expected & SF_RETAIN_BIT(order->place[n])))
		n++;
	for (unsigned int i = n; i < order->count; i++)
		if (expected & SF_RETAIN_BIT(order->place[i]))
			return false;
	order->set = expected;
	order->count = n;
	return (gone & expected) == expected;
}

/* `fewer`: so many objects less are mapped. Each of them must have had a place. */
static void
load_learn_unload(struct load_watch *w, sf_retain_set gone, sf_retain_set expected,
		  unsigned int fewer)
{
	if (w->order.set == 0 || w->loads || fewer != (unsigned int)__builtin_popcountll(gone))
		return;
	if (!w->closes || load_first_of(&w->order, gone, expected))
		sf_retain_sets_learn(SF_RETAIN_UNLOADED, &w->order);
}

int
sf_retain_load_close(void *handle, sf_retain_set expected)
{
	sf_retain_set closed = sf_retain_graph_in_state(SF_RETAIN_CLOSED), gone, stayed;
	bool within = sf_retain_load_unloading();
	unsigned int before = sf_retain_revive_count(), after;
	struct load_watch watch;
	int result;

	sf_object_end(handle);
	load_begin(&watch, false);
	watch.unloads = true;
	result = sf_next.own.dlclose(handle);
	load_watch = watch.outer;
	if (watch.outer != NULL)
		watch.outer->closes = true;
	after = sf_retain_revive_count();
	gone = watch.gone | load_sweep();
	watch.order.set = gone & ~closed;
	watch.order.foreign = sf_retain_load_foreign;
	load_learn_unload(&watch, gone, expected, before - after);
	/* Within another unload libc only notes it down. */
	stayed = within || watch.loads || watch.closes ? 0 : expected & ~gone;
	for (; stayed != 0; stayed &= stayed - 1)
		sf_retain_places[__builtin_ctzll(stayed)].pinned = 1;
	return result;
}
