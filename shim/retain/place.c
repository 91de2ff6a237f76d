// SPDX-License-Identifier: BSD-2-Clause
// place.c: see place.h.
#include "place.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../image/symbols.h"
#include "../libc/next.h"
#include "image.h"
#include "sets.h"
#include <sys/mman.h>

const char *sf_retain_libc_version;
SF_LARGE struct sf_retain_place sf_retain_places[SF_RETAIN_PLACES];
uint64_t sf_retain_mapped;
static uint64_t place_turn; /* number of the last unload */

struct sf_retain_stubs sf_retain_place_stubs;
int (*sf_retain_place_find_object)(void *address, struct dl_find_object *found);
#define PLACE_STUB 16 /* bytes from one to the next */

int
sf_retain_place_find(const struct link_map *map)
{
	for (uint64_t left = sf_retain_mapped; left != 0; left &= left - 1)
		if (sf_retain_places[__builtin_ctzll(left)].map == map)
			return __builtin_ctzll(left);
	return -1;
}

/* A place for this name: its own from an earlier load, an unused one, or that of the longest gone. */
static int
place_take(const char *name)
{
	int best = -1;

	for (int i = 0; i < SF_RETAIN_PLACES; i++) {
		const struct sf_retain_place *p = &sf_retain_places[i];

		if (p->map != NULL)
			continue;
		if (sf_bytes_same(p->name, name))
			return i;
		/* One that was never used has turn 0. */
		if (best < 0 || p->gone < sf_retain_places[best].gone)
			best = i;
	}
	return best;
}

/* ---- what the dynamic section says ---- */

struct place_dynamic {
	ElfW(Dyn) * init, *fini, *init_array, *init_size, *fini_array, *fini_size;
	bool static_tls;
};

static struct place_dynamic
place_read_dynamic(ElfW(Dyn) * d)
{
	struct place_dynamic found = {0};

	for (; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_INIT:
			found.init = d;
			break;
		case DT_FINI:
			found.fini = d;
			break;
		case DT_INIT_ARRAY:
			found.init_array = d;
			break;
		case DT_INIT_ARRAYSZ:
			found.init_size = d;
			break;
		case DT_FINI_ARRAY:
			found.fini_array = d;
			break;
		case DT_FINI_ARRAYSZ:
			found.fini_size = d;
			break;
		case DT_FLAGS:
			found.static_tls = (d->d_un.d_val & DF_STATIC_TLS) != 0;
			break;
		default:
			break;
		}
	}
	return found;
}

static void
place_keep_functions(struct sf_retain_place *p, const struct place_dynamic *d)
{
	uintptr_t bias = p->map->l_addr;

	p->init = d->init != NULL ? (sf_retain_init_fn)(bias + d->init->d_un.d_ptr) : NULL;
	p->fini = d->fini != NULL ? (sf_retain_fini_fn)(bias + d->fini->d_un.d_ptr) : NULL;
	p->init_array = d->init_array != NULL
				? (const uintptr_t *)(bias + d->init_array->d_un.d_ptr)
				: NULL;
	p->fini_array = d->fini_array != NULL
				? (const uintptr_t *)(bias + d->fini_array->d_un.d_ptr)
				: NULL;
	p->init_count = d->init_size != NULL ? d->init_size->d_un.d_val / sizeof(uintptr_t) : 0;
	p->fini_count = d->fini_size != NULL ? d->fini_size->d_un.d_val / sizeof(uintptr_t) : 0;
}

static void
place_nothing(void)
{
}

/* One function instead of all of a kind: in the array if there is one, else where the single one is named. */
static void
place_patch(uintptr_t bias, ElfW(Dyn) * one, ElfW(Dyn) * array, ElfW(Dyn) * size, uintptr_t *slot,
	    const char *stub)
{
	if (array != NULL && size != NULL) {
		*slot = (uintptr_t)stub;
		array->d_un.d_ptr = (uintptr_t)slot - bias;
		size->d_un.d_val = sizeof(*slot);
		if (one != NULL)
			one->d_un.d_ptr = (uintptr_t)place_nothing - bias;
	} else if (one != NULL) {
		one->d_un.d_ptr = (uintptr_t)stub - bias;
	}
}

/* Opens the pages of the dynamic section for writing, which a glibc that relocates before it tells has closed. */
static bool
place_dynamic_protect(const struct sf_retain_place *p, int protection)
{
	uintptr_t from = sf_sys_page_down((uintptr_t)p->map->l_ld), to = (uintptr_t)p->map->l_ld;

	for (const ElfW(Dyn) *d = p->map->l_ld; d->d_tag != DT_NULL; d++)
		to = (uintptr_t)(d + 2);
	to = sf_sys_page_up(to);
	return sf_syscall6(SYS_mprotect, (long)from, (long)(to - from), protection, 0, 0, 0) == 0;
}

/* Does libc relocate before it tells of the load (2.41 and newer), so that RELRO is read-only by now? */
static bool
place_told_late(void)
{
	const char *v = sf_retain_libc_version;

	return v != NULL && v[0] == '2' && v[1] == '.' && v[2] >= '0' &&
	       (v[2] - '0') * 10 + (v[3] >= '0' && v[3] <= '9' ? v[3] - '0' : 0) >= 41;
}

static bool
place_in_relro(const struct sf_retain_place *p)
{
	return p->relro.size != 0 &&
	       (uintptr_t)p->map->l_ld - (uintptr_t)p->relro.at < p->relro.size;
}

static bool
place_put_stubs(int place, const struct place_dynamic *d)
{
	struct sf_retain_place *p = &sf_retain_places[place];
	bool closed = place_in_relro(p) && place_told_late();

	if (closed && !place_dynamic_protect(p, PROT_READ | PROT_WRITE))
		return false;
	place_patch(p->map->l_addr, d->init, d->init_array, d->init_size, &p->init_one,
		    sf_retain_place_stubs.init + place * PLACE_STUB);
	place_patch(p->map->l_addr, d->fini, d->fini_array, d->fini_size, &p->fini_one,
		    sf_retain_place_stubs.fini + place * PLACE_STUB);
	if (closed)
		place_dynamic_protect(p, PROT_READ);
	return true;
}

/* ---- its memory ---- */

struct place_scan {
	struct sf_retain_place *p;
	bool found, strange, tls;
	size_t module;
};

static void
place_add_range(struct place_scan *s, uintptr_t from, uintptr_t to, uintptr_t plain)
{
	struct sf_retain_place *p = s->p;

	if (from >= to)
		return;
	if (p->nranges == SF_RETAIN_RANGES) {
		s->strange = true;
		return;
	}
	p->ranges[p->nranges++] = (struct sf_retain_range){
		.at = (char *)from, .size = to - from, .plain = (char *)plain};
}

/* A writable segment, without the part that is read-only after relocation. */
static void
place_add_segment(struct place_scan *s, uintptr_t from, uintptr_t to, uintptr_t plain)
{
	uintptr_t lo = (uintptr_t)s->p->relro.at, hi = lo + s->p->relro.size;

	if (hi <= from || lo >= to) {
		place_add_range(s, from, to, plain);
		return;
	}
	place_add_range(s, from, lo > from ? lo : from, plain);
	place_add_range(s, hi < to ? hi : to, to, plain);
}

static void
place_add_span(struct place_scan *s, uintptr_t from, uintptr_t to, unsigned int flags)
{
	struct sf_retain_place *p = s->p;

	if (p->nspans == SF_RETAIN_SPANS) {
		s->strange = true;
		return;
	}
	p->spans[p->nspans++] = (struct sf_retain_span){
		.from = sf_sys_page_down(from),
		.to = sf_sys_page_up(to),
		.protection = ((flags & PF_R) ? PROT_READ : 0) | ((flags & PF_X) ? PROT_EXEC : 0),
	};
}

static void
place_note_relro(struct sf_retain_place *p, uintptr_t bias, const ElfW(Phdr) * h)
{
	uintptr_t from = sf_sys_page_down(bias + h->p_vaddr);
	uintptr_t to = sf_sys_page_down(bias + h->p_vaddr + h->p_memsz);

	if (to > from)
		p->relro = (struct sf_retain_range){.at = (char *)from, .size = to - from};
}

static int
place_scan(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place_scan *s = arg;
	struct sf_retain_place *p = s->p;

	(void)size;
	if (info->dlpi_addr != p->map->l_addr || info->dlpi_name != p->map->l_name)
		return 0;
	s->found = true;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			place_note_relro(p, info->dlpi_addr, &info->dlpi_phdr[i]);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && (h->p_flags & PF_W))
			place_add_segment(s, from, from + h->p_memsz,
					  sf_sys_page_up(from + h->p_filesz));
		if (h->p_type == PT_LOAD && !(h->p_flags & PF_W) && h->p_memsz > 0)
			place_add_span(s, from, from + h->p_memsz, h->p_flags);
		if (h->p_type == PT_DYNAMIC)
			p->dynamic_size = h->p_memsz;
		if (h->p_type == PT_TLS) {
			s->tls = true;
			s->module = info->dlpi_tls_modid;
			p->tls_image = from;
			p->tls_copied = h->p_filesz;
			p->tls_size = h->p_memsz;
		}
	}
	return 1;
}

/* Does it take the name from others: one that asks for destructors at thread end? */
static bool
place_imports(const struct sf_elf *e, const ElfW(Dyn) * d, const char *name)
{
	size_t count = sf_symbols_imports_end(e, d);

	for (size_t i = 1; i < count; i++)
		if (e->symtab[i].st_shndx == SHN_UNDEF &&
		    sf_bytes_same(e->strtab + e->symtab[i].st_name, name))
			return true;
	return false;
}

#ifdef __x86_64__
#define PLACE_TLSDESC R_X86_64_TLSDESC
#define PLACE_TPOFF   R_X86_64_TPOFF64
#else
#define PLACE_TLSDESC R_AARCH64_TLSDESC
#define PLACE_TPOFF   R_AARCH64_TLS_TPREL
#endif

static bool
place_relocates_in(const ElfW(Rela) * r, size_t size, uint32_t kind)
{
	for (; r != NULL && size >= sizeof(*r); size -= sizeof(*r), r++)
		if (ELF64_R_TYPE(r->r_info) == kind)
			return true;
	return false;
}

/* Is any relocation of that kind? ld.so has made the addresses absolute. */
static bool
place_relocates(const ElfW(Dyn) * d, uint32_t kind)
{
	const ElfW(Rela) *rela = NULL, *plt = NULL;
	size_t size = 0, plt_size = 0;

	for (; d->d_tag != DT_NULL; d++) {
		rela = d->d_tag == DT_RELA ? (const ElfW(Rela) *)d->d_un.d_ptr : rela;
		size = d->d_tag == DT_RELASZ ? d->d_un.d_val : size;
		plt = d->d_tag == DT_JMPREL ? (const ElfW(Rela) *)d->d_un.d_ptr : plt;
		plt_size = d->d_tag == DT_PLTRELSZ ? d->d_un.d_val : plt_size;
	}
	return place_relocates_in(rela, size, kind) || place_relocates_in(plt, plt_size, kind);
}

/* iconv's modules, by their folder; NSS modules are known by name (names.c). */
static bool
place_is_libcs(const char *path)
{
	static const char folder[] = "/gconv/";

	for (; *path != '\0'; path++) {
		size_t n = 0;

		while (n < sizeof(folder) - 1 && path[n] == folder[n])
			n++;
		if (n == sizeof(folder) - 1)
			return true;
	}
	return false;
}

static enum sf_retain_unfit
place_judge(const struct sf_retain_place *p, const struct place_scan *s,
	    const struct place_dynamic *d)
{
	struct sf_elf e;

	if (!s->found || s->strange || !sf_elf_open(&e, p->map->l_addr, p->map->l_ld))
		return SF_RETAIN_UNFIT_SHAPE;
	if ((d->init_array != NULL) != (d->init_size != NULL) ||
	    (d->fini_array != NULL) != (d->fini_size != NULL))
		return SF_RETAIN_UNFIT_SHAPE;
	if (place_is_libcs(p->name))
		return SF_RETAIN_UNFIT_LIBC;
	/* GNU ld sets the flag on x86-64 only. */
	if (s->tls && (d->static_tls || place_relocates(p->map->l_ld, PLACE_TPOFF)))
		return SF_RETAIN_UNFIT_TLS;
	if (place_imports(&e, p->map->l_ld, "__cxa_thread_atexit_impl") ||
	    place_imports(&e, p->map->l_ld, "__cxa_thread_atexit"))
		return SF_RETAIN_UNFIT_DTORS;
	return SF_RETAIN_FIT;
}

/* The place is another file's from now on: what was known of who needs it is worth nothing. */
static void
place_forget(int place)
{
	sf_retain_sets_forget(place);
	for (int i = 0; i < SF_RETAIN_PLACES; i++)
		if (sf_retain_places[i].map == NULL && (sf_retain_places[i].needs >> place & 1))
			sf_retain_places[i].opened[0] = '\0';
}

int
sf_retain_place_attach(struct link_map *map)
{
	size_t n = sf_bytes_length(map->l_name, SF_RETAIN_NAME_MAX);
	int place = n == 0 || n == SF_RETAIN_NAME_MAX ? -1 : place_take(map->l_name);
	struct place_dynamic d;
	struct sf_retain_place *p;
	struct place_scan scan;

	if (place < 0)
		return -1;
	p = &sf_retain_places[place];
	if (!sf_bytes_same(p->name, map->l_name))
		place_forget(place);
	*p = (struct sf_retain_place){.map = map, .state = SF_RETAIN_LIVE, .loading = 1};
	sf_retain_mapped |= 1ull << place;
	*sf_bytes_put(p->name, map->l_name, n) = '\0';
	scan = (struct place_scan){.p = p};
	sf_next.iterate_phdr(place_scan, &scan);
	d = place_read_dynamic(map->l_ld);
	place_keep_functions(p, &d);
	p->fit = (uint8_t)place_judge(p, &scan, &d);
	if (p->fit == SF_RETAIN_FIT && !place_put_stubs(place, &d))
		p->fit = SF_RETAIN_UNFIT_SHAPE;
	if (scan.tls && place_relocates(map->l_ld, PLACE_TLSDESC))
		p->tls_module = scan.module;
	p->patched = p->fit == SF_RETAIN_FIT;
	return place;
}

void
sf_retain_place_detach(int place)
{
	struct sf_retain_place *p = &sf_retain_places[place];

	if (p->memory != NULL) {
		sf_sys_unmap(p->memory, p->bytes);
		sf_retain_image_bytes -= p->bytes;
	}
	sf_retain_mapped &= ~(1ull << place);
	p->gone = ++place_turn;
	p->memory = NULL;
	p->bytes = 0;
	p->copied = 0;
	p->extra = 0;
	p->aliased = 0;
	p->map = NULL;
	p->state = SF_RETAIN_GONE;
}

bool
sf_retain_place_is_called(const struct sf_retain_place *p, const char *name)
{
	struct sf_elf e;

	return sf_bytes_same(p->opened, name) || sf_bytes_same(p->name, name) ||
	       (sf_elf_open(&e, p->map->l_addr, p->map->l_ld) && e.soname != NULL &&
		sf_bytes_same(e.soname, name));
}

/* ---- its functions ---- */

void
sf_retain_place_run_init(int place, int argc, char **argv, char **envp)
{
	const struct sf_retain_place *p = &sf_retain_places[place];

	if (p->init != NULL)
		p->init(argc, argv, envp);
	for (size_t i = 0; i < p->init_count; i++)
		((sf_retain_init_fn)p->init_array[i])(argc, argv, envp);
}

void
sf_retain_place_run_fini(int place)
{
	const struct sf_retain_place *p = &sf_retain_places[place];

	for (size_t i = p->fini_count; i > 0; i--)
		((sf_retain_fini_fn)p->fini_array[i - 1])();
	if (p->fini != NULL)
		p->fini();
}
