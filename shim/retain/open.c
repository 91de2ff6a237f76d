// SPDX-License-Identifier: BSD-2-Clause
// open.c: the dlopen of a closed object: constructors run, the same handle is returned; or libc loads.
#include "state.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../map/object.h"
#include "../map/thread.h"
#include "cache.h"
#include "load.h"
#include "names.h"
#include "recheck.h"

static bool
open_files_same(sf_retain_set set)
{
	sf_retain_folders folders = 0;

	for (sf_retain_set left = set; left != 0; left &= left - 1)
		folders |= sf_retain_places[__builtin_ctzll(left)].search.folders |
			   sf_retain_places[__builtin_ctzll(left)].search.last;
	if (!sf_retain_paths_same(folders))
		return false;
	for (; set != 0; set &= set - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];
		struct sf_retain_identity now;

		if (!sf_retain_identity_read(p->name, &now) ||
		    !sf_retain_identity_same(&now, &p->identity))
			return false;
	}
	return true;
}

/* The closed place that this very name opened last time; -1: none. */
static int
open_find_closed(const char *name)
{
	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		if (sf_retain_places[i].held && sf_bytes_same(sf_retain_places[i].opened, name))
			return i;
	}
	return -1;
}

/* Would a load now come out as the one that this set is from? */
static bool
open_mode_same(const struct sf_retain_place *p, int mode)
{
	const int kinds = RTLD_LAZY | RTLD_NOW | RTLD_GLOBAL;

	if ((mode & ~kinds) != 0 || ((mode & RTLD_NOW) && !(p->root_mode & RTLD_NOW)))
		return false;
	return ((mode & RTLD_GLOBAL) != 0) == (p->global != 0);
}

/* The global scope: as it was when libc bound the object's symbols. */
static bool
open_scope_same(const struct sf_retain_place *p, sf_retain_set set)
{
	return p->scope + ((p->root_mode & RTLD_GLOBAL) != 0) == sf_retain_load_scope &&
	       (sf_retain_graph_global() & ~set) == p->others;
}

/* Members that were closed by themselves: what we hold of them is nobody's reference now. */
static void
open_keep_held(sf_retain_set set)
{
	for (; set != 0; set &= set - 1) {
		struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];

		p->extra += p->held;
		p->held = 0;
	}
}

static void *
open_reopen(int root, const struct sf_retain_order *order)
{
	struct sf_retain_order now = *order;
	struct sf_retain_place *p = &sf_retain_places[root];

	sf_retain_set_state(now.set, SF_RETAIN_LIVE);
	p->loading = 1;
	p->refs = 1;
	p->held = 0; /* the host's now */
	open_keep_held(now.set);
	for (unsigned int i = 0; i < now.count; i++)
		sf_retain_place_run_init(now.place[i], sf_retain_arguments.argc,
					 sf_retain_arguments.argv, *sf_retain_arguments.envp);
	p->loading = 0;
	sf_retain_recheck_opened(root, now.set);
	sf_count(SF_RETAIN_OPEN);
	return p->map;
}

/*
 * Once for each load, when all is known to be as it was: if ld.so.cache alone led to all that was searched for, the
 * system's folders, which come after it, need not be looked at again.
 */
static void
open_narrow(int root)
{
	struct sf_retain_place *p = &sf_retain_places[root];
	sf_retain_set group = sf_retain_graph_reach(SF_RETAIN_BIT(root));
	struct sf_retain_cache cache;
	bool known = true;

	if (p->searched || (p->search.last == 0 && (group & (group - 1)) == 0))
		return;
	p->searched = 1;
	sf_retain_cache_read(&cache);
	for (sf_retain_set left = group; left != 0; left &= left - 1) {
		const struct sf_retain_place *q = &sf_retain_places[__builtin_ctzll(left)];

		if (q != p || !sf_bytes_has(p->opened, '/'))
			known = known && sf_retain_cache_leads_to(&cache, q->name);
	}
	sf_retain_cache_free(&cache);
	for (; known && group != 0; group &= group - 1)
		sf_retain_places[__builtin_ctzll(group)].search.last = 0;
}

/* NULL: it cannot be, and libc has to load. */
static void *
open_try_reopen(const char *name, int mode)
{
	int root = open_find_closed(name);
	const struct sf_retain_order *order;
	sf_retain_set set;

	if (root < 0)
		return NULL;
	sf_retain_graph_update();
	set = sf_retain_graph_reach(SF_RETAIN_BIT(root)) &
	      sf_retain_graph_in_state(SF_RETAIN_CLOSED);
	order = sf_retain_sets_find(SF_RETAIN_LOADED, set);
	if (order == NULL || !open_mode_same(&sf_retain_places[root], mode) ||
	    !open_scope_same(&sf_retain_places[root], set) || !open_files_same(set))
		return NULL;
	open_narrow(root);
	return open_reopen(root, order);
}

enum open_found {
	OPEN_LIVE,   /* an object that the host can find, too */
	OPEN_CLOSED, /* a closed one, which stands before the file that libc would look for */
	OPEN_FAILS,  /* no such file, or none that can be loaded: the error is pending */
	OPEN_ABSENT, /* a file that is not loaded */
};

/*
 * There are closed objects, and libc may find one of them under this name. Asked without loading: an error is that
 * of the load as well, for the file is looked for before the flag is.
 */
static enum open_found
open_look(const char *name, int mode, int *place)
{
	void *found = sf_retain_load_look(name, mode);

	if (found == NULL)
		return sf_facts_error_pending() ? OPEN_FAILS : OPEN_ABSENT;
	*place = sf_retain_place_find(found);
	sf_next.own.dlclose(found);
	return *place >= 0 && sf_retain_places[*place].state == SF_RETAIN_CLOSED ? OPEN_CLOSED
										 : OPEN_LIVE;
}

/* Would a search for this name end at the file of this closed object? Then it is not loaded, and that is no error. */
static bool
open_is_there(const char *name, int place)
{
	const struct sf_retain_place *p = &sf_retain_places[place];
	struct sf_retain_identity now;

	if (sf_bytes_same(p->opened, name))
		return open_files_same(SF_RETAIN_BIT(place));
	return sf_bytes_has(name, '/') && !sf_bytes_has(name, '$') &&
	       sf_retain_identity_read(name, &now) && sf_retain_identity_same(&now, &p->identity);
}

/*
 * The host loads a file that was loaded under this name before, and nothing closed can have to do with it: what it
 * needed then is unloaded as well or still in use, all of it from files that have not changed; and no closed object is
 * in the global scope, where symbols could be bound to it. Else two plugins that take turns would let each other go for ever.
 */
static bool
open_is_apart(const char *name)
{
	sf_retain_set closed = sf_retain_graph_in_state(SF_RETAIN_CLOSED), needed, gone = 0;
	int root = -1;

	for (int i = 0; i < SF_RETAIN_PLACES; i++) {
		const struct sf_retain_place *p = &sf_retain_places[i];

		if (p->map == NULL && sf_bytes_same(p->opened, name))
			root = i;
		if (p->map != NULL && p->state == SF_RETAIN_CLOSED && p->global)
			return false;
	}
	if (root < 0 || name[0] == '\0')
		return false;
	sf_retain_graph_update();
	needed = sf_retain_graph_reach(SF_RETAIN_BIT(root));
	for (sf_retain_set left = needed; left != 0; left &= left - 1)
		if (sf_retain_places[__builtin_ctzll(left)].map == NULL)
			gone |= SF_RETAIN_BIT(__builtin_ctzll(left));
	return (needed & closed) == 0 && !sf_retain_graph_could_meet(gone, closed) &&
	       sf_retain_sets_find(SF_RETAIN_LOADED, gone) != NULL && open_files_same(gone);
}

/* Before libc may load: false if it need not, because the answer is NULL, with its error if there is one. */
static bool
open_prepare(const char *name, int mode)
{
	int place = -1;

	/* libc compares names that stand in the objects. */
	sf_retain_release_changed();
	switch (open_look(name, mode, &place)) {
	case OPEN_LIVE:
		return true;
	case OPEN_FAILS:
		return false;
	case OPEN_ABSENT:
		if (mode & RTLD_NOLOAD)
			return false;
		if (open_is_apart(name))
			return true;
		break;
	case OPEN_CLOSED:
		/* By another name it is known to libc from now on, so it goes. */
		if ((mode & RTLD_NOLOAD) && open_is_there(name, place) &&
		    sf_retain_place_is_called(&sf_retain_places[place], name))
			return false;
		break;
	}
	sf_retain_release_all();
	return true;
}

/*
 * A reference more. If a destructor opens an object of the set that is being closed: a handle, and a reference of libc,
 * that nobody has later.
 */
static void
open_count(const void *handle)
{
	int place = handle != NULL ? sf_retain_place_find(handle) : -1;

	if (place < 0)
		return;
	if (sf_retain_places[place].state == SF_RETAIN_CLOSING)
		sf_retain_places[place].extra++;
	else
		sf_retain_places[place].refs++;
}

void *
sf_retain_open(const char *name, int mode)
{
	bool closed = sf_retain_graph_in_state(SF_RETAIN_CLOSED) != 0;
	enum sf_retain_how how;
	void *handle;

	if (name == NULL || name[0] == '\0' || (mode & (RTLD_LAZY | RTLD_NOW)) == 0)
		return sf_next.own.dlopen(name, mode);
	handle = closed ? open_try_reopen(name, mode) : NULL;
	if (handle != NULL)
		return handle;
	if (closed && !open_prepare(name, mode))
		return NULL;
	how = sf_retain_state_of.frozen ? SF_RETAIN_NOT : sf_retain_names_find(name);
	if (how == SF_RETAIN_KEEP && !(mode & RTLD_NOLOAD))
		mode |= RTLD_NODELETE;
	handle = sf_retain_load_open(
		name, mode, how == SF_RETAIN_FRESH && !(mode & (RTLD_NOLOAD | RTLD_NODELETE)));
	open_count(handle);
	return handle;
}
