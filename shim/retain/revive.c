// SPDX-License-Identifier: BSD-2-Clause
// revive.c: see revive.h.
#include "revive.h"

#include "../libc/next.h"
#include "sets.h"

unsigned int sf_retain_revive_last;
static sf_retain_set revive_set; /* closed objects that a load by libc itself needs */

void
sf_retain_revive_known(void)
{
	sf_retain_revive_last = sf_retain_revive_count();
}

/*
 * libc has loaded something by itself (NSS, iconv), unseen until ld.so told, and it needs closed objects: they are new
 * again, and their constructors run before those of what needs them.
 */
void
sf_retain_revive(int argc, char **argv, char **envp)
{
	sf_retain_set set = revive_set;
	const struct sf_retain_order *order = sf_retain_sets_find(SF_RETAIN_LOADED, set);
	struct sf_retain_order now = {.set = set};

	revive_set = 0;
	if (order != NULL)
		now = *order;
	for (sf_retain_set left = order != NULL ? 0 : set; left != 0; left &= left - 1)
		now.place[now.count++] = (uint8_t)__builtin_ctzll(left);
	for (; set != 0; set &= set - 1) {
		struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];

		p->state = SF_RETAIN_LIVE;
		p->owed = p->held;
		p->held = 0;
		p->fit = SF_RETAIN_UNFIT_LIBC;
	}
	for (unsigned int i = 0; i < now.count; i++)
		sf_retain_place_run_init(now.place[i], argc, argv, envp);
}

unsigned int
sf_retain_revive_count(void)
{
	unsigned int n = 0;

	for (const struct link_map *l = sf_next.tail->l_next; l != NULL; l = l->l_next)
		n++;
	return n;
}

/* The first object that has come since ld.so last told of a change: not relocated yet. */
static struct link_map *
revive_newest(void)
{
	struct link_map *l = sf_next.tail->l_next;

	for (unsigned int n = sf_retain_revive_last; n > 0 && l != NULL; n--)
		l = l->l_next;
	return l;
}

void
sf_retain_revive_foreign(int argc, char **argv, char **envp)
{
	bool stubs = false;

	sf_retain_graph_update();
	revive_set = sf_retain_graph_outside() & sf_retain_graph_in_state(SF_RETAIN_CLOSED);
	if (revive_set == 0)
		return;
	for (struct link_map *l = revive_newest(); l != NULL; l = l->l_next) {
		int place = sf_retain_place_find(l) < 0 ? sf_retain_place_attach(l) : -1;

		if (place >= 0) {
			stubs |= sf_retain_places[place].init_one != 0;
			sf_retain_places[place].fit = SF_RETAIN_UNFIT_LIBC;
			sf_retain_places[place].loading = 0;
		}
	}
	if (!stubs)
		sf_retain_revive(argc, argv, envp);
}
