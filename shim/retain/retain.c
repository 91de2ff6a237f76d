// SPDX-License-Identifier: BSD-2-Clause
// retain.c: see retain.h. Each operation takes ld.so's lock and leaves the rest to open.c, close.c and release.c.
#include "retain.h"

#include "../libc/next.h"
#include "../map/learn.h"
#include "../map/thread.h"
#include "../observe/segment.h"
#include "graph.h"
#include "hide.h"
#include "load.h"
#include "loader_lock.h"
#include "names.h"
#include "state.h"

bool sf_retain_on;
struct sf_retain_state_of sf_retain_state_of;

void
sf_retain_set_state(sf_retain_set set, enum sf_retain_state state)
{
	for (; set != 0; set &= set - 1)
		sf_retain_places[__builtin_ctzll(set)].state = (uint8_t)state;
}

/* Closes that destructors asked for: libc, too, makes them when the running set is done. */
static void
retain_close_queued(void)
{
	while (sf_retain_state_of.queued > 0 && sf_retain_state_of.closing == 0) {
		void *handle = sf_retain_state_of.queue[0];

		sf_retain_state_of.queued--;
		for (unsigned int i = 0; i < sf_retain_state_of.queued; i++)
			sf_retain_state_of.queue[i] = sf_retain_state_of.queue[i + 1];
		sf_retain_close(handle);
	}
}

struct retain_close {
	void *handle;
	int result;
};

/* `symfast ctl PID drain` was asked for since the last time. */
static void
retain_obey(void)
{
	uint32_t wanted = sf_load_32(&sf_control.drain);

	if (wanted == sf_load_32(&sf_control.drained) || sf_retain_state_of.closing > 0)
		return;
	sf_retain_release_all();
	sf_store_32(&sf_control.drained, wanted);
}

static void
retain_close_job(void *arg)
{
	struct retain_close *c = arg;
	const void *outer = sf_retain_state_of.busy;
	int place = sf_retain_place_find(c->handle);

	sf_retain_state_of.busy = &sf_thread;
	sf_retain_load_settle();
	retain_obey();
	if (sf_retain_state_of.closing > 0 && sf_retain_state_of.queued < SF_RETAIN_QUEUE &&
	    (place < 0 || sf_retain_places[place].state == SF_RETAIN_LIVE)) {
		sf_retain_state_of.queue[sf_retain_state_of.queued++] = c->handle;
		c->result = 0;
	} else {
		c->result = sf_retain_close(c->handle);
		retain_close_queued();
		sf_retain_release_beyond(sf_retain_state_of.limits.most);
		sf_retain_release_idle();
	}
	sf_retain_state_of.busy = outer;
}

int
sf_retain_unload(void *handle)
{
	struct retain_close c = {.handle = handle};

	if (sf_retain_state_of.frozen || !sf_retain_lock_run(retain_close_job, &c))
		return sf_next.own.dlclose(handle);
	return c.result;
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
	const void *outer = sf_retain_state_of.busy;

	sf_retain_state_of.busy = &sf_thread;
	sf_retain_load_settle();
	retain_obey();
	sf_retain_release_idle();
	o->handle = sf_retain_open(o->name, o->mode);
	sf_retain_state_of.busy = outer;
}

void *
sf_retain_load(const char *name, int mode)
{
	struct retain_open o = {name, mode, NULL};

	if (sf_retain_state_of.frozen || !sf_retain_lock_run(retain_open_job, &o))
		return sf_next.own.dlopen(name, mode);
	return o.handle;
}

static void
retain_drain_job(void *arg)
{
	(void)arg;
	if (sf_retain_state_of.closing == 0)
		sf_retain_release_all();
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
	if (sf_retain_on && !sf_retain_state_of.frozen)
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
struct retain_look {
	const char *name;
	bool ties;
};

static void
retain_look_up_job(void *arg)
{
	const struct retain_look *look = arg;
	sf_retain_set closed = 0;

	for (int i = 0; i < SF_RETAIN_PLACES; i++) {
		struct sf_retain_place *p = &sf_retain_places[i];

		if (p->map == NULL || !p->global ||
		    !sf_retain_graph_defines(SF_RETAIN_BIT(i), look->name))
			continue;
		if (p->state == SF_RETAIN_CLOSED)
			closed |= SF_RETAIN_BIT(i);
		else if (look->ties)
			p->pinned = 1;
	}
	if (closed != 0)
		retain_drain_job(NULL);
}

void
sf_retain_look_up(const char *name, bool ties)
{
	struct retain_look look = {name, ties};

	if (!sf_unreadable(name) && !sf_retain_state_of.frozen)
		sf_retain_lock_run(retain_look_up_job, &look);
}

/* Who holds libc's own dlopen can find a closed object unseen: from now on all is libc's. */
static void
retain_end(void)
{
	sf_retain_unsure();
	sf_retain_state_of.frozen = 1;
}

void
sf_retain_forked(void)
{
	/* Another thread was in the middle of it. */
	if (sf_retain_state_of.busy != NULL && sf_retain_state_of.busy != &sf_thread)
		sf_retain_state_of.frozen = 1;
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
	sf_retain_state_of.limits = *limits;
	sf_retain_load_limit = (size_t)limits->kib * 1024;
	sf_retain_hide_init();
	sf_learn_on_raw = retain_end;
	sf_next.load = sf_retain_load;
	sf_next.unload = sf_retain_unload;
	sf_retain_on = true;
	return NULL;
}
