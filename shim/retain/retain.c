// SPDX-License-Identifier: BSD-2-Clause
// retain.c: see retain.h. Each operation takes ld.so's lock and leaves the rest to open.c, close.c and release.c.
#include "retain.h"

#include "../libc/next.h"
#include "../map/learn.h"
#include "../map/object.h"
#include "../map/thread.h"
#include "../observe/segment.h"
#include "hide.h"
#include "load.h"
#include "loader_lock.h"
#include "names.h"
#include "place.h"
#include "state.h"

extern SF_HIDDEN const char sf_retain_init_stubs[], sf_retain_fini_stubs[]; /* retain_stubs.S */

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

/* `symfast ctl PID drain` was asked for since the last time, or the mode is one in which libc loads and unloads. */
static void
retain_obey(void)
{
	uint32_t wanted = sf_load_32(&sf_control.drain);
	bool asked = wanted != sf_load_32(&sf_control.drained);

	if ((!asked && sf_retain_serves()) || sf_retain_state_of.closing > 0)
		return;
	if (!asked && sf_retain_graph_in_state(SF_RETAIN_CLOSED) == 0)
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

	if (sf_retain_state_of.frozen || !sf_retain_lock_run(retain_close_job, &c)) {
		sf_object_end(handle);
		return sf_next.own.dlclose(handle);
	}
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
	sf_retain_place_stubs =
		(struct sf_retain_stubs){sf_retain_init_stubs, sf_retain_fini_stubs};
	sf_retain_place_find_object = sf_next.find_object;
	if (!sf_retain_load_init())
		return "loads and unloads are not seen";
	sf_retain_state_of.limits = *limits;
	sf_retain_load_limit = (size_t)limits->kib * 1024;
	sf_retain_hide_init();
	sf_learn_on_raw = retain_end;
	sf_next.load = sf_retain_load;
	sf_next.unload = sf_next.dlclose = sf_retain_unload;
	sf_object_ends_late = true;
	sf_retain_on = true;
	return NULL;
}
