// SPDX-License-Identifier: BSD-2-Clause
// facts.c: see facts.h.
#include "facts.h"

#include "../base/atomic.h"
#include "../base/bytes.h"
#include "changes.h"
#include <errno.h>
#include <sys/auxv.h>

intptr_t sf_facts_error_offset;

bool
sf_facts_object(const void *address, struct link_map **map, uintptr_t *lo, uintptr_t *hi)
{
	struct dl_find_object found;

	if (sf_next.find_object == NULL ||
	    sf_next.find_object((void *)(uintptr_t)address, &found) != 0)
		return false;
	*map = found.dlfo_link_map;
	*lo = (uintptr_t)found.dlfo_map_start;
	*hi = (uintptr_t)found.dlfo_map_end;
	return true;
}

bool
sf_facts_code(const struct link_map *l, uintptr_t *lo, uintptr_t *hi)
{
	const void *entry = l == sf_next.main ? (const void *)getauxval(AT_ENTRY) : NULL;
	struct link_map *found;

	if (entry != NULL && sf_facts_object(entry, &found, lo, hi) && found == l)
		return true;
	return sf_facts_object(l->l_ld, &found, lo, hi) && found == l;
}

bool
sf_facts_unsure(const void *address)
{
	struct dl_find_object found;

	return sf_next.find_object((void *)(uintptr_t)address, &found) > 0;
}

bool
sf_facts_live(const void *handle)
{
	const struct link_map *l = handle;
	struct link_map *found;
	uintptr_t lo, hi;

	return sf_facts_object(l->l_ld, &found, &lo, &hi) && found == l;
}

static void *header; /* of the executable; NULL: not mapped */

static void
facts_note_header(void)
{
	const ElfW(Phdr) *h = (const ElfW(Phdr) *)getauxval(AT_PHDR);

	for (size_t n = h != NULL ? getauxval(AT_PHNUM) : 0; n > 0 && header == NULL; n--, h++)
		if (h->p_type == PT_LOAD && h->p_offset == 0)
			header = (void *)(sf_next.main->l_addr + h->p_vaddr);
}

bool
sf_facts_headed(const void *address, struct dl_find_object *found)
{
	struct dl_find_object first;

	if (sf_next.find_object((void *)(uintptr_t)address, found) != 0)
		return false;
	if (sf_unlikely(found->dlfo_link_map == sf_next.main) && header != NULL &&
	    sf_next.find_object(header, &first) == 0 && first.dlfo_link_map == sf_next.main)
		*found = first;
	return true;
}

static uint8_t initial_rpath, initial_filter;
static uint32_t initial_count;
static uintptr_t vdso; /* where the kernel put it, 0: nowhere */

void
sf_facts_search_init(void)
{
	int saved = errno;

	vdso = getauxval(AT_SYSINFO_EHDR); /* ENOENT where there is none */
	facts_note_header();
	errno = saved;
	for (const struct link_map *l = sf_next.main; l != NULL;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		struct sf_elf e;

		initial_count++;
		sf_elf_open(&e, l->l_addr, l->l_ld);
		initial_filter |= e.filter;
		/* The executable's own RPATH serves every caller alike. */
		initial_rpath |= e.rpath && l != sf_next.main;
	}
}

bool
sf_facts_has_filter(void)
{
	return initial_filter;
}

bool
sf_facts_searches_alike(const struct link_map *l)
{
	struct sf_elf e;

	if (l == NULL)
		l = sf_next.main;
	sf_elf_open(&e, l->l_addr, l->l_ld);
	return !e.runpath && !initial_rpath;
}

struct rpath_scan {
	uint32_t seen;
	bool found;
};

static int
facts_scan_rpath(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct rpath_scan *scan = arg;
	struct sf_elf e = {.rpath = false};

	(void)size;
	if (++scan->seen <= initial_count)
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			sf_elf_open(
				&e, info->dlpi_addr,
				(const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
	scan->found = e.rpath;
	return scan->found;
}

/*
 * Which objects brought the caller along only libc knows, and the RPATH of each of them counts: so none
 * that was opened later may have one. Objects that come and go meanwhile are not among them.
 */
bool
sf_facts_searches_alike_later(const struct link_map *l)
{
	struct rpath_scan scan = {.seen = 0};

	if (!sf_facts_searches_alike(l))
		return false;
	sf_next.iterate_phdr(facts_scan_rpath, &scan);
	return !scan.found;
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
#define X(name, ret, params)                                                                       \
	if (f == (const void *)sf_next.own.name)                                                   \
		return true;
	SF_NEXT_LIST(X)
#undef X
	return false;
}

/* By libc's own function, whatever object defines the name before it. */
unsigned int
sf_facts_minor(void)
{
	static unsigned int known;
	const char *(*say)(void) = NULL;
	unsigned int minor = 0;
	const char *text;
	struct sf_elf libc;

	if (sf_load_32(&known) != 0)
		return known;
	if (sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		say = (const char *(*)(void))sf_elf_function(&libc, "gnu_get_libc_version");
	text = say != NULL ? say() : "";
	if (text[0] == '2' && text[1] == '.')
		for (text += 2; *text >= '0' && *text <= '9'; text++)
			minor = minor * 10 + (unsigned int)(*text - '0');
	sf_store_32(&known, minor);
	return minor;
}

struct tls_scan {
	uintptr_t bias;
	void *block;
};

static int
facts_scan_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct tls_scan *scan = arg;

	if (info->dlpi_addr != scan->bias || size < sizeof(*info))
		return 0;
	scan->block = info->dlpi_tls_data;
	return 1;
}

/*
 * libc's thread-local variables of this thread: errno is one of them. No lock, which dl_iterate_phdr takes: in
 * a child of fork another thread of the parent's may hold it for ever.
 */
static void *
facts_own_block(const struct sf_elf *libc)
{
	uintptr_t offset;

	return sf_elf_tls_offset(libc, "errno", &offset) ? (char *)__errno_location() - offset
							 : NULL;
}

bool
sf_facts_error_init(void)
{
	struct tls_scan scan = {.bias = sf_next.libc->l_addr};
	struct sf_elf libc;
	uintptr_t offset;

	if (sf_next.guessed) {
		sf_facts_error_offset =
			(intptr_t)((char *)&sf_guess_perhaps - (char *)__builtin_thread_pointer());
		return true;
	}
	if (!sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		return false;
	if (!sf_elf_tls_offset(&libc, "__libc_dlerror_result", &offset))
		return false;
	scan.block = facts_own_block(&libc);
	if (scan.block == NULL)
		sf_next.iterate_phdr(facts_scan_tls, &scan);
	if (scan.block == NULL)
		return false;
	sf_facts_error_offset =
		(intptr_t)((char *)scan.block + offset - (char *)__builtin_thread_pointer());
	return true;
}

/* Both CPUs keep a pointer that is never NULL where the thread pointer points. */
void
sf_facts_error_unseen(void)
{
	if (sf_next.guessed)
		sf_facts_error_offset = 0;
}

static void **
facts_error_place(void)
{
	return (void **)((char *)__builtin_thread_pointer() + sf_facts_error_offset);
}

struct sf_facts_error
sf_facts_error_save(void)
{
	struct sf_facts_error saved = {*facts_error_place()};

	*facts_error_place() = NULL;
	return saved;
}

void
sf_facts_error_restore(struct sf_facts_error saved)
{
	if (sf_facts_error_pending())
		sf_facts_error_clear();
	*facts_error_place() = saved.pending;
}

void *
sf_facts_tls_get(size_t module)
{
	static void *(*get)(const size_t[2]);
	const size_t first[2] = {module, 0};
	struct sf_facts_error saved;

	if (get == NULL) {
		saved = sf_facts_error_save();
		get = (void *(*)(const size_t[2]))sf_next.own.dlsym(sf_next.main, "__tls_get_addr");
		sf_facts_error_restore(saved);
	}
	return get != NULL ? get(first) : NULL;
}

/*
 * dlinfo tells what dl_iterate_phdr would, by the same function of ld.so, but drops the pending error,
 * as every successful call does: it is saved meanwhile.
 */
void *
sf_facts_thread_block(struct link_map *l)
{
	struct sf_facts_error saved = sf_facts_error_save();
	void *block = NULL;

	sf_next.dlinfo(l, RTLD_DI_TLS_DATA, &block);
	sf_facts_error_restore(saved);
	return block;
}

void
sf_facts_error_clear(void)
{
	struct link_map *l;

	sf_next.dlinfo(sf_next.main, RTLD_DI_LINKMAP, &l);
	sf_facts_error_none();
}

bool
sf_facts_is_vdso(const struct link_map *l)
{
	return vdso != 0 && (uintptr_t)l->l_ld - vdso < 65536;
}

const struct link_map *
sf_facts_last_object(void)
{
	const struct link_map *l = sf_next.tail;

	while (l->l_next != NULL)
		l = l->l_next;
	return l;
}

bool
sf_facts_is_listed(const struct link_map *map)
{
	for (const struct link_map *l = sf_next.tail; l != NULL; l = l->l_next)
		if (l == map)
			return true;
	return false;
}

/* Cost: some 100 ns for each object, within a hold. */
bool
sf_facts_later_may_define(const char *name)
{
	uint64_t count = sf_changes_count(); /* before anything is learnt */
	struct sf_hold hold;
	bool found = false;

	sf_fence_load();
	if (sf_load_ptr(&sf_next.tail->l_next) == NULL)
		return false;
	if (!sf_changes_hold(&hold, count))
		return true;
	for (const struct link_map *l = sf_next.tail->l_next; l != NULL && !found; l = l->l_next) {
		struct sf_elf e;

		found = sf_elf_open(&e, l->l_addr, l->l_ld) &&
			(!sf_elf_is_hashed(&e) || sf_elf_defines(&e, name));
	}
	sf_changes_release(&hold);
	return found;
}

/* Sonames of the initial set, gathered at the first question; those that have no room are looked for. */
#define SONAMES 64
SF_LARGE static const char *sonames[SONAMES];
static uint32_t soname_count; /* and one; 0: not gathered */

static bool
facts_has_soname(const struct link_map *l, const char **soname)
{
	struct sf_elf e;

	if (!sf_elf_open(&e, l->l_addr, l->l_ld) || e.soname == NULL)
		return false;
	*soname = e.soname;
	return true;
}

/* Another thread that does it meanwhile writes the same. */
static uint32_t
facts_gather_sonames(void)
{
	uint32_t n = 0;

	for (const struct link_map *l = sf_next.main; l != NULL && n <= SONAMES;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		const char *soname;

		if (!facts_has_soname(l, &soname))
			continue;
		if (n < SONAMES)
			sf_store_ptr(&sonames[n], soname);
		n++;
	}
	sf_fence_store(); /* pairs with the load fence of who sees the count */
	sf_store_32(&soname_count, n + 1);
	return n + 1;
}

static bool
facts_is_soname_of_many(const char *name)
{
	for (const struct link_map *l = sf_next.main; l != NULL;
	     l = l == sf_next.tail ? NULL : l->l_next) {
		const char *soname;

		if (facts_has_soname(l, &soname) && sf_bytes_same(soname, name))
			return true;
	}
	return false;
}

bool
sf_facts_is_initial_soname(const char *name)
{
	uint32_t n = sf_load_32(&soname_count);

	if (n == 0)
		n = facts_gather_sonames();
	if (--n > SONAMES)
		return facts_is_soname_of_many(name);
	sf_fence_load();
	for (uint32_t i = 0; i < n; i++)
		if (sf_bytes_same(sf_load_ptr(&sonames[i]), name))
			return true;
	return false;
}

bool
sf_facts_searches_initial_only(const struct link_map *l, bool initial)
{
	const ElfW(Dyn) *d = l->l_ld;
	const char *needed;
	struct sf_elf e;

	if (initial_filter || !sf_elf_open(&e, l->l_addr, d) || e.filter)
		return false;
	while (!initial && (needed = sf_elf_needed(&e, &d)) != NULL)
		if (!sf_facts_is_initial_soname(needed))
			return false;
	return true;
}

/* The text after "VARIABLE=" in the environment, NULL if it is not there. */
static const char *
facts_told(char **envp, const char *variable)
{
	for (; envp != NULL && *envp != NULL; envp++) {
		size_t i = 0;

		while (variable[i] != '\0' && (*envp)[i] == variable[i])
			i++;
		if (variable[i] == '\0' && (*envp)[i] == '=')
			return *envp + i + 1;
	}
	return NULL;
}

const char *
sf_facts_loader_asked(char **envp)
{
	const char *debug = facts_told(envp, "LD_DEBUG");

	if (facts_told(envp, "LD_DYNAMIC_WEAK") != NULL)
		return "LD_DYNAMIC_WEAK";
	return debug != NULL && debug[0] != '\0' ? "LD_DEBUG" : NULL;
}
