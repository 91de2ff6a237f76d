// SPDX-License-Identifier: BSD-2-Clause
// mapped.c: see mapped.h.
#include "mapped.h"

#include "../base/sys.h"
#include "changes.h"
#include "facts.h"
#include <elf.h>
#include <sys/auxv.h>

#define LATER_MOST    4096u /* spans of later objects; touched as far as they are used */
#define MINOR_CHAINED 35u   /* glibc 2.35: r_debug shows namespaces and auditors by itself */

struct table {
	struct sf_mapped_span *spans;
	uint32_t n, room;
};

static struct table initial, later;
static uint64_t later_number; /* odd while the later ones are written, 0: never yet */
static uintptr_t page_mask;
static bool own, counts;

/* ---- look-up ---- */

const struct sf_mapped_span *
sf_mapped_search(const struct sf_mapped_span *spans, uint32_t n, uintptr_t address)
{
	const struct sf_mapped_span *at = spans;

	if (n == 0)
		return NULL;
	while (n > 1) {
		uint32_t half = n / 2;

		at = at[half].start <= address ? at + half : at;
		n -= half;
	}
	return at->start <= address && address < at->end ? at : NULL;
}

static int
mapped_say(const struct sf_mapped_span *s, struct dl_find_object *found)
{
	found->dlfo_map_start = (void *)s->start;
	found->dlfo_map_end = (void *)s->end;
	found->dlfo_link_map = s->map;
	found->dlfo_eh_frame = s->eh_frame;
	return 0;
}

/* Is what the later table says now what is loaded? The thread in which ld.so tells of a change may ask meanwhile. */
static bool
mapped_counts_now(uint64_t number, uint64_t count)
{
	if (number == 0 || (number & 1) || !sf_changes_intact())
		return false;
	return sf_changes_settled(count) ||
	       sf_load_ptr(&sf_changes.mover) == __builtin_thread_pointer();
}

static SF_NOINLINE int
mapped_find_later(uintptr_t address, struct dl_find_object *found)
{
	uint64_t number = sf_load_64(&later_number), count = sf_changes_count();
	const struct sf_mapped_span *s;
	struct sf_mapped_span copy = {.map = NULL};
	uint32_t n;

	sf_fence_load(); /* pairs with the store fences in mapped_walk() and of the count */
	if (!mapped_counts_now(number, count))
		return SF_MAPPED_UNSURE;
	n = sf_load_32(&later.n);
	s = n <= LATER_MOST ? sf_mapped_search(later.spans, n, address) : NULL;
	if (s != NULL)
		copy = *s;
	sf_fence_load();
	if (sf_load_64(&later_number) != number || sf_changes_count() != count)
		return SF_MAPPED_UNSURE;
	if (copy.map != NULL)
		return mapped_say(&copy, found);
	return sf_load_32(&sf_changes.spaces) || n > LATER_MOST ? SF_MAPPED_UNSURE : -1;
}

int
sf_mapped_find(void *address, struct dl_find_object *found)
{
	const struct sf_mapped_span *s =
		sf_mapped_search(initial.spans, initial.n, (uintptr_t)address);

	return sf_likely(s != NULL) ? mapped_say(s, found)
				    : mapped_find_later((uintptr_t)address, found);
}

/* ---- filling ---- */

void
sf_mapped_sort(struct sf_mapped_span *spans, uint32_t n)
{
	static const uint16_t gaps[] = {1968, 861, 336, 112, 48, 21, 7, 3, 1};

	for (unsigned int g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++)
		for (uint32_t gap = gaps[g], i = gap; i < n; i++) {
			struct sf_mapped_span s = spans[i];
			uint32_t at = i;

			for (; at >= gap && spans[at - gap].start > s.start; at -= gap)
				spans[at] = spans[at - gap];
			spans[at] = s;
		}
}

static void
mapped_put(struct table *t, const struct sf_mapped_span *s)
{
	if (t->n < t->room)
		t->spans[t->n] = *s;
	t->n++; /* beyond the room: seen by who looks at it */
}

static void *
mapped_eh_frame(const struct dl_phdr_info *info)
{
	for (unsigned int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			return (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return NULL;
}

/*
 * ld.so maps an object in one piece, from its first page to its last byte. The kernel maps the program and ld.so by
 * segments: between two of them another mapping may lie.
 */
static void
mapped_put_object(struct table *t, const struct dl_phdr_info *info, struct link_map *l)
{
	const bool pieces = l == sf_next.main || l->l_addr == sf_next.debug->r_ldbase;
	struct sf_mapped_span s = {.map = l, .eh_frame = mapped_eh_frame(info)};

	for (unsigned int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + h->p_vaddr) & page_mask;
		uintptr_t end = info->dlpi_addr + h->p_vaddr + h->p_memsz;

		if (h->p_type != PT_LOAD)
			continue;
		if (pieces && s.end != 0 && start > ((s.end + ~page_mask) & page_mask)) {
			mapped_put(t, &s);
			s.end = 0;
		}
		if (s.end == 0)
			s.start = start;
		if (end > s.end)
			s.end = end;
	}
	if (s.end > s.start)
		mapped_put(t, &s);
}

struct walk {
	struct table *to;      /* &initial, &later, or NULL: the objects are only counted */
	struct link_map *next; /* libc tells of the objects in the order of the list */
	uint64_t listed, loaded;
	bool first; /* only if nobody has filled the table yet */
	bool past;  /* beyond the initial set */
	bool wrong;
};

static void
mapped_open_later(void)
{
	sf_store_64(&later_number, (later_number | 1) + 2);
	sf_fence_store(); /* pairs with the load fences of mapped_find_later() */
	sf_store_32(&later.n, 0);
}

/* All of it within the walk: libc's second lock keeps the one that begins apart from ld.so's notices. */
static void
mapped_close_later(bool wrong)
{
	if (wrong || later.n > later.room)
		sf_store_32(&later.n, LATER_MOST + 1); /* nothing can be said of them */
	else
		sf_mapped_sort(later.spans, later.n);
	sf_fence_store(); /* pairs with the load fences of mapped_find_later() */
	sf_store_64(&later_number, later_number + 1);
}

static int
mapped_walk_end(struct walk *w, bool wrong)
{
	w->wrong = wrong;
	if (w->to == &later)
		mapped_close_later(wrong);
	return 1;
}

static int
mapped_walk_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;
	struct link_map *l = w->next;

	if (w->listed == 0 && w->to == &later) {
		if (w->first && later_number != 0)
			return 1;
		mapped_open_later();
	}
	if (size < offsetof(struct dl_phdr_info, dlpi_tls_modid) || l->l_addr != info->dlpi_addr ||
	    l->l_name != info->dlpi_name)
		return mapped_walk_end(w, true);
	w->listed++;
	w->loaded = info->dlpi_adds - info->dlpi_subs;
	if (w->to != NULL && w->past == (w->to == &later))
		mapped_put_object(w->to, info, l);
	w->past |= l == sf_next.tail;
	w->next = l->l_next;
	return w->next == NULL ? mapped_walk_end(w, false) : 0;
}

/* False: what libc tells is not its list. */
static bool
mapped_walk(struct table *to, bool first)
{
	struct walk w = {.to = to, .next = sf_next.main, .first = first};

	sf_next.iterate_phdr(mapped_walk_one, &w);
	/* libc counts the objects of all namespaces, and lists those of this one. */
	if (!w.wrong && w.listed != w.loaded)
		sf_store_32(&sf_changes.spaces, 1);
	return !w.wrong;
}

/* ---- ld.so's notices ---- */

static void
mapped_moved(bool settled)
{
	if (settled)
		mapped_walk(own ? &later : NULL, false);
	/* Of an unload in another namespace nothing tells when it ends: what _dl_find_object finds may be going. */
	if (!own && sf_load_32(&sf_changes.spaces))
		sf_store_32(&sf_changes.blind, 1);
}

/* ---- start ---- */

static bool
mapped_make_room(void)
{
	uint32_t n = 64; /* segments of the program */

	for (const struct link_map *l = sf_next.main; l != NULL; l = l->l_next)
		n++;
	initial.spans = sf_sys_map(n * sizeof(*initial.spans));
	later.spans = sf_sys_map(LATER_MOST * sizeof(*later.spans));
	initial.room = initial.spans != NULL ? n : 0;
	later.room = LATER_MOST;
	return initial.spans != NULL && later.spans != NULL;
}

static const char *
mapped_note_initial(void)
{
	if (!sf_next.iterate_is_libc)
		return "another preload's dl_iterate_phdr stands before libc's";
	if (own && !mapped_make_room())
		return "no memory for the table of objects";
	page_mask = ~(uintptr_t)(getauxval(AT_PAGESZ) - 1);
	if (!mapped_walk(own ? &initial : NULL, false) || initial.n > initial.room)
		return "the list of objects could not be read";
	if (sf_changes.spaces)
		return "LD_AUDIT, or namespaces before main";
	sf_mapped_sort(initial.spans, initial.n);
	if (own)
		sf_next.find_object = sf_mapped_find;
	return NULL;
}

const char *
sf_mapped_init(void)
{
	const char *why;

	own = sf_next.find_object == NULL || sf_next_as_tabled();
	counts = own || sf_next_as_unchained() || sf_facts_minor() < MINOR_CHAINED;
	why = counts ? mapped_note_initial() : NULL;
	if (why == NULL && counts)
		sf_changes_on_move(mapped_moved);
	return why;
}

void
sf_mapped_begin(void)
{
	if (own)
		mapped_walk(&later, true);
}

bool
sf_mapped_is_own(void)
{
	return own;
}
