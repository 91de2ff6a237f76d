// SPDX-License-Identifier: BSD-2-Clause
// initial.c: see initial.h.
#include "initial.h"

#include "../base/bytes.h"

/* libc, or the libm that lies beside it and was built with it: it needs what libc keeps for its own. */
static bool
initial_is_glibc(const struct link_map *l, const struct sf_elf *e)
{
	const char *libc = sf_next.libc->l_name;
	size_t folder = (size_t)(sf_bytes_base(libc) - libc);

	if (l == sf_next.libc)
		return true;
	if (e->soname == NULL || !sf_bytes_same(e->soname, "libm.so.6") ||
	    !sf_elf_needs_version(e, l->l_ld, "libc.so.6", "GLIBC_PRIVATE") ||
	    (size_t)(sf_bytes_base(l->l_name) - l->l_name) != folder)
		return false;
	for (size_t i = 0; i < folder; i++)
		if (l->l_name[i] != libc[i])
			return false;
	return true;
}

bool
sf_initial_is_fixed(const struct link_map *l, const struct sf_elf *e, const char *name)
{
	return sf_elf_special_is_ifunc(e, name) && initial_is_glibc(l, e);
}

/* Tables of the first ones, which never move; of more than these they are read each time. */
#define INITIAL_KEPT 64
static struct initial_tables {
	struct sf_elf elf;
	bool good;
} initial_kept[INITIAL_KEPT];
static unsigned int initial_count;

/* The vdso has no search list to be in: libc never finds a name there by itself. */
static void
initial_read(struct initial_tables *t, const struct link_map *l)
{
	t->good = sf_elf_open(&t->elf, l->l_addr, l->l_ld) && !sf_facts_is_vdso(l);
}

void
sf_initial_init(void)
{
	initial_count = 0;
	for (const struct link_map *l = sf_next.main; l != NULL && initial_count < INITIAL_KEPT;
	     l = l == sf_next.tail ? NULL : l->l_next)
		initial_read(&initial_kept[initial_count++], l);
}

struct sf_initial_name
sf_initial_name(const char *name)
{
	struct sf_initial_name of = {.special = false};
	uint32_t hash = sf_elf_hash(name);
	unsigned int i = 0;

	for (const struct link_map *l = sf_next.main; l != NULL && !of.special;
	     l = l == sf_next.tail ? NULL : l->l_next, i++) {
		struct initial_tables more;
		const struct initial_tables *t = i < initial_count ? &initial_kept[i] : &more;

		if (t == &more)
			initial_read(&more, l);
		if (!t->good || !sf_elf_may_have(&t->elf, hash))
			continue;
		of.special = sf_elf_defines_special(&t->elf, name, &of.unsure);
		if (of.special && sf_initial_is_fixed(l, &t->elf, name)) {
			of.special = false;
			of.fixed = true;
		}
		of.plain = of.plain || sf_elf_defines(&t->elf, name);
	}
	return of;
}

bool
sf_initial_defines_as(const char *name, const char *version)
{
	for (const struct link_map *l = sf_next.main; l != NULL;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		struct sf_elf e;

		if (!sf_facts_is_vdso(l) && sf_elf_open(&e, l->l_addr, l->l_ld) &&
		    sf_elf_defines_as(&e, l->l_ld, name, version))
			return true;
	}
	return false;
}

static void
initial_put(struct sf_initial_place *to, const struct link_map *l, uintptr_t value)
{
	if (to->l == NULL)
		*to = (struct sf_initial_place){l, value};
}

bool
sf_initial_next(const struct link_map *caller, const char *name, struct sf_initial_next *out)
{
	bool behind_caller = false, behind_self = false;

	*out = (struct sf_initial_next){{NULL}, {NULL}, {NULL}};
	for (const struct link_map *l = sf_next.main; l != NULL;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		uintptr_t value = 0;
		struct sf_elf e;

		if (sf_facts_is_vdso(l))
			continue;
		if (!sf_elf_open(&e, l->l_addr, l->l_ld) || !sf_elf_is_hashed(&e))
			return false;
		if (sf_elf_ends(&e, name, &value)) {
			initial_put(&out->whole, l, value);
			if (behind_self)
				initial_put(&out->self, l, value);
			if (behind_caller)
				initial_put(&out->next, l, value);
		}
		behind_caller |= l == caller;
		behind_self |= l == sf_next.self;
		if (out->next.l != NULL && out->self.l != NULL)
			break;
	}
	return out->next.l != NULL;
}
