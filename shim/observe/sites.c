// SPDX-License-Identifier: BSD-2-Clause
// sites.c: see sites.h.
#include "sites.h"

#include "../base/bytes.h"
#include "../base/hash.h"
#include "../base/lock.h"
#include "../base/sys.h"
#include "../libc/next.h"
#include "frames.h"
#include "segment.h"

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
	n = sf_frames_walk(pc, DEEPEST);
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
