// SPDX-License-Identifier: BSD-2-Clause
// segment.c: see segment.h. System calls only, no lock that is waited for, no errno.
#include "segment.h"

#include "../base/bytes.h"
#include "../base/lock.h"
#include "../base/quiet.h"
#include "../base/sys.h"
#include "segment_file.h"
#include "settings.h"
#include <sys/mman.h>

#define THREADS_READY 256 /* blocks that are there in a process that may ask for nothing later */
#define PAGES         (SYMFAST_SHM_SIZE / SF_PAGE)
#define SMALLEST_PAGE 4096

/* A page of its own in .bss; the symbol that every hit reads. */
SF_LARGE __attribute__((aligned(SF_PAGE))) struct sf_page sf_page;
uint8_t sf_segment_due;
void (*sf_segment_on_mode)(uint32_t word);

SF_LARGE __attribute__((aligned(SF_PAGE))) static char memory[SYMFAST_SHM_SIZE];
static char *area;              /* the memory, once it may be used */
static uint8_t allowed;         /* a file may be made by this process and its children */
static uint8_t mine;            /* the file, and therefore the header, is this process's own */
static uint32_t maker;          /* pid of the process that made it */
SF_FIRST static uint32_t first; /* pid of whom the constructor ran in */
SF_FIRST static uint32_t
	process;        /* pid of whose memory this is: a child of vfork has another one */
static uint8_t settled; /* of the file's pages those that may be needed have been touched */
static uint8_t tries, pause_left; /* after a want of descriptors: calls to let go by */
static uint32_t forked_from;
static uint32_t blocks; /* given out */
static uint64_t touched[(PAGES + 63) / 64];
static struct sf_wordlist texts[4];
static uint32_t word_turn,
	last; /* words set by this process, by any thread: word, and reason << 16 */
static struct overlay {
	void *page;
	size_t offset;
} overlays[SF_SEGMENT_OVERLAYS];
static uint32_t overlay_count;
SF_LOCK(lock, NULL); /* the file, touching, giving out blocks */

void *
sf_segment_at(size_t offset)
{
	return area + offset;
}

static bool
segment_is_touched(size_t page)
{
	return sf_load_64(&touched[page / 64]) >> page % 64 & 1;
}

static void
segment_note_touched_locked(size_t page)
{
	sf_store_64(&touched[page / 64], touched[page / 64] | 1ull << page % 64);
}

/*
 * The kernel writes the signal mask to the page, which is zero and nobody's as long as it is not
 * noted; EFAULT where a store of ours would be SIGBUS.
 */
static bool
segment_touch_locked(size_t page)
{
	char *start = area + page * SF_PAGE;

	if (segment_is_touched(page))
		return true;
	if (mine && (settled || sf_sys_confined))
		return false;
	/* SF_PAGE may be several of the kernel's. Memory of our own is simply there. */
	for (char *at = start; mine && at < start + SF_PAGE; at += SMALLEST_PAGE) {
		if (at < area + SF_SEGMENT_OBJECTS)
			continue; /* names, written with the file */
		if (sf_syscall6(SYS_rt_sigprocmask, 0, 0, (long)at, sizeof(uint64_t), 0, 0) != 0)
			return false;
		*(uint64_t *)(void *)at = 0;
	}
	sf_fence_store(); /* pairs with the load in is_touched: the page is zero again */
	segment_note_touched_locked(page);
	return true;
}

static size_t
segment_page_of(const void *p)
{
	return (size_t)((const char *)p - memory) / SF_PAGE;
}

bool
sf_segment_touched(const void *p)
{
	return area != NULL && segment_is_touched(segment_page_of(p));
}

bool
sf_segment_touch(const void *p)
{
	size_t page = segment_page_of(p);
	bool ok;

	if (area == NULL)
		return false;
	if (sf_likely(segment_is_touched(page)))
		return true;
	if (!sf_lock_try(&lock))
		return false;
	ok = segment_touch_locked(page);
	sf_lock_release(&lock);
	return ok;
}

/* ---- blocks of counters ---- */

uint64_t *
sf_segment_block_at(uint32_t n)
{
	return (uint64_t *)(void *)(area + SF_SEGMENT_BLOCKS + (size_t)n * SF_SEGMENT_BLOCK);
}

uint32_t
sf_segment_blocks(void)
{
	return sf_load_32(&blocks);
}

SF_START uint64_t *
sf_segment_block_shared(void)
{
	if (area == NULL)
		return NULL;
	blocks = 1;
	return sf_segment_block_at(0);
}

bool
sf_segment_block(uint64_t **b)
{
	*b = NULL;
	if (area == NULL)
		return true;
	if (!sf_lock_try(&lock))
		return false;
	if (blocks < SF_SEGMENT_BLOCK_ROWS &&
	    segment_touch_locked((SF_SEGMENT_BLOCKS + blocks * SF_SEGMENT_BLOCK) / SF_PAGE)) {
		*b = sf_segment_block_at(blocks);
		sf_store_32(&blocks, blocks + 1);
		if (mine)
			sf_store_32(&sf_page.header.counters.blocks_used, blocks);
	} else if (mine) {
		sf_page.header.threads_private++;
	}
	sf_lock_release(&lock);
	return true;
}

/* ---- the file ---- */

SF_START void
sf_segment_names(enum sf_segment_text which, struct sf_wordlist names)
{
	texts[which] = names;
}

static bool
segment_write_names(int fd, enum sf_segment_text which, uint32_t *at, struct symfast_shm_group *g)
{
	const struct sf_wordlist *names = &texts[which];

	g->names_offset = *at;
	g->names_bytes = names->bytes;
	g->names_count = names->count;
	*at += names->bytes;
	return sf_file_write(fd, names->text, names->bytes, g->names_offset);
}

static void
segment_describe(struct symfast_shm_header *h)
{
	h->version = SYMFAST_SHM_VERSION;
	h->header_size = SYMFAST_SHM_CONTROL + sizeof(struct symfast_shm_control);
	h->size = SYMFAST_SHM_SIZE;
	h->parent_pid = forked_from;
	h->counters.blocks_offset = SF_SEGMENT_BLOCKS;
	h->counters.block_stride = SF_SEGMENT_BLOCK;
	h->counters.block_capacity = SF_SEGMENT_BLOCK_ROWS;
	h->counters.blocks_used = blocks;
	h->go.blocks_offset = SF_SEGMENT_GO;
	h->go.block_stride = SF_SEGMENT_GO_BLOCK;
	h->go.block_capacity = h->go.blocks_used = SF_SEGMENT_GO_ROWS;
	h->go_fill.blocks_offset = SF_SEGMENT_GO_FILL;
	h->go_fill.block_stride = SF_PAGE;
	h->go_fill.block_capacity = h->go_fill.blocks_used = 1;
	h->histograms.offset = SF_SEGMENT_HISTOGRAMS;
	h->histograms.stride = sizeof(struct symfast_shm_histogram);
	h->histograms.capacity = h->histograms.used = texts[SF_TEXT_FUNCTIONS].count * 2;
	h->objects.offset = SF_SEGMENT_OBJECTS;
	h->objects.stride = sizeof(struct symfast_shm_object);
	h->objects.capacity = h->objects.used = SF_SEGMENT_OBJECT_ROWS;
	h->sites.offset = SF_SEGMENT_SITES;
	h->sites.stride = sizeof(struct symfast_shm_site);
	h->sites.capacity = h->sites.used = SF_SEGMENT_SITE_ROWS;
}

/* Header without magic, and names. */
static bool
segment_write_header(int fd)
{
	SF_LARGE static struct symfast_shm_header h; /* not on the host's stack; under the lock */
	struct symfast_shm_group functions;
	uint32_t at = SF_SEGMENT_TEXTS;

	__builtin_memset(&h, 0, sizeof(h));
	segment_describe(&h);
	sf_file_identity(&h, maker);
	if (!segment_write_names(fd, SF_TEXT_COUNTERS, &at, &h.counters) ||
	    !segment_write_names(fd, SF_TEXT_FUNCTIONS, &at, &functions) ||
	    !segment_write_names(fd, SF_TEXT_GO, &at, &h.go) ||
	    !segment_write_names(fd, SF_TEXT_GO_FILL, &at, &h.go_fill))
		return false;
	h.functions_offset = functions.names_offset;
	h.functions_bytes = functions.names_bytes;
	h.functions_count = functions.names_count;
	return sf_file_write(fd, &h, sizeof(h), 0);
}

/* The control as it is now, then the magic: from here on the file can be read. */
static bool
segment_write_control(int fd)
{
	return sf_file_write(fd, &sf_control, sizeof(sf_control), SYMFAST_SHM_CONTROL) &&
	       sf_file_write(fd, SYMFAST_SHM_MAGIC, sizeof(SYMFAST_SHM_MAGIC), 0);
}

static bool
segment_map_over(void *at, size_t n, int fd, size_t offset)
{
	return sf_sys_lay_over(at, n, MAP_SHARED, fd, offset);
}

/* A mode word that is set in between would stay on the old page: it is set again. */
static bool
segment_map_page_locked(int fd)
{
	uint32_t turn = sf_load_32(&word_turn);

	sf_fence_full();
	if (!segment_write_control(fd) || !segment_map_over(&sf_page, SF_PAGE, fd, 0))
		return false;
	sf_fence_full();
	if (sf_load_32(&word_turn) != turn)
		symfast_shm_set(&sf_control, sf_load_32(&last) & 0xffff, sf_load_32(&last) >> 16);
	return true;
}

/* Pages that were touched hold something, or are written without a look: they go to the file. */
static bool
segment_map_area_locked(int fd)
{
	for (size_t p = 1; p < PAGES; p++)
		if (segment_is_touched(p) &&
		    !sf_file_write(fd, area + p * SF_PAGE, SF_PAGE, p * SF_PAGE))
			return false;
	return segment_map_over(area + SF_PAGE, SYMFAST_SHM_SIZE - SF_PAGE, fd, SF_PAGE);
}

/* The first page has been written: what of it lies elsewhere is the same by then. */
static bool
segment_map_overlays_locked(int fd)
{
	for (uint32_t i = 0; i < overlay_count; i++) {
		const struct overlay *o = &overlays[i];

		if (o->offset != 0 && !sf_file_write(fd, o->page, SF_PAGE, o->offset))
			return false;
		if (!segment_map_over(o->page, SF_PAGE, fd, o->offset))
			return false;
	}
	return true;
}

SF_START void
sf_segment_overlay(void *page, size_t offset)
{
	if (overlay_count < SF_SEGMENT_OVERLAYS)
		overlays[overlay_count++] = (struct overlay){page, offset};
}

/* What a thread, a sample or a churning object may want later. */
static void
segment_settle_locked(void)
{
	size_t last_block = SF_SEGMENT_BLOCKS + THREADS_READY * SF_SEGMENT_BLOCK - 1;

	for (size_t p = SF_SEGMENT_OBJECTS / SF_PAGE; p < SF_SEGMENT_GO / SF_PAGE; p++)
		segment_touch_locked(p);
	for (size_t p = SF_SEGMENT_HISTOGRAMS / SF_PAGE; p <= last_block / SF_PAGE; p++)
		if (sf_settings.sites.n != 0 || p < SF_SEGMENT_SITES / SF_PAGE ||
		    p >= SF_SEGMENT_BLOCKS / SF_PAGE)
			segment_touch_locked(p);
	settled = 1;
}

static bool
segment_fill_file_locked(int fd, bool map)
{
	bool done = segment_write_header(fd);

	if (done && map)
		done = segment_map_area_locked(fd) && segment_map_page_locked(fd) &&
		       segment_map_overlays_locked(fd);
	else if (done)
		done = segment_write_control(fd);
	return done && sf_file_publish(fd);
}

/* Want of descriptors passes: it is tried again, ever more rarely. */
static void
segment_try_again(void)
{
	if (tries >= 6)
		return;
	pause_left = (uint8_t)(1u << tries++);
	sf_segment_due = 1;
}

static void
segment_make_locked(bool map)
{
	struct sf_quiet quiet;
	int fd;

	sf_segment_due = 0;
	maker = sf_file_pid();
	if (!sf_quiet_begin(&quiet)) {
		segment_try_again();
		return;
	}
	fd = sf_file_create(maker);
	if (fd >= 0) {
		mine = segment_fill_file_locked(fd, map);
		sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
		if (!mine)
			sf_file_unlink();
		else if (sf_settings.shm != SF_SHM_KEEP) /* who keeps files counts on the dead's */
			sf_file_tidy();
		if (mine && map && sf_settings.shm >= SF_SHM_START)
			segment_settle_locked();
	} else if (sf_file_may_pass(fd)) {
		segment_try_again();
	}
	sf_quiet_end(&quiet);
}

void
sf_segment_open(void)
{
	if (area == NULL || sf_sys_confined || !sf_lock_try(&lock))
		return;
	/* A child of vfork would make it for its parent under its own number. */
	if (pause_left != 0)
		pause_left--;
	else if (sf_segment_due && sf_file_pid() == process)
		segment_make_locked(true);
	sf_lock_release(&lock);
}

/*
 * Another thread may be in it: it is waited for a little, as what it still has to ask could end the
 * process a moment later.
 */
void
sf_segment_confine(void)
{
	bool own = false;

	if (sf_sys_confined || sf_file_pid() != process)
		return; /* a child of vfork: the memory is its parent's, who filters nothing */
	if (sf_segment_due && sf_settings.shm >= SF_SHM_START)
		sf_segment_open();
	for (int i = 0; area != NULL && !own && i < 1000; i++)
		if (!(own = sf_lock_try(&lock)))
			sf_sys_pause(20);
	sf_segment_due = 0;
	if (own && mine && !settled)
		segment_settle_locked();
	sf_quiet_confine();
	sf_sys_confined = 1;
	if (own)
		sf_lock_release(&lock);
}

void
sf_segment_leave_note(const char *dir)
{
	sf_file_directory(dir);
	segment_make_locked(false);
}

SF_START void
sf_segment_close(void)
{
	if (mine && !sf_sys_confined && maker == sf_file_pid())
		sf_file_unlink();
}

SF_START void
sf_segment_begin(void)
{
	first = process = sf_file_pid();
}

bool
sf_segment_is_own(void)
{
	return sf_sys_confined || sf_file_pid() == process;
}

bool
sf_segment_is_child(void)
{
	return process != first;
}

SF_START void
sf_segment_init(bool may, const char *dir)
{
	area = memory;
	allowed = may;
	sf_segment_due = allowed;
	if (allowed)
		sf_file_directory(dir);
}

static bool
segment_map_private(void *at, size_t n)
{
	/* Not counted as data: sf_sys_uncount. */
	return sf_sys_lay_over(at, n, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_GROWSDOWN,
			       -1, 0);
}

/*
 * The parent's counts stay the parent's. Touched pages are still somebody's, and empty now. Where no
 * memory of its own can be had, or asked for, the child goes on counting into its parent's file.
 */
void
sf_segment_forked(void)
{
	sf_lock_reset(&lock);
	forked_from = mine ? maker : forked_from;
	if (sf_sys_confined)
		return;
	process = sf_file_pid();
	sf_segment_due = allowed;
	settled = tries = pause_left = 0;
	if (area != NULL && !segment_map_private(area, SYMFAST_SHM_SIZE)) {
		sf_segment_due = 0;
		return;
	}
	for (uint32_t i = 0; mine && i < overlay_count; i++)
		segment_map_private(overlays[i].page, SF_PAGE);
	mine = 0;
}

bool
sf_segment_is_file(int fd)
{
	return mine && sf_file_is(fd);
}

/* ---- the mode word ---- */

SF_START void
sf_segment_set_mode(uint32_t word, enum symfast_shm_reason reason)
{
	sf_store_32(&last, word | (uint32_t)reason << 16);
	/* Before and after: one of them lies within map_page_locked's two looks. */
	sf_faa_32(&word_turn, 1);
	symfast_shm_set(&sf_control, word, reason);
	sf_faa_32(&word_turn, 1);
	/* The switch is told of the mode word that is there now, whichever thread set it. */
	while (sf_segment_on_mode != NULL) {
		word = sf_load_32(&sf_control.word);
		sf_segment_on_mode(word);
		sf_fence_full();
		if (sf_load_32(&sf_control.word) == word)
			break;
	}
}
