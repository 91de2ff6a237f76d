// SPDX-License-Identifier: BSD-2-Clause
// release.c: closed objects really go: libc gets back the reference that was held, and unmaps them.
#include "state.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../map/object.h"
#include "../map/thread.h"
#include "load.h"
#include <time.h>

void
sf_retain_release_extra(void)
{
	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		struct sf_retain_place *p = &sf_retain_places[i];

		if (p->extra > 0)
			sf_object_end(p->map);
		for (; p->extra > 0; p->extra--)
			sf_next.own.dlclose(p->map);
	}
}

/* By name only: what it costs is paid by loads and unloads that libc makes. */
static bool
release_is_changed(const struct sf_retain_place *p)
{
	struct sf_retain_identity now;

	return !sf_retain_identity_stat(p->name, &now) ||
	       !sf_retain_identity_same(&now, &p->identity);
}

void
sf_retain_release_one(int place)
{
	struct sf_retain_place *p = &sf_retain_places[place];

	struct sf_facts_error saved =
		sf_facts_error_save(); /* perhaps a destructor's, which the host will ask for */

	p->held = 0;
	sf_retain_release_extra();
	sf_retain_load_close(p->map, 0);
	sf_facts_error_restore(saved);
	sf_count(SF_RETAIN_RELEASE);
}

/* The held place that was closed first; -1: none. */
static int
release_oldest(void)
{
	int oldest = -1;

	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		if (sf_retain_places[i].held &&
		    (oldest < 0 || sf_retain_places[i].turn < sf_retain_places[oldest].turn))
			oldest = i;
	}
	return oldest;
}

void
sf_retain_release_all(void)
{
	int place;

	while ((place = release_oldest()) >= 0)
		sf_retain_release_one(place);
	/* libc keeps it for a reason that we do not see: it would be found, and its constructors would be missing. */
	if (sf_retain_graph_in_state(SF_RETAIN_CLOSED) != 0)
		sf_retain_state_of.frozen = 1;
}

void
sf_retain_release_changed(void)
{
	bool any = false;

	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		const struct sf_retain_place *p = &sf_retain_places[i];

		any = any ||
		      (p->map != NULL && p->state == SF_RETAIN_CLOSED && release_is_changed(p));
	}
	if (any)
		sf_retain_release_all();
}

void
sf_retain_release_beyond(unsigned int most)
{
	unsigned int held = 0;

	SF_RETAIN_EACH(i, sf_retain_mapped)
	{
		held += sf_retain_places[i].held;
	}
	for (; held > most; held--)
		sf_retain_release_one(release_oldest());
}

void
sf_retain_release_idle(void)
{
	uint64_t now = sf_retain_state_of.limits.idle_s != 0 ? sf_sys_clock(CLOCK_MONOTONIC) : 0;
	int place;

	while (sf_retain_state_of.limits.idle_s != 0 && (place = release_oldest()) >= 0 &&
	       sf_retain_places[place].closed_at +
			       sf_retain_state_of.limits.idle_s * 1000000000ull <=
		       now)
		sf_retain_release_one(place);
}
