// SPDX-License-Identifier: BSD-2-Clause
// next.c: see next.h.
#include "next.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include <elf.h>

struct sf_next sf_next;

/* The loader's list, through our own relocation once that has been applied. */
extern struct r_debug sf_loader_debug __asm__("_r_debug") __attribute__((weak));
extern const ElfW(Dyn) sf_own_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

static const ElfW(Dyn) * next_dynamic_of(uintptr_t bias, const ElfW(Phdr) * ph, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			return (const ElfW(Dyn) *)(bias + ph[i].p_vaddr);
	return NULL;
}

/*
 * Before our own relocation: the kernel tells where ld.so is (AT_BASE), or, when ld.so was started
 * as a command, AT_PHDR is ld.so's own. Its symbol table has _r_debug.
 */
static struct r_debug *
next_debug_from_auxv(void)
{
	uintptr_t base = sf_sys_auxv(AT_BASE);
	struct sf_elf loader;
	const ElfW(Ehdr) * eh;

	if (base == 0) {
		base = sf_sys_auxv(AT_PHDR);
		if (base == 0)
			return NULL;
		base -= sizeof(ElfW(Ehdr));
	}
	eh = (const ElfW(Ehdr) *)base;
	if (!sf_elf_open(
		    &loader, base,
		    next_dynamic_of(base, (const ElfW(Phdr) *)(base + eh->e_phoff), eh->e_phnum)))
		return NULL;
	return sf_elf_function(&loader, "_r_debug");
}

static struct r_debug *
next_find_debug(void)
{
	struct r_debug *d = &sf_loader_debug;

	__asm__("" : "+r"(d)); /* the compiler must not assume that the address is not NULL */
	if (d == NULL)
		d = next_debug_from_auxv();
	return d != NULL && d->r_map != NULL ? d : NULL;
}

/* The first definition of `name` after this object, in the order of the initial set. */
static void *
next_definition(const char *name, struct link_map **owner)
{
	for (struct link_map *l = sf_next.self->l_next; l != NULL; l = l->l_next) {
		struct sf_elf e;
		void *f;

		if (!sf_elf_open(&e, l->l_addr, l->l_ld))
			continue;
		f = sf_elf_function(&e, name);
		if (f != NULL) {
			*owner = l;
			return f;
		}
	}
	return NULL;
}

static bool
next_is_libc(const struct link_map *l)
{
	struct sf_elf e;

	if (!sf_elf_open(&e, l->l_addr, l->l_ld) || e.soname == NULL)
		return false;
	return sf_bytes_same(e.soname, "libc.so.6") || sf_bytes_same(e.soname, "libdl.so.2");
}

static bool
next_find_maps(void)
{
	struct r_debug *d = next_find_debug();

	if (d == NULL)
		return false;
	sf_next.debug = d;
	sf_next.main = d->r_map;
	for (struct link_map *l = d->r_map; l != NULL; l = l->l_next) {
		if (l->l_ld == sf_own_dynamic)
			sf_next.self = l;
		sf_next.tail = l;
	}
	return sf_next.self != NULL;
}

void *
sf_next_find(const char *name)
{
	struct link_map *owner;

	return sf_next.self != NULL ? next_definition(name, &owner) : NULL;
}

bool
sf_next_boot(void)
{
	struct link_map *owner = NULL;
	struct sf_elf libc;
	bool all = true;

	if (sf_next.dlsym != NULL)
		return true;
	if (!next_find_maps())
		return false;
#define X(name, ret, params)                                                                       \
	sf_next.name = (ret(*) params)next_definition(#name, &owner);                              \
	all = all && sf_next.name != NULL;                                                         \
	sf_next.interposed |= owner != NULL && !next_is_libc(owner);
	SF_NEXT_LIST(X)
#undef X
	sf_next.libc = owner;
	sf_next.load = sf_next.dlopen;
	sf_next.unload = sf_next.dlclose;
#define X(name, ret, params) sf_next.own.name = sf_next.name;
	SF_NEXT_LIST(X)
#undef X
	sf_next.looking_is_libc = true;
#define X(name, ret, params)                                                                       \
	sf_next.name = (ret(*) params)next_definition(#name, &owner);                              \
	sf_next.looking_is_libc &= sf_next.name != NULL && next_is_libc(owner);
	SF_NEXT_LOOKING(X)
#undef X
	if (sf_next.libc != NULL && sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		sf_next.writev = (ssize_t(*)(int, const struct iovec *, int))sf_elf_function(
			&libc, "writev");
	sf_next.looking_is_libc &= sf_next.writev != NULL;
	sf_next.realpath = (char *(*)(const char *, char *))next_definition("realpath", &owner);
	sf_next.realpath_is_libc = owner == sf_next.libc;
	sf_next.find_object = (int (*)(void *, struct dl_find_object *))next_definition(
		"_dl_find_object", &owner);
	sf_next.iterate_phdr = (int (*)(int (*)(struct dl_phdr_info *, size_t, void *),
					void *))next_definition("dl_iterate_phdr", &owner);
	sf_next.iterate_is_libc = owner == sf_next.libc;
	return all;
}
