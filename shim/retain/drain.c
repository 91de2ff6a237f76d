// SPDX-License-Identifier: BSD-2-Clause
// drain.c: lets go of what is closed, because libc may be about to find it: at once, or for one name.
#include "retain.h"

#include "../base/attr.h"
#include "graph.h"
#include "loader_lock.h"
#include "place.h"
#include "state.h"

static void
drain_job(void *arg)
{
	(void)arg;
	if (sf_retain_state_of.closing == 0)
		sf_retain_release_all();
}

static void
drain_unsure_job(void *arg)
{
	drain_job(arg);
	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		sf_retain_places[i].fit = SF_RETAIN_UNFIT_UNKNOWN;
	}
}

static void
drain_run(void (*job)(void *))
{
	if (sf_retain_on && !sf_retain_state_of.frozen)
		sf_retain_lock_run(job, NULL);
}

void
sf_retain_drain(void)
{
	drain_run(drain_job);
}

void
sf_retain_unsure(void)
{
	drain_run(drain_unsure_job);
}

/* The global scope is searched for this name. */
struct drain_look {
	const char *name;
	bool ties;
};

static void
drain_look_up_job(void *arg)
{
	const struct drain_look *look = arg;
	sf_retain_set closed = 0;

	if (sf_retain_graph_global() & sf_retain_graph_in_state(SF_RETAIN_CLOSED))
		sf_retain_release_changed();
	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		struct sf_retain_place *p = &sf_retain_places[i];

		if (!p->global || !sf_retain_graph_defines(SF_RETAIN_BIT(i), look->name))
			continue;
		if (p->state == SF_RETAIN_CLOSED)
			closed |= SF_RETAIN_BIT(i);
		else if (look->ties)
			p->pinned = 1;
	}
	if (closed != 0)
		drain_job(NULL);
}

void
sf_retain_look_up(const char *name, bool ties)
{
	struct drain_look look = {name, ties};

	if (!sf_unreadable(name) && !sf_retain_state_of.frozen)
		sf_retain_lock_run(drain_look_up_job, &look);
}
