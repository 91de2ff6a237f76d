// SPDX-License-Identifier: BSD-2-Clause
// shot.c: see shot.h.
#include "shot.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../image/symbols.h"
#include "../libc/facts.h"
#include "../libc/next.h"

#define SHOT_BYTES (1u << 20)

/* ---- where things are ---- */

static void
shot_widen(struct sf_retain_shot_member *m, uintptr_t from, uintptr_t to)
{
	if (from == to)
		return;
	m->from = m->from == 0 || from < m->from ? from : m->from;
	m->to = to > m->to ? to : m->to;
}

bool
sf_retain_shot_group(struct sf_retain_shot_group *g, sf_retain_set set)
{
	for (g->count = 0; set != 0; set &= set - 1) {
		int place = __builtin_ctzll(set);
		const struct sf_retain_place *p = &sf_retain_places[place];
		struct sf_retain_shot_member *m = &g->member[g->count];

		if (g->count++ == SF_RETAIN_SHOT_MEMBERS)
			return false;
		*m = (struct sf_retain_shot_member){.place = (uint8_t)place,
						    .bias = p->map->l_addr};
		for (int i = 0; i < p->nspans; i++)
			shot_widen(m, p->spans[i].from, p->spans[i].to);
		for (int i = 0; i < p->nranges; i++)
			shot_widen(m, (uintptr_t)p->ranges[i].at,
				   (uintptr_t)p->ranges[i].at + p->ranges[i].size);
	}
	return true;
}

struct sf_retain_shot_value
sf_retain_shot_value(const struct sf_retain_shot_group *g, uintptr_t word)
{
	for (unsigned int i = 0; i < g->count; i++)
		if (word - g->member[i].from < g->member[i].to - g->member[i].from)
			return (struct sf_retain_shot_value){word - g->member[i].bias,
							     (uint8_t)(i + 1)};
	return (struct sf_retain_shot_value){word, 0};
}

bool
sf_retain_shot_same(const struct sf_retain_shot_value *a, const struct sf_retain_shot_value *b)
{
	return a->value == b->value && a->member == b->member;
}

bool
sf_retain_shot_is_elsewhere(const struct sf_retain_shot_value *a,
			    const struct sf_retain_shot_value *b)
{
	return a->member == 0 && b->member == 0 && a->value > 65535 && b->value > 65535 &&
	       sf_sys_is_mapped((const void *)a->value) && sf_sys_is_mapped((const void *)b->value);
}

/* ---- memory ---- */

const struct sf_retain_range *
sf_retain_shot_range(const struct sf_retain_place *p, int i)
{
	return i < p->nranges ? &p->ranges[i] : i == p->nranges ? &p->relro : NULL;
}

static size_t
shot_measure(const struct sf_retain_shot_group *g)
{
	const struct sf_retain_range *r;
	size_t all = 0;

	for (unsigned int i = 0; i < g->count; i++)
		for (int k = 0;
		     (r = sf_retain_shot_range(&sf_retain_places[g->member[i].place], k)); k++)
			all += r->size;
	return all;
}

static void
shot_copy(const struct sf_retain_shot_group *g, char *to)
{
	const struct sf_retain_range *r;

	for (unsigned int i = 0; i < g->count; i++)
		for (int k = 0;
		     (r = sf_retain_shot_range(&sf_retain_places[g->member[i].place], k)); k++)
			to = r->size > 0 ? sf_bytes_put(to, r->at, r->size) : to;
}

/* ---- what the handle finds ---- */

/* A symbol of the object that dlsym gives the address of, and nothing runs for; NULL: not this one. */
static const char *
shot_symbol_name(const struct sf_elf *e, uint32_t index)
{
	const ElfW(Sym) *s = &e->symtab[index];
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS &&
			       (type == STT_FUNC || type == STT_OBJECT) &&
			       ELF64_ST_BIND(s->st_info) != STB_LOCAL && s->st_name < e->strsz
		       ? e->strtab + s->st_name
		       : NULL;
}

static uint32_t
shot_symbol_count(const struct sf_elf *e)
{
	struct sf_symbols all;

	return sf_symbols_open(&all, e) ? all.end : 0;
}

void
sf_retain_shot_look_up(struct link_map *map, const struct sf_retain_shot_group *g, uint32_t first,
		       struct sf_retain_shot_value *to)
{
	struct sf_facts_error saved = sf_facts_error_save();
	struct sf_elf e;
	uint32_t count = sf_elf_open(&e, map->l_addr, map->l_ld) ? shot_symbol_count(&e) : 0;

	for (uint32_t i = 0; i < SF_RETAIN_SHOT_SYMBOLS; i++) {
		const char *name = first + i < count ? shot_symbol_name(&e, first + i) : NULL;
		void *value = name != NULL ? sf_next.own.dlsym(map, name) : NULL;

		to[i] = sf_retain_shot_value(g, (uintptr_t)value);
	}
	sf_facts_error_restore(saved);
}

static uint32_t
shot_first_symbol(const struct link_map *map, uint32_t turn)
{
	struct sf_elf e;
	uint32_t count = sf_elf_open(&e, map->l_addr, map->l_ld) ? shot_symbol_count(&e) : 0;

	return count > SF_RETAIN_SHOT_SYMBOLS ? 1 + turn * SF_RETAIN_SHOT_SYMBOLS % (count - 1) : 1;
}

void
sf_retain_shot_take(struct sf_retain_shot *s, int root, sf_retain_set set, uint32_t turn)
{
	const struct sf_retain_place *p = &sf_retain_places[root];

	if (!sf_retain_shot_group(&s->group, set))
		return;
	s->bytes = shot_measure(&s->group);
	if (s->bytes == 0 || s->bytes > SHOT_BYTES)
		return;
	s->memory = sf_sys_map(s->bytes);
	if (s->memory == NULL)
		return;
	shot_copy(&s->group, s->memory);
	for (unsigned int i = 0; i < s->group.count; i++)
		s->identity[i] = sf_retain_places[s->group.member[i].place].identity;
	if (SF_SEAM_LIE(p->name))
		s->memory[(s->bytes - p->relro.size) / 2] ^= 1;
	s->first = shot_first_symbol(p->map, turn);
	sf_retain_shot_look_up(p->map, &s->group, s->first, s->symbol);
	s->root = root;
	s->set = set;
}

void
sf_retain_shot_drop(struct sf_retain_shot *s)
{
	sf_sys_unmap(s->memory, s->bytes);
	s->set = 0;
}

bool
sf_retain_shot_fits(const struct sf_retain_shot *s, const struct sf_retain_shot_group *now)
{
	for (unsigned int i = 0; i < now->count; i++) {
		const struct sf_retain_place *p = &sf_retain_places[now->member[i].place];

		if (p->fit != SF_RETAIN_FIT ||
		    !sf_retain_identity_same(&p->identity, &s->identity[i]))
			return false;
	}
	return shot_measure(now) == s->bytes;
}
