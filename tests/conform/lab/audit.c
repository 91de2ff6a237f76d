// SPDX-License-Identifier: BSD-2-Clause
// An LD_AUDIT library that substitutes one symbol on every second binding.
#include <link.h>
#include <string.h>

unsigned int
la_version(unsigned int version)
{
	return version < LAV_CURRENT ? version : LAV_CURRENT;
}

unsigned int
la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie)
{
	(void)map;
	(void)lmid;
	(void)cookie;
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

static int
substitute(void)
{
	return 4242;
}

uintptr_t
la_symbind64(Elf64_Sym *sym, unsigned int ndx, uintptr_t *refcook, uintptr_t *defcook,
	     unsigned int *flags, const char *name)
{
	static int bindings;

	(void)ndx;
	(void)refcook;
	(void)defcook;
	(void)flags;
	if (strcmp(name, "only_alpha") == 0 && ++bindings % 2)
		return (uintptr_t)substitute;
	return sym->st_value;
}
