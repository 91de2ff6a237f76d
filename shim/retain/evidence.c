// SPDX-License-Identifier: BSD-2-Clause
// evidence.c: see evidence.h. The table is read and written under ld.so's lock.
#include "evidence.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../image/elf.h"
#include "../libc/facts.h"
#include "../libc/next.h"
#include "../observe/churn.h"
#include "datum.h"
#include "loader_lock.h"

#define EVIDENCE_LOADS  32
#define EVIDENCE_PIECES 24
#define EVIDENCE_BYTES  (1u << 20) /* of one load */
#define EVIDENCE_ALL    (8u << 20)
#define EVIDENCE_OFTEN  4096 /* loads; of later ones one in PART */
#define EVIDENCE_PART   16
#define EVIDENCE_NAMES  3 /* of what differs */
#define EVIDENCE_ROOM   96

/* Writable memory of one object. */
struct evidence_piece {
	const struct link_map *map;
	const char *at;
	size_t size;
	uintptr_t bss;               /* where the file's bytes end */
	uintptr_t lazy, lazy_end;    /* slots of lazy binding */
	bool read, same;             /* when the dlclose began */
	char differs[EVIDENCE_ROOM]; /* names */
};

struct evidence_load {
	const struct link_map *root; /* NULL: free */
	uint64_t turn;
	char *memory; /* the copies, one after the other, and room to read the largest */
	size_t bytes;
	unsigned int count;
	bool closing;
	struct evidence_piece piece[EVIDENCE_PIECES];
};

bool sf_evidence_on;
SF_LARGE static struct evidence_load evidence_loads[EVIDENCE_LOADS];
static uint64_t evidence_turn; /* number of the last load */
static size_t evidence_bytes;  /* of all copies */

static struct evidence_load *
evidence_find(const void *root)
{
	for (int i = 0; i < EVIDENCE_LOADS; i++)
		if (evidence_loads[i].root == root)
			return &evidence_loads[i];
	return NULL;
}

static void
evidence_free(struct evidence_load *e)
{
	if (e->memory != NULL)
		sf_sys_unmap(e->memory, e->bytes);
	evidence_bytes -= e->bytes;
	e->memory = NULL;
	e->bytes = 0;
	e->root = NULL;
}

/* A free entry, or that of the load that is open for longest. */
static struct evidence_load *
evidence_take(void)
{
	struct evidence_load *oldest = NULL;

	for (int i = 0; i < EVIDENCE_LOADS; i++) {
		struct evidence_load *e = &evidence_loads[i];

		if (e->root == NULL)
			return e;
		if (oldest == NULL || e->turn < oldest->turn)
			oldest = e;
	}
	evidence_free(oldest);
	return oldest;
}

/* ---- after the load ---- */

struct evidence_collect {
	const struct link_map *first, *last;
	struct evidence_load *load;
	bool cut; /* there is more than fits */
};

static void
evidence_add(struct evidence_collect *c, const struct evidence_piece *like, uintptr_t from,
	     uintptr_t to)
{
	struct evidence_load *e = c->load;

	if (from >= to)
		return;
	if (e->count == EVIDENCE_PIECES) {
		c->cut = true;
		return;
	}
	e->piece[e->count] = *like;
	e->piece[e->count].at = (const char *)from;
	e->piece[e->count++].size = to - from;
}

/* The slots that lazy binding fills, if they stand side by side. */
static void
evidence_find_lazy(struct evidence_piece *p)
{
	const struct sf_elf e = {.bias = p->map->l_addr};
	uintptr_t table = 0, size = 0, low = UINTPTR_MAX, high = 0;

	for (const ElfW(Dyn) *d = p->map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_JMPREL)
			table = (uintptr_t)sf_elf_table(&e, d, d->d_un.d_ptr);
		size = d->d_tag == DT_PLTRELSZ ? d->d_un.d_val : size;
	}
	for (uintptr_t at = table; at < table + size; at += sizeof(ElfW(Rela))) {
		uintptr_t slot = ((const ElfW(Rela) *)at)->r_offset;

		low = slot < low ? slot : low;
		high = slot > high ? slot : high;
	}
	if (high < low || (high - low) / sizeof(uintptr_t) + 1 != size / sizeof(ElfW(Rela)))
		return;
	p->lazy = p->map->l_addr + low;
	p->lazy_end = p->map->l_addr + high + sizeof(uintptr_t);
}

static void
evidence_add_object(struct evidence_collect *c, const struct dl_phdr_info *info,
		    const struct link_map *map)
{
	struct evidence_piece p = {.map = map};
	uintptr_t relro = 0, relro_end = 0;

	evidence_find_lazy(&p);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type != PT_GNU_RELRO)
			continue;
		relro = sf_sys_page_down(info->dlpi_addr + h->p_vaddr);
		relro_end = sf_sys_page_down(info->dlpi_addr + h->p_vaddr + h->p_memsz);
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + h->p_vaddr, to = from + h->p_memsz;

		if (h->p_type != PT_LOAD || !(h->p_flags & PF_W))
			continue;
		p.bss = from + h->p_filesz;
		if (relro_end <= from || relro >= to) {
			evidence_add(c, &p, from, to);
			continue;
		}
		evidence_add(c, &p, from, relro);
		evidence_add(c, &p, relro_end, to);
	}
}

static int
evidence_collect(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct evidence_collect *c = arg;

	(void)size;
	for (const struct link_map *l = c->first; l != NULL; l = l->l_next) {
		if (info->dlpi_addr == l->l_addr && info->dlpi_name == l->l_name)
			evidence_add_object(c, info, l);
		if (l == c->last)
			break;
	}
	return 0;
}

/* False: too much, or not to be had. */
static bool
evidence_copy(struct evidence_load *e)
{
	size_t all = 0, largest = 0;
	char *to;

	for (unsigned int i = 0; i < e->count; i++) {
		all += e->piece[i].size;
		largest = e->piece[i].size > largest ? e->piece[i].size : largest;
	}
	if (all == 0)
		return true; /* nothing that could change */
	if (all > EVIDENCE_BYTES || evidence_bytes + all + largest > EVIDENCE_ALL)
		return false;
	e->memory = sf_sys_map(all + largest);
	if (e->memory == NULL)
		return false;
	e->bytes = all + largest;
	evidence_bytes += e->bytes;
	to = e->memory;
	for (unsigned int i = 0; i < e->count; i++) {
		if (!sf_retain_datum_read(to, e->piece[i].at, e->piece[i].size))
			return false;
		to += e->piece[i].size;
	}
	return true;
}

static void
evidence_loaded_job(void *arg)
{
	struct evidence_collect *c = arg;
	struct evidence_load *e = evidence_find(c->first);

	if (e != NULL)
		evidence_free(e); /* of an earlier lifetime, which ended unseen */
	if ((++evidence_turn > EVIDENCE_OFTEN && evidence_turn % EVIDENCE_PART != 0) ||
	    !sf_facts_is_listed(c->first))
		return;
	e = evidence_take();
	*e = (struct evidence_load){.turn = evidence_turn};
	c->load = e;
	sf_next.iterate_phdr(evidence_collect, c);
	if (c->cut || !evidence_copy(e))
		evidence_free(e);
	else
		e->root = c->first;
}

static void
evidence_run(void (*job)(void *), void *arg)
{
	struct sf_facts_error saved = sf_facts_error_save();

	sf_retain_lock_run(job, arg);
	sf_facts_error_restore(saved);
}

void
sf_evidence_loaded(const struct link_map *first, const struct link_map *last)
{
	struct evidence_collect c = {.first = first, .last = last};

	if (!sf_sys_confined)
		evidence_run(evidence_loaded_job, &c);
}

/* ---- at the close ---- */

/* The first word from `at` on that is not as it was; `size`: none. */
static size_t
evidence_differs_at(const struct evidence_piece *p, const char *copy, const char *now, size_t at)
{
	for (; at < p->size; at++) {
		if (copy[at] == now[at])
			continue;
		if ((uintptr_t)(p->at + at) - p->lazy >= p->lazy_end - p->lazy)
			return at;
	}
	return p->size;
}

static void
evidence_add_name(struct evidence_piece *p, const char *name)
{
	size_t n = sf_bytes_length(p->differs, EVIDENCE_ROOM);

	if (n != 0) {
		sf_bytes_cut(p->differs + n, ", ", EVIDENCE_ROOM - n);
		n = sf_bytes_length(p->differs, EVIDENCE_ROOM);
	}
	sf_bytes_cut(p->differs + n, name, EVIDENCE_ROOM - n);
}

static void
evidence_compare(struct evidence_piece *p, const char *copy, char *now)
{
	size_t at = 0;
	int names = 0;

	p->differs[0] = '\0';
	p->same = true;
	p->read = sf_retain_datum_read(now, p->at, p->size);
	while (p->read && (at = evidence_differs_at(p, copy, now, at)) < p->size) {
		char name[64] = "...";
		uintptr_t end = 0;

		p->same = false;
		if (names < EVIDENCE_NAMES)
			end = sf_retain_datum_name(p->map, (uintptr_t)(p->at + at) & ~(uintptr_t)7,
						   p->bss, name, sizeof(name));
		evidence_add_name(p, name);
		if (names++ == EVIDENCE_NAMES)
			break;
		at = end > (uintptr_t)(p->at + at) ? end - (uintptr_t)p->at : at + 1;
	}
}

static void
evidence_closing_job(void *arg)
{
	struct evidence_load *e = evidence_find(arg);
	const char *copy = e != NULL ? e->memory : NULL;
	char *room;

	if (e == NULL || !sf_facts_is_listed(e->root))
		return;
	e->closing = true;
	room = e->memory;
	for (unsigned int i = 0; i < e->count; i++)
		room += e->piece[i].size;
	for (unsigned int i = 0; i < e->count; i++) {
		struct evidence_piece *p = &e->piece[i];

		p->read = false;
		if (sf_facts_is_listed(p->map))
			evidence_compare(p, copy, room);
		copy += p->size;
	}
}

void
sf_evidence_closing(const void *handle)
{
	if (!sf_sys_confined)
		evidence_run(evidence_closing_job, (void *)(uintptr_t)handle);
}

struct evidence_end {
	const void *handle;
	const char *file;
};

/* What is gone by this dlclose counts; what others still need does not. */
static void
evidence_closed_job(void *arg)
{
	const struct evidence_end *end = arg;
	struct evidence_load *e = evidence_find(end->handle);
	const char *differs = "";
	bool all = true;

	if (e == NULL || !e->closing)
		return;
	e->closing = false;
	if (sf_facts_is_listed(e->root))
		return;
	for (unsigned int i = 0; i < e->count; i++) {
		const struct evidence_piece *p = &e->piece[i];

		all = all && (p->read || sf_facts_is_listed(p->map));
		if (p->read && !p->same && differs[0] == '\0' && !sf_facts_is_listed(p->map))
			differs = p->differs;
	}
	if (all)
		sf_churn_compared(end->file, differs);
	evidence_free(e);
}

void
sf_evidence_closed(const void *handle, const char *file)
{
	struct evidence_end end = {handle, file};

	if (!sf_sys_confined)
		evidence_run(evidence_closed_job, &end);
}
