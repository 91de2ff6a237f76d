// SPDX-License-Identifier: BSD-2-Clause
// sites.c: see sites.h.
#include "sites.h"

#include "../base/bytes.h"
#include "../base/hash.h"
#include "../base/lock.h"
#include "../base/sys.h"
#include "../image/unwind.h"
#include "../libc/next.h"
#include "segment.h"
#include <fcntl.h>
#include <sys/uio.h>

#define ROWS      SF_SEGMENT_SITE_ROWS
#define PROBES    16
#define TEXTS_END SF_SEGMENT_BLOCKS
#define DEEPEST   64 /* frames looked at, our own included */

uint32_t sf_sites_every;

SF_LOCK(lock, NULL);
static uint32_t turn;
static uint32_t texts_used; /* bytes, under lock */

SF_START void
sf_sites_start(unsigned int every)
{
	sf_sites_every = every;
}

void
sf_sites_forked(void)
{
	sf_lock_reset(&lock);
	texts_used = 0;
}

/* ---- walking ---- */

struct frame {
	uintptr_t pc, reg[SF_UNWIND_REGISTERS];
};

static bool
sites_read_word(uintptr_t from, uintptr_t *to)
{
	struct iovec local = {to, sizeof(*to)}, remote = {(void *)from, sizeof(*to)};
	long pid;

	if (sf_sys_confined)
		return false;
	pid = sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
	return sf_syscall6(SYS_process_vm_readv, pid, (long)&local, 1, (long)&remote, 1, 0) ==
	       (long)sizeof(*to);
}

static bool
sites_load(const struct sf_unwind *u, const struct frame *old, uintptr_t cfa, int reg,
	   uintptr_t *to)
{
	uintptr_t base = u->reg[reg].saved == SF_SAVED_AT_CFA ? cfa : old->reg[u->reg[reg].base];

	return sites_read_word(base + (uintptr_t)(intptr_t)u->reg[reg].offset, to);
}

static bool
sites_is_in_memory(const struct sf_unwind *u, int reg)
{
	return u->reg[reg].saved == SF_SAVED_AT_CFA || u->reg[reg].saved == SF_SAVED_AT_BASE;
}

/* The frame's caller. `exact`: pc is where execution stands, not where it will come back to. */
static bool
sites_step(struct frame *f, bool *exact)
{
	struct frame old = *f;
	struct dl_find_object o;
	struct sf_unwind u;
	uintptr_t cfa;

	if (sf_next.find_object((void *)(f->pc - !*exact), &o) != 0 || o.dlfo_eh_frame == NULL ||
	    !sf_unwind_rules(o.dlfo_eh_frame, f->pc - !*exact, &u) ||
	    u.cfa_register >= SF_UNWIND_RA)
		return false;
	cfa = f->reg[u.cfa_register] + (uintptr_t)(intptr_t)u.cfa_offset;
	if (u.cfa_in_memory && !sites_read_word(cfa, &cfa))
		return false;
	/* Stacks grow downwards, but for the step from a signal's own stack. */
	if (!sites_is_in_memory(&u, SF_UNWIND_RA) || (!u.signal && cfa <= f->reg[SF_UNWIND_RSP]))
		return false;
	f->reg[SF_UNWIND_RSP] = cfa;
	for (int i = 0; i < SF_UNWIND_RA; i++)
		if (sites_is_in_memory(&u, i) && !sites_load(&u, &old, cfa, i, &f->reg[i]))
			return false;
	*exact = u.signal;
	return sites_load(&u, &old, cfa, SF_UNWIND_RA, &f->pc) && f->pc != 0;
}

uint32_t
sf_sites_walk(uintptr_t *pc, uint32_t max)
{
	uint32_t n = 0;
#ifdef __x86_64__
	struct frame f = {.pc = 0};
	bool exact = true;

	__asm__ volatile("lea 0(%%rip), %0\n\t"
			 "mov %%rsp, %1\n\t"
			 "mov %%rbp, %2\n\t"
			 "mov %%rbx, %3\n\t"
			 "mov %%r12, %4\n\t"
			 "mov %%r13, %5\n\t"
			 "mov %%r14, %6\n\t"
			 "mov %%r15, %7"
			 : "=&r"(f.pc), "=m"(f.reg[SF_UNWIND_RSP]), "=m"(f.reg[SF_UNWIND_RBP]),
			   "=m"(f.reg[SF_UNWIND_RBX]), "=m"(f.reg[12]), "=m"(f.reg[13]),
			   "=m"(f.reg[14]), "=m"(f.reg[15]));
	while (n < max && sites_step(&f, &exact))
		pc[n++] = f.pc;
#else
	(void)pc;
	(void)max;
	(void)sites_step;
#endif
	return n;
}

/* ---- recording ---- */

static bool
sites_same_text(const char *a, const char *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Offset in the file of this path, which is entered if it is new; 0: no room. */
static uint32_t
sites_text_locked(const char *path)
{
	char *texts = sf_segment_at(SF_SEGMENT_SITE_TEXTS);
	uint32_t n = (uint32_t)sf_bytes_length(path, 255) + 1, at = 0;

	while (at < texts_used) {
		uint32_t m = (uint32_t)sf_bytes_length(texts + at, 255) + 1;

		if (m == n && sites_same_text(texts + at, path, n - 1))
			return SF_SEGMENT_SITE_TEXTS + at;
		at += m;
	}
	if (SF_SEGMENT_SITE_TEXTS + at + n > TEXTS_END || !sf_segment_touch(texts + at) ||
	    !sf_segment_touch(texts + at + n))
		return 0;
	sf_bytes_cut(texts + at, path, n);
	texts_used = at + n;
	return SF_SEGMENT_SITE_TEXTS + at;
}

/* The executable's link map has no name. */
static const char *
sites_path_of(const struct link_map *l)
{
	SF_LARGE static char exe[256];

	if (l->l_name[0] != '\0')
		return l->l_name;
	if (exe[0] == '\0')
		sf_sys_exe(exe, sizeof(exe));
	return exe;
}

static void
sites_describe_locked(struct symfast_shm_site *site, const uintptr_t *pc, uint32_t n)
{
	for (uint32_t i = 0; i < n && site->depth < SYMFAST_SHM_FRAMES; i++) {
		struct dl_find_object o;

		/* A return address: the call is before it. */
		if (sf_next.find_object((void *)(pc[i] - 1), &o) != 0)
			continue;
		if (o.dlfo_link_map == sf_next.self)
			continue;
		site->object[site->depth] = sites_text_locked(sites_path_of(o.dlfo_link_map));
		site->offset[site->depth] = (uint32_t)(pc[i] - 1 - o.dlfo_link_map->l_addr);
		site->depth++;
	}
}

static uint64_t
sites_hash_of(const struct symfast_shm_site *site)
{
	uint64_t h = 14695981039346656037ull ^ (uint64_t)site->function << 8 ^ site->arm;

	for (uint32_t i = 0; i < site->depth; i++)
		h = (h ^ site->object[i] ^ (uint64_t)site->offset[i] << 32) * 1099511628211ull;
	return h != 0 ? h : 1;
}

static void
sites_record_locked(const struct symfast_shm_site *site, uint64_t ticks, uint64_t waited)
{
	struct symfast_shm_site *rows = sf_segment_at(SF_SEGMENT_SITES);

	for (uint32_t i = 0; i < PROBES; i++) {
		struct symfast_shm_site *row = &rows[(site->hash + i) % ROWS];

		if (!sf_segment_touch(row) || !sf_segment_touch((char *)(row + 1) - 1))
			return;
		if (row->hash == 0) {
			struct symfast_shm_site fresh = *site;

			fresh.hash = 0;
			*row = fresh;
			sf_fence_store(); /* readers that see the hash see the frames */
			sf_store_64(&row->hash, site->hash);
		}
		if (row->hash != site->hash)
			continue;
		sf_store_64(&row->count, row->count + 1);
		sf_store_64(&row->ticks, row->ticks + ticks);
		sf_store_64(&row->waited, row->waited + waited);
		return;
	}
}

/* One of each so many, but at no fixed place: a period of the program must not hide a site (map/thread.c). */
static bool
sites_is_turn(uint32_t n)
{
	return sf_hash_number(n / sf_sites_every) % sf_sites_every == n % sf_sites_every;
}

void
sf_sites_add(enum sf_timed function, enum sf_arm arm, uint64_t ticks, uint64_t waited)
{
	struct symfast_shm_site site = {.function = (uint16_t)function, .arm = (uint16_t)arm};
	uintptr_t pc[DEEPEST];
	uint32_t n;

	if (arm == SF_ARM_LIBC && !sites_is_turn(sf_faa_32(&turn, 1)))
		return;
	n = sf_sites_walk(pc, DEEPEST);
	if (!sf_lock_try(&lock))
		return;
	sites_describe_locked(&site, pc, n);
	site.hash = sites_hash_of(&site);
	sites_record_locked(&site, ticks, waited);
	sf_lock_release(&lock);
}

void
sf_sites_each(bool (*each)(void *arg, const struct symfast_shm_site *site), void *arg)
{
	const struct symfast_shm_site *rows = sf_segment_at(SF_SEGMENT_SITES);

	for (uint32_t i = 0; i < ROWS; i++) {
		const struct symfast_shm_site *row = &rows[i];

		if (!sf_segment_touched(row) || !sf_segment_touched((const char *)(row + 1) - 1) ||
		    sf_load_64(&row->hash) == 0)
			continue;
		sf_fence_load(); /* pairs with the fence in record_locked: the frames are there */
		if (!each(arg, row))
			return;
	}
}
