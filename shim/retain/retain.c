// SPDX-License-Identifier: BSD-2-Clause
// retain.c: see retain.h.
#include "retain.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../map/learn.h"
#include "../map/object.h"
#include "../map/region.h"
#include "../map/thread.h"
#include "hide.h"
#include "image.h"
#include "load.h"
#include "lock.h"
#include "names.h"
#include <time.h>

extern char **environ;

bool sf_retain_on;

#define RETAIN_QUEUE 16

static struct sf_retain_limits retain_limits;
static uint64_t retain_turn;   /* number of the last close */
static const void *retain_busy; /* the record of the thread that is inside an operation; NULL: none */
static uint8_t retain_frozen;  /* state is not to be trusted: all is libc's */
static uint32_t retain_closing; /* destructors of a retained set run */
static void *retain_queue[RETAIN_QUEUE];
static unsigned int retain_queued;

/* ---- letting go ---- */

static void
retain_release(int place)
{
	struct sf_retain_place *p = &sf_retain_places[place];

	struct sf_facts_error aside = sf_facts_error_aside(); /* perhaps a destructor's, which the host will ask for */

	p->held = 0;
	sf_retain_load_close(p->map, 0);
	sf_facts_error_back(aside);
	sf_count(SF_RETAIN_RELEASE);
}

/* The held place that was closed first; -1: none. */
static int
retain_oldest(void)
{
	int oldest = -1;

	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		if (sf_retain_places[i].held &&
		    (oldest < 0 || sf_retain_places[i].turn < sf_retain_places[oldest].turn))
			oldest = i;
	return oldest;
}

static void
retain_release_all(void)
{
	int place;

	while ((place = retain_oldest()) >= 0)
		retain_release(place);
	/* libc keeps it for a reason that we do not see: it would be found, and its constructors would be missing. */
	if (sf_retain_graph_in_state(SF_RETAIN_CLOSED) != 0)
		retain_frozen = 1;
}

static void
retain_release_beyond(unsigned int most)
{
	unsigned int held = 0;

	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		held += sf_retain_places[i].held;
	for (; held > most; held--)
		retain_release(retain_oldest());
}

static void
retain_release_idle(uint64_t now)
{
	int place;

	while (retain_limits.idle_s != 0 && (place = retain_oldest()) >= 0 &&
	       sf_retain_places[place].closed_at + retain_limits.idle_s * 1000000000ull <= now)
		retain_release(place);
}

/* ---- closing ---- */

static bool
retain_alone(void)
{
	static const char *single;
	struct sf_elf libc;

	if (single == NULL && sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		single = sf_elf_function(&libc, "__libc_single_threaded");
	return single != NULL && *single != 0;
}

static bool
retain_fits(sf_retain_set set)
{
	bool global = false;

	for (sf_retain_set left = set; left != 0; left &= left - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(left)];

		if (p->fit != SF_RETAIN_FIT || !p->copied || p->pinned || (p->tls_size != 0 && !retain_alone()))
			return false;
		global |= p->global;
	}
	if (global && sf_retain_graph_is_asked(set))
		return false;
	for (; set != 0; set &= set - 1)
		if (!sf_retain_image_ready(&sf_retain_places[__builtin_ctzll(set)]))
			return false;
	return true;
}

static void
retain_set_state(sf_retain_set set, enum sf_retain_state state)
{
	for (; set != 0; set &= set - 1)
		sf_retain_places[__builtin_ctzll(set)].state = (uint8_t)state;
}

static void
retain_restore(sf_retain_set set)
{
	for (; set != 0; set &= set - 1)
		sf_retain_image_restore(&sf_retain_places[__builtin_ctzll(set)]);
}

static void
retain_close_set(int root, sf_retain_set set, const struct sf_retain_order *order)
{
	struct sf_retain_order now = *order; /* a destructor may teach us another one */
	struct sf_retain_place *p = &sf_retain_places[root];

	retain_set_state(set, SF_RETAIN_CLOSING);
	retain_closing++;
	for (unsigned int i = 0; i < now.count; i++)
		sf_retain_place_run_fini(now.place[i]);
	retain_closing--;
	retain_restore(set);
	retain_set_state(set, SF_RETAIN_CLOSED);
	sf_region_look_again();
	p->held = 1;
	p->turn = ++retain_turn;
	if (retain_limits.idle_s != 0)
		p->closed_at = sf_sys_clock(CLOCK_MONOTONIC);
	sf_count(SF_RETAIN_CLOSE);
}

static bool
retain_is_open(const void *handle)
{
	const struct sf_object *o = sf_object_find(handle);

	return o != NULL && SF_STATE_OPEN(sf_load_64(&o->state));
}

/* libc's own words for a handle that is not open, from an object that was never opened: all zeros but its name. */
static int
retain_surplus(const struct sf_retain_place *p)
{
	static struct {
		struct link_map map;
		char zeros[4096];
	} never;

	never.map.l_name = p->map->l_name;
	return sf_next.own.dlclose(&never);
}

static int
retain_close_now(void *handle)
{
	const struct sf_retain_order *order;
	int place = sf_retain_place_find(handle);
	sf_retain_set set = 0;
	bool known;

	if (place < 0)
		return sf_retain_load_close(handle, 0);
	if (sf_retain_places[place].state != SF_RETAIN_LIVE)
		return retain_surplus(&sf_retain_places[place]);
	/* One reference of several. */
	if (retain_is_open(handle))
		return sf_next.own.dlclose(handle);
	sf_retain_places[place].opening = 0;
	sf_retain_graph_update();
	known = sf_retain_graph_unneeded(place, &set);
	order = known ? sf_retain_sets_find(SF_RETAIN_UNLOADED, set) : NULL;
	if (order == NULL || retain_frozen || sf_retain_places[place].opened[0] == '\0' || !retain_fits(set)) {
		sf_count(SF_RETAIN_REFUSE);
		return sf_retain_load_close(handle, known ? set : 0);
	}
	retain_close_set(place, set, order);
	return 0;
}

/* Closes that destructors asked for: libc, too, makes them when the running set is done. */
static void
retain_close_queued(void)
{
	while (retain_queued > 0 && retain_closing == 0) {
		void *handle = retain_queue[0];

		retain_queued--;
		for (unsigned int i = 0; i < retain_queued; i++)
			retain_queue[i] = retain_queue[i + 1];
		retain_close_now(handle);
	}
}

struct retain_close {
	void *handle;
	int result;
};

static void
retain_close_job(void *arg)
{
	struct retain_close *c = arg;
	const void *outer = retain_busy;
	int place = sf_retain_place_find(c->handle);

	retain_busy = &sf_thread;
	sf_retain_load_settle();
	if (retain_closing > 0 && retain_queued < RETAIN_QUEUE && (place < 0 || sf_retain_places[place].state == SF_RETAIN_LIVE)) {
		retain_queue[retain_queued++] = c->handle;
		c->result = 0;
	} else {
		c->result = retain_close_now(c->handle);
		retain_close_queued();
		retain_release_beyond(retain_limits.most);
		if (retain_limits.idle_s != 0)
			retain_release_idle(sf_sys_clock(CLOCK_MONOTONIC));
	}
	retain_busy = outer;
}

int
sf_retain_unload(void *handle)
{
	struct retain_close c = {.handle = handle};

	if (retain_frozen || !sf_retain_lock_run(retain_close_job, &c))
		return sf_next.own.dlclose(handle);
	return c.result;
}

/* ---- opening ---- */

static bool
retain_files_same(sf_retain_set set)
{
	sf_retain_folders folders = 0;

	for (sf_retain_set left = set; left != 0; left &= left - 1)
		folders |= sf_retain_places[__builtin_ctzll(left)].folders;
	if (!sf_retain_paths_same(folders))
		return false;
	for (; set != 0; set &= set - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];
		struct sf_retain_identity now;

		if (!sf_retain_identity_read(p->name, &now) || !sf_retain_identity_same(&now, &p->identity))
			return false;
	}
	return true;
}

/* The closed place that this very name opened last time; -1: none. */
static int
retain_find_closed(const char *name)
{
	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		if (sf_retain_places[i].held && sf_bytes_same(sf_retain_places[i].opened, name))
			return i;
	return -1;
}

/* Would a load now come out as the one that this set is from? */
static bool
retain_mode_same(const struct sf_retain_place *p, int mode)
{
	const int kinds = RTLD_LAZY | RTLD_NOW | RTLD_GLOBAL;

	if ((mode & ~kinds) != 0 || ((mode & RTLD_NOW) && !(p->root_mode & RTLD_NOW)))
		return false;
	return ((mode & RTLD_GLOBAL) != 0) == (p->global != 0);
}

/* The global scope: as it was at the load, nothing behind that another order would put before. */
static bool
retain_scope_same(const struct sf_retain_place *p, sf_retain_set set)
{
	if (p->scope + ((p->root_mode & RTLD_GLOBAL) != 0) != sf_retain_load_scope)
		return false;
	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		if (sf_retain_places[i].map != NULL && sf_retain_places[i].global && !(set & SF_RETAIN_BIT(i)))
			return false;
	return true;
}

static void *
retain_reopen(int root, const struct sf_retain_order *order)
{
	struct sf_retain_order now = *order;
	struct sf_retain_place *p = &sf_retain_places[root];

	retain_set_state(now.set, SF_RETAIN_LIVE);
	p->opening = 1;
	p->held = 0;
	for (unsigned int i = 0; i < now.count; i++)
		sf_retain_place_run_init(now.place[i], sf_retain_arguments.argc, sf_retain_arguments.argv, environ);
	sf_count(SF_RETAIN_OPEN);
	return p->map;
}

/* NULL: it cannot be, and libc has to load. */
static void *
retain_try_reopen(const char *name, int mode)
{
	int root = retain_find_closed(name);
	const struct sf_retain_order *order;
	sf_retain_set set;

	if (root < 0)
		return NULL;
	sf_retain_graph_update();
	set = sf_retain_graph_reach(SF_RETAIN_BIT(root)) & sf_retain_graph_in_state(SF_RETAIN_CLOSED);
	order = sf_retain_sets_find(SF_RETAIN_LOADED, set);
	if (order == NULL || !retain_mode_same(&sf_retain_places[root], mode) ||
	    !retain_scope_same(&sf_retain_places[root], set) || !retain_files_same(set))
		return NULL;
	return retain_reopen(root, order);
}

/*
 * There are closed objects, and libc may find one of them under this name. Asked without loading: an error is that
 * of the load as well, for the file is looked for before the flag is.
 */
static bool
retain_finds_live(const char *name, int mode, bool *fails)
{
	void *found = sf_next.own.dlopen(name, (mode & (RTLD_LAZY | RTLD_NOW)) | RTLD_NOLOAD);
	int place = found != NULL ? sf_retain_place_find(found) : -1;
	bool live = found != NULL && (place < 0 || sf_retain_places[place].state != SF_RETAIN_CLOSED);

	*fails = found == NULL && sf_facts_error_pending();
	if (found != NULL)
		sf_next.own.dlclose(found);
	return live;
}

static void *
retain_open_now(const char *name, int mode)
{
	bool closed = sf_retain_graph_in_state(SF_RETAIN_CLOSED) != 0, fails = false;
	enum sf_retain_how how;
	void *handle;

	if (name == NULL || name[0] == '\0' || (mode & (RTLD_LAZY | RTLD_NOW)) == 0)
		return sf_next.own.dlopen(name, mode);
	handle = closed ? retain_try_reopen(name, mode) : NULL;
	if (handle != NULL)
		return handle;
	if (closed && !retain_finds_live(name, mode, &fails)) {
		if (fails || (mode & RTLD_NOLOAD))
			return NULL;
		retain_release_all();
	}
	how = retain_frozen ? SF_RETAIN_NOT : sf_retain_names_find(name);
	if (how == SF_RETAIN_KEEP && !(mode & RTLD_NOLOAD))
		mode |= RTLD_NODELETE;
	return sf_retain_load_open(name, mode, how == SF_RETAIN_FRESH && !(mode & (RTLD_NOLOAD | RTLD_NODELETE)));
}

struct retain_open {
	const char *name;
	int mode;
	void *handle;
};

static void
retain_open_job(void *arg)
{
	struct retain_open *o = arg;
	const void *outer = retain_busy;

	retain_busy = &sf_thread;
	sf_retain_load_settle();
	if (retain_limits.idle_s != 0)
		retain_release_idle(sf_sys_clock(CLOCK_MONOTONIC));
	o->handle = retain_open_now(o->name, o->mode);
	retain_busy = outer;
}

void *
sf_retain_load(const char *name, int mode)
{
	struct retain_open o = {name, mode, NULL};

	if (retain_frozen || !sf_retain_lock_run(retain_open_job, &o))
		return sf_next.own.dlopen(name, mode);
	return o.handle;
}

/* ---- others ---- */

static void
retain_drain_job(void *arg)
{
	(void)arg;
	if (retain_closing == 0)
		retain_release_all();
}

static void
retain_unsure_job(void *arg)
{
	retain_drain_job(arg);
	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		if (sf_retain_places[i].map != NULL)
			sf_retain_places[i].fit = SF_RETAIN_UNFIT_UNKNOWN;
}

static void
retain_run(void (*job)(void *))
{
	if (sf_retain_on && !retain_frozen)
		sf_retain_lock_run(job, NULL);
}

void
sf_retain_drain(void)
{
	retain_run(retain_drain_job);
}

void
sf_retain_unsure(void)
{
	retain_run(retain_unsure_job);
}

/* The global scope is searched for this name. */
static void
retain_look_up_job(void *arg)
{
	const char *name = arg;
	sf_retain_set closed = 0;

	for (int i = 0; i < SF_RETAIN_PLACES; i++) {
		struct sf_retain_place *p = &sf_retain_places[i];

		if (p->map == NULL || !p->global || !sf_retain_graph_defines(SF_RETAIN_BIT(i), name))
			continue;
		if (p->state == SF_RETAIN_CLOSED)
			closed |= SF_RETAIN_BIT(i);
		else
			p->pinned = 1; /* perhaps found, and then libc ties it to the caller (CONTRACT 19) */
	}
	if (closed != 0)
		retain_drain_job(NULL);
}

void
sf_retain_look_up(const char *name)
{
	if (!sf_unreadable(name) && !retain_frozen)
		sf_retain_lock_run(retain_look_up_job, (void *)(uintptr_t)name);
}

/* Who holds libc's own dlopen can find a closed object unseen: from now on all is libc's. */
static void
retain_end(void)
{
	sf_retain_unsure();
	retain_frozen = 1;
}

void
sf_retain_forked(void)
{
	/* Another thread was in the middle of it. */
	if (retain_busy != NULL && retain_busy != &sf_thread)
		retain_frozen = 1;
}

const char *
sf_retain_init(const struct sf_retain_limits *limits)
{
	if (limits->list[0] == '\0')
		return "not asked for";
	if (!sf_retain_names_read(limits->list))
		return "its list cannot be used";
	if (!sf_retain_load_init())
		return "loads and unloads are not seen";
	retain_limits = *limits;
	sf_retain_load_limit = (size_t)limits->kib * 1024;
	sf_retain_hide_init();
	sf_learn_on_raw = retain_end;
	sf_next.load = sf_retain_load;
	sf_next.unload = sf_retain_unload;
	sf_retain_on = true;
	return NULL;
}
