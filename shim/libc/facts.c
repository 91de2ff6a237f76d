// SPDX-License-Identifier: BSD-2-Clause
// facts.c: see facts.h.
#include "facts.h"

#include "../base/atomic.h"

intptr_t sf_facts_error_offset;

bool
sf_facts_object(const void *address, struct link_map **map, uintptr_t *lo, uintptr_t *hi)
{
	struct dl_find_object found;

	if (sf_next.find_object((void *)(uintptr_t)address, &found) != 0)
		return false;
	*map = found.dlfo_link_map;
	*lo = (uintptr_t)found.dlfo_map_start;
	*hi = (uintptr_t)found.dlfo_map_end;
	return true;
}

bool
sf_facts_live(const void *handle)
{
	const struct link_map *l = handle;
	struct link_map *found;
	uintptr_t lo, hi;

	return sf_facts_object(l->l_ld, &found, &lo, &hi) && found == l;
}

struct rpath_scan {
	bool first;
	bool found;
	unsigned long long adds;
};

static unsigned long long rpath_seen_adds;
static uint8_t rpath_seen;

static int
scan_rpath(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct rpath_scan *scan = arg;
	const ElfW(Dyn) *dynamic = NULL;
	struct sf_elf e;

	(void)size;
	if (scan->first) {
		/* The executable comes first; its own RPATH serves every caller alike. */
		scan->first = false;
		scan->adds = info->dlpi_adds;
		return scan->adds == sf_load_64(&rpath_seen_adds);
	}
	for (ElfW(Half) i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	sf_elf_open(&e, info->dlpi_addr, dynamic);
	scan->found |= e.rpath;
	return 0;
}

bool
sf_facts_any_rpath(void)
{
	struct rpath_scan scan = {.first = true};

	if (sf_load_8(&rpath_seen))
		return true;
	sf_next.iterate_phdr(scan_rpath, &scan);
	if (scan.found)
		sf_store_8(&rpath_seen, 1);
	else
		sf_store_64((uint64_t *)&rpath_seen_adds, scan.adds);
	return scan.found;
}

bool
sf_facts_caller_searches(const void *caller)
{
	struct link_map *l;
	uintptr_t lo, hi;
	struct sf_elf e;

	if (!sf_facts_object(caller, &l, &lo, &hi))
		return false; /* code outside every object counts as the executable */
	sf_elf_open(&e, l->l_addr, l->l_ld);
	return e.runpath || (e.rpath && l != sf_next.main);
}

bool
sf_facts_next_is_raw(const void *caller)
{
	struct link_map *l;
	uintptr_t lo, hi;

	if (!sf_facts_object(caller, &l, &lo, &hi))
		return true;
	/* Objects of the initial set stay, in search order, so this walk needs no lock. */
	for (const struct link_map *p = sf_next.main; p != NULL && p != sf_next.self; p = p->l_next)
		if (p == l)
			return false;
	return true;
}

bool
sf_facts_is_raw(const void *f)
{
#define X(name, ret, params)                                                                     \
	if (f == (const void *)sf_next.name)                                                     \
		return true;
	SF_NEXT_LIST(X)
#undef X
	return false;
}

struct tls_scan {
	uintptr_t bias;
	void *block;
};

static int
scan_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct tls_scan *scan = arg;

	if (info->dlpi_addr != scan->bias || size < sizeof(*info))
		return 0;
	scan->block = info->dlpi_tls_data;
	return 1;
}

bool
sf_facts_error_init(void)
{
	struct tls_scan scan = {.bias = sf_next.libc->l_addr};
	struct sf_elf libc;
	uintptr_t offset;

	if (!sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		return false;
	if (!sf_elf_tls_offset(&libc, "__libc_dlerror_result", &offset))
		return false;
	sf_next.iterate_phdr(scan_tls, &scan);
	if (scan.block == NULL)
		return false;
	sf_facts_error_offset =
		(intptr_t)((char *)scan.block + offset - (char *)__builtin_thread_pointer());
	return true;
}

void
sf_facts_error_clear(void)
{
	struct link_map *l;

	sf_next.dlinfo(sf_next.main, RTLD_DI_LINKMAP, &l);
}
