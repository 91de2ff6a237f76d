// SPDX-License-Identifier: BSD-2-Clause
// listing.c: see snapshot.h: reads libc's list of objects by one walk.
#include "snapshot.h"

#include "../base/sys.h"
#include "../libc/facts.h"

struct filling {
	struct sf_listing *s;
	const struct sf_listing *initial;
	struct link_map *next; /* the list goes in the same order */
	bool later;            /* beyond the initial set */
	bool asks;             /* an object's block is to be asked for */
	bool wrong;
};

/* Blocks of the initial set lie at one distance in every thread, always: the first walk of all tells it. */
static intptr_t
listing_block_rule(const struct dl_phdr_info *info, uint32_t place, const struct filling *f)
{
	if (info->dlpi_tls_modid == 0)
		return 0;
	if (place < f->initial->count)
		return f->initial->objects[place].block;
	if (!f->later && info->dlpi_tls_data != NULL)
		return (char *)info->dlpi_tls_data - (char *)__builtin_thread_pointer();
	return SF_TLS_ASK;
}

static int
listing_fill_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct filling *f = arg;
	struct sf_listing *s = f->s;
	struct link_map *l = f->next;

	if (size != sizeof(*info) || l == NULL || s->count == s->room ||
	    l->l_addr != info->dlpi_addr || l->l_name != info->dlpi_name) {
		f->wrong = true;
		return 1;
	}
	s->objects[s->count] = (struct sf_listed){.addr = info->dlpi_addr,
						  .name = info->dlpi_name,
						  .phdr = info->dlpi_phdr,
						  .map = l,
						  .module = info->dlpi_tls_modid,
						  .block = listing_block_rule(info, s->count, f),
						  .count = info->dlpi_phnum};
	f->asks |= s->objects[s->count].block == SF_TLS_ASK;
	f->later |= l == sf_next.tail;
	s->count++;
	s->adds = info->dlpi_adds;
	s->loaded = info->dlpi_adds - info->dlpi_subs;
	f->next = l->l_next;
	return 0;
}

static bool
listing_make_room(struct sf_listing *s)
{
	uint32_t n = 16, room;

	for (const struct link_map *l = sf_next.main; l != NULL; l = l->l_next)
		n++;
	if (n <= s->room)
		return true;
	room = n + n / 2;
	if (s->objects != NULL)
		sf_sys_unmap(s->objects, s->room * sizeof(*s->objects));
	s->objects = sf_sys_map(room * sizeof(*s->objects));
	s->room = s->objects != NULL ? room : 0;
	return s->objects != NULL;
}

bool
sf_listing_fill(struct sf_listing *s, const struct sf_listing *initial)
{
	struct filling f = {.s = s, .initial = initial, .next = sf_next.main};

	s->count = 0;
	if (!listing_make_room(s))
		return false;
	sf_next.iterate_phdr(listing_fill_one, &f);
	/* With another namespace the numbers count more than this list has: libc's own affair. */
	if (f.wrong || f.next != NULL || s->loaded != s->count)
		return false;
	/* libc would be asked by dlinfo, which drops an error of the host's; it is saved where libc shows it. */
	return !(f.asks && sf_next.guessed);
}

bool
sf_listing_initial(struct sf_listing *s, struct sf_listing *initial)
{
	struct sf_listed *copy;
	uint32_t n = 0;

	while (n < s->count && s->objects[n].map != sf_next.tail)
		n++;
	if (n == s->count)
		return false;
	n++;
	copy = sf_sys_map(n * sizeof(*copy));
	if (copy == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (s->objects[i].block == SF_TLS_ASK)
			return false;
		copy[i] = s->objects[i];
	}
	*initial = (struct sf_listing){.objects = copy, .count = n, .room = n};
	return true;
}
