// SPDX-License-Identifier: BSD-2-Clause
// Leads the executable's own calls of realpath to the C level, by its slots in the GOT.
//
// realpath is not exported: no other process, and no other object of this one, sees anything of it.
// A slot is taken only if it stands for the newer of libc's two functions (the older one refuses a
// NULL buffer), and only if nobody else defines the name before libc.
#include "level.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../image/elf.h"
#include <sys/mman.h>

#ifdef __x86_64__
#define REALPATH_VERSION "GLIBC_2.3"
#define IS_SLOT(type)    ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#else
#define REALPATH_VERSION "GLIBC_2.17"
#define IS_SLOT(type)    ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#endif

struct slots {
	const struct sf_go_env *env;
	struct sf_elf elf;
	const ElfW(Rela) * table[2]; // of the PLT, and the rest
	size_t bytes[2];
	const ElfW(Verneed) * needs;
	uintptr_t frozen, thawed; // what ld.so has made read-only
	unsigned int bound;
};

static bool
bind_is_loaded(const struct slots *s, uintptr_t at)
{
	for (size_t i = 0; i < s->env->phnum; i++) {
		const ElfW(Phdr) *p = &s->env->phdr[i];

		if (p->p_type == PT_LOAD && at - s->elf.bias - p->p_vaddr < p->p_memsz)
			return true;
	}
	return false;
}

// ld.so adds the bias to some entries of the dynamic section, and on some machines to none.
static const void *
bind_pointer(const struct slots *s, uintptr_t at)
{
	if (bind_is_loaded(s, at))
		return (const void *)at;
	return bind_is_loaded(s, at + s->elf.bias) ? (const void *)(at + s->elf.bias) : NULL;
}

SF_START static void
bind_find_tables(struct slots *s)
{
	for (const ElfW(Dyn) *d = s->env->main->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_JMPREL)
			s->table[0] = bind_pointer(s, d->d_un.d_ptr);
		else if (d->d_tag == DT_PLTRELSZ)
			s->bytes[0] = d->d_un.d_val;
		else if (d->d_tag == DT_RELA)
			s->table[1] = bind_pointer(s, d->d_un.d_ptr);
		else if (d->d_tag == DT_RELASZ)
			s->bytes[1] = d->d_un.d_val;
		else if (d->d_tag == DT_VERNEED)
			s->needs = bind_pointer(s, d->d_un.d_ptr);
	}
	for (size_t i = 0; i < s->env->phnum; i++) {
		const ElfW(Phdr) *p = &s->env->phdr[i];
		uintptr_t mask = ~(uintptr_t)(s->env->page - 1);

		if (p->p_type != PT_GNU_RELRO)
			continue;
		s->frozen = (s->elf.bias + p->p_vaddr) & mask;
		s->thawed = (s->elf.bias + p->p_vaddr + p->p_memsz) & mask;
	}
}

// The version that the symbol is wanted in; NULL if none is named.
static const char *
bind_version_of(const struct slots *s, size_t symbol)
{
	const char *need = (const char *)s->needs;
	unsigned int wanted = s->elf.versym ? s->elf.versym[symbol] & 0x7fff : 0;

	while (need && wanted > VER_NDX_GLOBAL) {
		const ElfW(Verneed) *n = (const ElfW(Verneed) *)need;
		const char *aux = need + n->vn_aux;

		for (unsigned int i = 0; i < n->vn_cnt; i++) {
			const ElfW(Vernaux) *a = (const ElfW(Vernaux) *)aux;

			if (a->vna_other == wanted)
				return s->elf.strtab + a->vna_name;
			aux += a->vna_next;
		}
		if (n->vn_next == 0)
			break;
		need += n->vn_next;
	}
	return NULL;
}

static bool
bind_protect(const struct slots *s, uintptr_t at, long rights)
{
	uintptr_t page = at & ~(uintptr_t)(s->env->page - 1);

	return sf_syscall6(SYS_mprotect, (long)page, (long)s->env->page, rights, 0, 0, 0) == 0;
}

static void
bind_slot(struct slots *s, const ElfW(Rela) * r)
{
	const size_t symbol = ELF64_R_SYM(r->r_info);
	const uintptr_t at = s->elf.bias + r->r_offset;
	const bool frozen = at >= s->frozen && at < s->thawed;
	const char *version;

	if (!IS_SLOT(ELF64_R_TYPE(r->r_info)) || !bind_is_loaded(s, at) || at % sizeof(void *) ||
	    !sf_bytes_same(s->elf.strtab + s->elf.symtab[symbol].st_name, "realpath"))
		return;
	version = bind_version_of(s, symbol);
	if (!version || !sf_bytes_same(version, REALPATH_VERSION))
		return;
	if (frozen && !bind_protect(s, at, PROT_READ | PROT_WRITE))
		return;
	__atomic_store_n((uintptr_t *)at, (uintptr_t)sf_go_realpath, __ATOMIC_RELAXED);
	if (frozen)
		bind_protect(s, at, PROT_READ);
	s->bound++;
}

// Whose realpath would the executable get?
static void *
bind_first_definition(const struct link_map *l)
{
	for (; l; l = l->l_next) {
		struct sf_elf e;
		void *at = sf_elf_open(&e, l->l_addr, l->l_ld) ? sf_elf_function(&e, "realpath")
							       : NULL;

		if (at)
			return at;
	}
	return NULL;
}

SF_START bool
sf_go_bind_realpath(const struct sf_go_env *env)
{
	struct slots s = {.env = env};

	if (!env->phdr || !env->page || !sf_elf_open(&s.elf, env->main->l_addr, env->main->l_ld))
		return false;
	if (bind_first_definition(env->main) != (void *)env->realpath)
		return false;
	bind_find_tables(&s);
	for (int t = 0; t < 2; t++) {
		for (size_t i = 0; s.table[t] && i < s.bytes[t] / sizeof(ElfW(Rela)); i++)
			bind_slot(&s, &s.table[t][i]);
	}
	return s.bound != 0;
}
