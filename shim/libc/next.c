// SPDX-License-Identifier: BSD-2-Clause
// next.c: see next.h.
#include "next.h"

#include "../base/atomic.h"
#include "../base/bytes.h"
#include "../base/sys.h"
#include "guess.h"
#include <elf.h>

struct sf_next sf_next;

_Static_assert(sizeof(struct sf_next_calls) == 56 && offsetof(struct sf_next_calls, dlinfo) == 48,
	       "guess.S");

/* Defined by as_*.c, in the tests' libraries alone. */
extern const char sf_next_wanted_old[] __attribute__((weak, visibility("hidden")));
extern const char sf_next_wanted_table[] __attribute__((weak, visibility("hidden")));
extern const char sf_next_wanted_unchained[] __attribute__((weak, visibility("hidden")));

bool
sf_next_as_old(void)
{
	return sf_next_wanted_old != NULL;
}

bool
sf_next_as_tabled(void)
{
	return sf_next_wanted_table != NULL || sf_next_as_old();
}

bool
sf_next_as_unchained(void)
{
	return sf_next_wanted_unchained != NULL;
}

bool
sf_next_chained(const struct r_debug *debug)
{
	return !sf_next_as_unchained() && sf_load_32((const uint32_t *)&debug->r_version) >= 2;
}

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

static bool loader_is_libc; /* musl: one object is both, wherever it stands in the list */
static bool ready;          /* functions of libc may be called */

/*
 * Before our own relocation: the kernel tells where ld.so is (AT_BASE), or, when ld.so was started
 * as a command, AT_PHDR is ld.so's own. Its symbol table has _r_debug.
 */
static bool
next_open_loader(struct sf_elf *loader)
{
	uintptr_t base = sf_sys_auxv(AT_BASE);
	const ElfW(Ehdr) * eh;

	if (base == 0) {
		base = sf_sys_auxv(AT_PHDR);
		if (base == 0)
			return false;
		base -= sizeof(ElfW(Ehdr));
	}
	eh = (const ElfW(Ehdr) *)base;
	return sf_elf_open(
		loader, base,
		next_dynamic_of(base, (const ElfW(Phdr) *)(base + eh->e_phoff), eh->e_phnum));
}

/* musl has a pointer to the same structure instead. */
static struct r_debug *
next_debug_from_auxv(void)
{
	struct sf_elf loader;
	struct r_debug *d, **musl;

	if (!next_open_loader(&loader))
		return NULL;
	d = sf_elf_function(&loader, "_r_debug");
	musl = d == NULL ? sf_elf_function(&loader, "_dl_debug_addr") : NULL;
	if (musl == NULL)
		return d;
	loader_is_libc = true;
	return *musl;
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

/* The objects after this one, in the order of the initial set; those that come later are nobody's next ones. */
static struct link_map *
next_after(const struct link_map *l)
{
	return l == sf_next.tail ? NULL : l->l_next;
}

/* Up to glibc 2.33 libdl has what begins with dl, but for dl_iterate_phdr. */
static bool
next_is_libc(const struct sf_elf *e)
{
	return e->soname != NULL &&
	       (sf_bytes_same(e->soname, "libc.so.6") || sf_bytes_same(e->soname, "libdl.so.2"));
}

static void
next_note_libc(const struct sf_elf *e, struct link_map *l)
{
	if (e->soname != NULL && sf_bytes_same(e->soname, "libc.so.6"))
		sf_next.libc = l;
}

bool
sf_next_begin(void)
{
	struct r_debug *d = sf_next.self == NULL ? next_find_debug() : NULL;
	struct link_map *self = NULL;

	if (d == NULL)
		return sf_next.self != NULL;
	sf_next.debug = d;
	sf_next.main = d->r_map;
	for (struct link_map *l = d->r_map; l != NULL; l = l->l_next) {
		if (l->l_ld == sf_own_dynamic)
			self = l;
		sf_next.tail = l;
	}
	sf_next.self = self;
	return self != NULL;
}

/* What is looked for; those that have a place in sf_next first, in the order of their places. */
static const char wanted[] =
#define X(name, ret, params) #name "\0"
	SF_NEXT_LIST(X) SF_NEXT_LOOKING(X)
#undef X
		"realpath\0"
		"_dl_find_object\0"
		"dl_iterate_phdr\0";

enum {
#define X(name, ret, params) NEXT_##name,
	SF_NEXT_LIST(X) SF_NEXT_LOOKING(X)
#undef X
		NEXT_realpath,
	NEXT_find_object,
	NEXT_iterate_phdr,
	NEXT_COUNT
};

struct next_found {
	void *at;
	struct link_map *owner; /* NULL: not defined */
	bool by_libc;
};

static unsigned int
next_search_object(struct next_found found[NEXT_COUNT], const struct sf_elf *e, struct link_map *l)
{
	unsigned int missing = 0;
	const char *name = wanted;

	for (unsigned int i = 0; i < NEXT_COUNT; i++) {
		void *f = found[i].at == NULL ? sf_elf_function(e, name) : NULL;

		while (*name++ != '\0')
			;
		if (f != NULL)
			found[i] = (struct next_found){f, l, next_is_libc(e)};
		missing += found[i].at == NULL;
	}
	return missing;
}

/* Each object's tables are read once. */
static void
next_search(struct next_found found[NEXT_COUNT])
{
	unsigned int missing = NEXT_COUNT;
	struct sf_elf e;

	for (struct link_map *l = next_after(sf_next.self);
	     l != NULL && (missing != 0 || sf_next.libc == NULL); l = next_after(l))
		if (sf_elf_open(&e, l->l_addr, l->l_ld)) {
			next_note_libc(&e, l);
			missing = next_search_object(found, &e, l);
		}
	if (missing != 0 && loader_is_libc && next_open_loader(&e))
		next_search_object(found, &e, sf_next.self);
}

/* ---- before glibc 2.34 dlsym is in libdl, which may come only with an object that is loaded later ---- */

struct next_late {
	struct next_found *found;
	const char *file;
};

static int
next_look_late(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct next_late *late = arg;
	struct sf_elf e;

	(void)size;
	if (!sf_elf_open(&e, info->dlpi_addr,
			 next_dynamic_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum)) ||
	    e.soname == NULL || !sf_bytes_same(e.soname, "libdl.so.2"))
		return 0;
	next_search_object(late->found, &e, sf_next.self);
	late->file = info->dlpi_name;
	return 1;
}

/*
 * Who calls us needs libdl, so it is there for this long. A reference of ours keeps it for ever; it gets that
 * from libdl's own dlopen, whose first call this is: no error is pending that it could drop.
 */
static void
next_search_late(struct next_found found[NEXT_COUNT])
{
	struct next_late late = {found, NULL};
	int (*walk)(int (*)(struct dl_phdr_info *, size_t, void *), void *) = (int (*)(
		int (*)(struct dl_phdr_info *, size_t, void *), void *))found[NEXT_iterate_phdr]
										      .at;
	void *(*open)(const char *, int);

	sf_next.late = true;
	walk(next_look_late, &late);
	open = (void *(*)(const char *, int))found[NEXT_dlopen].at;
	if (open != NULL && open(late.file, RTLD_LAZY | RTLD_NOLOAD) == NULL)
		found[NEXT_dlsym].at = NULL;
}

void
sf_next_ready(void)
{
	ready = true;
}

void *
sf_next_find(const char *name)
{
	struct sf_elf e;

	if (!sf_next_begin())
		return NULL;
	for (struct link_map *l = next_after(sf_next.self); l != NULL; l = next_after(l)) {
		void *f = sf_elf_open(&e, l->l_addr, l->l_ld) ? sf_elf_function(&e, name) : NULL;

		if (f != NULL)
			return f;
	}
	return loader_is_libc && next_open_loader(&e) ? sf_elf_function(&e, name) : NULL;
}

/* libc's own definition, whatever object defines the name before it. */
static void *
next_of_libc(const char *name)
{
	struct sf_elf libc;

	if (sf_next.libc == NULL || !sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		return NULL;
	return sf_elf_function(&libc, name);
}

/* For what this libc does not have, and nobody that was linked with it calls. */
static void *
next_nothing(void)
{
	return NULL;
}

/* All but what is jumped by. */
static bool
next_note(const struct next_found found[NEXT_COUNT])
{
	bool all = true, interposed = false, looking = true;

	if (sf_next.libc == NULL)
		sf_next.libc = found[NEXT_dlsym].owner;
	for (unsigned int i = 0; i < NEXT_COUNT; i++) {
		if (i < NEXT_dladdr && found[i].owner != NULL) {
			interposed |= !found[i].by_libc;
		} else if (i < NEXT_dladdr) {
			all = false;
		} else if (i < NEXT_realpath) {
			looking &= found[i].by_libc;
		}
	}
#define X(name, ret, params) sf_next.own.name = (ret(*) params)found[NEXT_##name].at;
	SF_NEXT_LIST(X)
#undef X
#define X(name, ret, params) sf_next.name = (ret(*) params)found[NEXT_##name].at;
	SF_NEXT_LOOKING(X)
#undef X
	sf_next.interposed = interposed;
	sf_next.load = sf_next.own.dlopen;
	sf_next.unload = sf_next.own.dlclose;
	sf_next.realpath = (char *(*)(const char *, char *))found[NEXT_realpath].at;
	sf_next.realpath_is_libc = found[NEXT_realpath].by_libc;
	sf_next.find_object = (int (*)(void *, struct dl_find_object *))found[NEXT_find_object].at;
	sf_next.iterate_phdr = (int (*)(int (*)(struct dl_phdr_info *, size_t, void *),
					void *))found[NEXT_iterate_phdr]
				       .at;
	sf_next.iterate_is_libc = found[NEXT_iterate_phdr].by_libc;
	sf_next.writev = (ssize_t(*)(int, const struct iovec *, int))next_of_libc("writev");
	sf_next.looking_is_libc = looking && sf_next.writev != NULL;
	return all;
}

/* ---- a libc that does not show whether an error is pending (guess.S) ---- */

/* Before glibc 2.34, where this lies in libdl. */
static bool
next_hides_errors(void)
{
	struct sf_elf libc;
	uintptr_t offset;

	if (loader_is_libc || sf_next.libc == NULL)
		return false;
	return sf_next_as_old() || (sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld) &&
				    !sf_elf_tls_offset(&libc, "__libc_dlerror_result", &offset));
}

/* The one that says whether there was one; it does not look at its caller. Before relocations no place is known to note it. */
static char *
next_guess_dlerror(void)
{
	char *text = sf_next.own.dlerror();

	if ((void *)&sf_guess_perhaps != __builtin_thread_pointer())
		sf_guess_perhaps = text != NULL;
	return text;
}

static const struct sf_next_calls *
next_by_guess(struct sf_next_calls *by)
{
#define X(name, ret, params) by->name = sf_next.own.name != NULL ? sf_guess_##name : NULL;
	SF_NEXT_LIST(X)
#undef X
	if (by->dlerror != NULL)
		by->dlerror = next_guess_dlerror;
	sf_guess_to = sf_next.own;
	sf_next.guessed = true;
	sf_next.load = by->dlopen;
	sf_next.unload = by->dlclose;
	return by;
}

/* dlsym comes last: it says that all is there. */
static void
next_publish(void)
{
	struct sf_next_calls by;
	const struct sf_next_calls *own = next_hides_errors() ? next_by_guess(&by) : &sf_next.own;

	sf_next.dlopen = own->dlopen;
	sf_next.dlmopen = own->dlmopen;
	sf_next.dlclose = own->dlclose;
	sf_next.dlvsym = own->dlvsym;
	sf_next.dlerror = own->dlerror;
	sf_next.dlinfo = own->dlinfo;
	sf_fence_store(); /* pairs with the fence of who finds it */
	sf_store_ptr(&sf_next.dlsym, own->dlsym);
}

/* Several threads may do it at once: they write the same. */
bool
sf_next_boot(void)
{
	struct next_found found[NEXT_COUNT] = {{NULL, NULL, false}};
	bool all;

	if (sf_load_ptr(&sf_next.dlsym) != NULL) {
		sf_fence_load();
		return true;
	}
	if (!sf_next_begin())
		return false;
	next_search(found);
	if (ready && found[NEXT_dlsym].at == NULL && found[NEXT_iterate_phdr].at != NULL)
		next_search_late(found);
	for (int i = 0; loader_is_libc && i < NEXT_realpath; i++)
		if (found[i].at == NULL)
			found[i].at = (void *)(uintptr_t)next_nothing;
	all = next_note(found);
	next_publish();
	return all;
}
