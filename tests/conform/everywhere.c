// SPDX-License-Identifier: BSD-2-Clause
// Every symbol of every object, and many other addresses: dladdr and dladdr1 under the library, field by
// field against libc's own. Runs preloaded. everywhere [--ms N] [--random N] OBJECT...
//
// libc takes 400 us for one answer in a large object, so an object gets --ms of time (0: no limit) and
// its symbols are gone through in an order that spreads what is reached. Rows 37 to 41 of the contract.
#include "../lib/find_object.h"
#include <dlfcn.h>
#include <err.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARM_UP 600
#define SHOWN   10

typedef int dladdr_fn(const void *, Dl_info *);
typedef int dladdr1_fn(const void *, Dl_info *, void **, int);

static int (*symfast_counter)(const char *, uint64_t *);
static dladdr_fn *libc_dladdr;
static dladdr1_fn *libc_dladdr1;
static unsigned long compared, wrong;
static unsigned long ms = 400, randoms = 20000;

struct said {
	int result[4];
	Dl_info info[4];
	void *extra[4];
};

static const int flags[4] = {-1, RTLD_DL_SYMENT, RTLD_DL_LINKMAP, 77};

#define ALL 15 /* ways to ask: dladdr, and dladdr1 with each of the flags */

static void
ask(struct said *s, const void *address, dladdr_fn *f, dladdr1_fn *f1, unsigned int ways)
{
	memset(s, 0x5a, sizeof(*s));
	if (ways & 1)
		s->result[0] = f(address, &s->info[0]);
	for (int i = 1; i < 4; i++)
		if (ways & 1u << i)
			s->result[i] = f1(address, &s->info[i], &s->extra[i], flags[i]);
}

static void
show(const char *who, const struct said *s)
{
	for (int i = 0; i < 4; i++) {
		const Dl_info *d = &s->info[i];

		if (s->result[i] == 0x5a5a5a5a)
			continue;
		fprintf(stderr, "  %s: %d %s %p %s %p, extra %p\n", who, s->result[i],
			s->result[i] ? d->dli_fname : "-", d->dli_fbase,
			s->result[i] && d->dli_sname ? d->dli_sname : "-", d->dli_saddr,
			s->extra[i]);
	}
}

static void
compare(uintptr_t address, unsigned int ways)
{
	struct said ours, libcs;

	ask(&ours, (void *)address, dladdr, dladdr1, ways);
	ask(&libcs, (void *)address, libc_dladdr, libc_dladdr1, ways);
	compared++;
	if (memcmp(&ours, &libcs, sizeof(ours)) == 0)
		return;
	if (wrong++ < SHOWN) {
		fprintf(stderr, "%p:\n", (void *)address);
		show("ours", &ours);
		show("libc", &libcs);
	}
}

/* ---- an object's symbols, by its own tables ---- */

/*
 * An executable with gaps between its segments is several pieces to libc. The first one has the tables and the code of
 * our programs, the second its data; of other objects both are the whole.
 */
struct object {
	struct link_map *map;
	struct piece {
		uintptr_t start, end;
	} pieces[2];
	const ElfW(Sym) * symtab;
	uint32_t count;
};

static const void *
table(const struct link_map *l, ElfW(Addr) p)
{
	return (const void *)(p < l->l_addr ? p + l->l_addr : p);
}

static uint32_t
count_gnu(const uint32_t *h)
{
	const uint32_t *buckets = h + 4 + h[2] * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chains = buckets + h[0];
	uint32_t last = 0;

	for (uint32_t b = 0; b < h[0]; b++)
		last = buckets[b] > last ? buckets[b] : last;
	while (last >= h[1] && !(chains[last - h[1]] & 1))
		last++;
	return last + 1;
}

static int
find_piece(struct piece *p, const void *address)
{
	struct dl_find_object found;

	if (_dl_find_object((void *)(uintptr_t)address, &found) != 0)
		return 0;
	p->start = (uintptr_t)found.dlfo_map_start;
	p->end = (uintptr_t)found.dlfo_map_end;
	return 1;
}

static int
read_object(struct object *o, struct link_map *map)
{
	memset(o, 0, sizeof(*o));
	o->map = map;
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			o->symtab = table(map, d->d_un.d_ptr);
		if (d->d_tag == DT_HASH && o->count == 0)
			o->count = ((const uint32_t *)table(map, d->d_un.d_ptr))[1];
		if (d->d_tag == DT_GNU_HASH)
			o->count = count_gnu(table(map, d->d_un.d_ptr));
	}
	return find_piece(&o->pieces[0], o->symtab) && find_piece(&o->pieces[1], map->l_ld);
}

static uint32_t
coprime(uint32_t n)
{
	uint32_t step = n / 3 * 2 + 1, a, b;

	for (;; step += 2) {
		for (a = step, b = n; b != 0;) {
			uint32_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return step;
	}
}

static int
is_late(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ms != 0 && (unsigned long)((now.tv_sec - begin->tv_sec) * 1000 +
					  (now.tv_nsec - begin->tv_nsec) / 1000000) > ms;
}

static void
compare_symbol(const struct object *o, uint32_t number)
{
	const ElfW(Sym) *s = &o->symtab[number];
	uintptr_t at = o->map->l_addr + s->st_value;

	compare(at, ALL);
	compare(at - 1, ALL);
	compare(at + s->st_size - 1, ALL);
	compare(at + s->st_size, ALL);
}

static uint64_t
random_64(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static uintptr_t
random_in(const struct piece *p, uintptr_t around)
{
	return p->start - around + random_64() % (p->end - p->start + 2 * around);
}

/* ---- one object ---- */

/* Asks until the index is there; what comes out meanwhile is compared too. */
static void
warm_up(const struct object *o)
{
	for (int i = 0; i < WARM_UP; i++) {
		Dl_info info;

		dladdr((void *)random_in(&o->pieces[0], 0), &info);
	}
}

static uint64_t
answered(void)
{
	uint64_t hit = 0, index = 0;

	symfast_counter("dladdr.hit", &hit);
	symfast_counter("dladdr.index", &index);
	return hit + index;
}

static void
compare_object(struct link_map *map)
{
	unsigned long before = compared, bad = wrong, symbols = 0;
	const char *name = map->l_name[0] != '\0' ? map->l_name : "main";
	struct timespec begin;
	struct object o;
	uint64_t own;

	if (!read_object(&o, map)) {
		printf("%s: not found by _dl_find_object\n", name);
		return;
	}
	for (int i = 0; i < 40; i++)
		compare(random_in(&o.pieces[i % 2], 0), ALL);
	warm_up(&o);
	own = answered();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint32_t i = 0, at = 0, step = coprime(o.count);
	     i < o.count && (i == 0 || !is_late(&begin));
	     i++, at = (uint32_t)(((uint64_t)at + step) % o.count), symbols++)
		compare_symbol(&o, at);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned long i = 0; i < randoms && (i == 0 || !is_late(&begin)); i++)
		compare(random_in(&o.pieces[i / 4 % 2], 64), 1u << i % 4);
	own = answered() - own;
	printf("%s: %lu of %u symbols, %lu addresses, %lu wrong, answers of our own %lu\n", name,
	       symbols, o.count, compared - before, wrong - bad, (unsigned long)own);
	if (own == 0 && o.count > 3) {
		fprintf(stderr, "%s: no answer of our own\n", name);
		wrong++;
	}
}

static void
options(int *argc, char ***argv)
{
	while (*argc > 2 && strncmp((*argv)[1], "--", 2) == 0) {
		unsigned long value = strtoul((*argv)[2], NULL, 10);

		if (strcmp((*argv)[1], "--ms") == 0)
			ms = value;
		else
			randoms = value;
		*argc -= 2;
		*argv += 2;
	}
}

int
main(int argc, char **argv)
{
	/* Before glibc 2.34 libdl has them. */
	void *own = dlopen("libdl.so.2", RTLD_LAZY | RTLD_NOLOAD);
	void *libc = own != NULL ? own : dlopen("libc.so.6", RTLD_LAZY);
	/* Takes the address of a function of another object: in a fixed executable that makes an
	 * undefined symbol with a value. */
	int (*volatile undefined)(const char *) = puts;

	libc_dladdr = (dladdr_fn *)dlsym(libc, "dladdr");
	libc_dladdr1 = (dladdr1_fn *)dlsym(libc, "dladdr1");
	symfast_counter = (int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "symfast_counter");
	if (symfast_counter == NULL || libc_dladdr == NULL || libc_dladdr == dladdr)
		errx(1, "not under the library");
	options(&argc, &argv);
	for (int i = 1; i < argc; i++)
		if (dlopen(argv[i], RTLD_LAZY) == NULL)
			printf("skipped: %s\n", dlerror());
	for (struct link_map *l = dlopen(NULL, RTLD_LAZY); l != NULL; l = l->l_next)
		compare_object(l);
	compare((uintptr_t)undefined, ALL);
	compare(0, ALL);
	compare(UINTPTR_MAX, ALL);
	printf("%lu addresses, %lu wrong\n", compared, wrong);
	return wrong != 0;
}
