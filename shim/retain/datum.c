// SPDX-License-Identifier: BSD-2-Clause
// datum.c: see datum.h.
#include "datum.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../image/symbols.h"
#include <sys/uio.h>

bool
sf_retain_datum_read(void *to, const void *from, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
	long self = sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);

	return sf_syscall6(SYS_process_vm_readv, self, (long)&here, 1, (long)&there, 1, 0) ==
	       (long)size;
}

/* The symbol that covers an offset from the load bias; NULL: none that has a size. */
static const ElfW(Sym) * datum_find(const struct sf_elf *e, uintptr_t offset)
{
	struct sf_symbols all;
	struct sf_symbols_walk walk = {0};
	enum sf_symbols_step step;
	uint32_t index;

	if (!sf_symbols_open(&all, e))
		return NULL;
	while ((step = sf_symbols_step(&all, &walk, &index)) != SF_SYMBOLS_END) {
		const ElfW(Sym) *s = &e->symtab[index];

		if (step == SF_SYMBOLS_ONE && s->st_shndx != SHN_UNDEF &&
		    offset - s->st_value < s->st_size)
			return s;
	}
	return NULL;
}

static void
datum_put_hex(char *to, size_t room, uintptr_t value)
{
	int digits = 1;

	for (uintptr_t left = value >> 4; left != 0; left >>= 4)
		digits++;
	if ((size_t)digits >= room)
		digits = 0;
	for (int i = digits - 1; i >= 0; i--, value >>= 4)
		to[i] = "0123456789abcdef"[value & 15];
	to[digits] = '\0';
}

uintptr_t
sf_retain_datum_name(const struct link_map *map, uintptr_t at, uintptr_t bss, char *to, size_t room)
{
	const size_t prefix = sizeof("data:0x") - 1;
	const ElfW(Sym) *found = NULL;
	struct sf_elf e;

	if (sf_elf_open(&e, map->l_addr, map->l_ld))
		found = datum_find(&e, at - map->l_addr);
	if (found != NULL) {
		sf_bytes_cut(to, e.strtab + found->st_name, room);
		return map->l_addr + found->st_value + found->st_size;
	}
	sf_bytes_cut(to, at < bss ? "data:0x" : "bss:0x", room);
	if (room > prefix)
		datum_put_hex(to + prefix - (at >= bss), room - prefix, at - map->l_addr);
	return at + sizeof(uintptr_t);
}
