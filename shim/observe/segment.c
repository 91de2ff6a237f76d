// SPDX-License-Identifier: BSD-2-Clause
// segment.c: see segment.h. System calls only, no lock that is waited for, no errno.
#include "segment.h"

#include "../base/bytes.h"
#include "../base/lock.h"
#include "../base/quiet.h"
#include "../base/sys.h"
#include "segment_file.h"
#include "segment_header.h"
#include "settings.h"
#include <sys/mman.h>

#define THREADS_READY 256 /* blocks that are there in a process that may ask for nothing later */
#define PAGES         (SYMFAST_SHM_SIZE / SF_PAGE)
#define SMALLEST_PAGE 4096

/*
 * A page of its own in .bss; the symbol that every hit reads. Not among the large arrays: a loader that does not
 * clear what is mapped to be read only (musl's) would let the mode word begin with anything.
 */
__attribute__((section(".bss.page"), aligned(SF_PAGE))) struct sf_page sf_page;
uint8_t sf_segment_due;
void (*sf_segment_on_mode)(uint32_t word);

SF_LARGE __attribute__((aligned(SF_PAGE))) static char memory[SYMFAST_SHM_SIZE];

/* Of whom: on the page that each start writes. */
SF_FIRST static struct {
	uint32_t first;   /* pid of whom the constructor ran in */
	uint32_t process; /* pid of whose memory this is: a child of vfork has another one */
} segment_of;

static struct {
	char *area;      /* the memory, once it may be used */
	uint8_t allowed; /* a file may be made by this process and its children */
	uint8_t mine;    /* the file, and therefore the header, is this process's own */
	uint8_t settled; /* of the file's pages those that may be needed have been touched */
	uint8_t tries;   /* after a want of descriptors */
	uint8_t pause;   /* and calls to let go by until the next */
	uint32_t maker;  /* pid of the process that made the file */
	uint32_t parent; /* and of the one that this was forked from, if it had one */
	uint32_t blocks; /* given out */
	uint32_t turn;   /* changes of the word, twice each */
	uint32_t last;   /* word that this process has set, by any thread, and reason << 16 */
	uint64_t marks;  /* of the process that this was forked from */
	uint32_t overlays;
	struct overlay {
		void *page;
		size_t offset;
	} overlay[SF_SEGMENT_OVERLAYS];
	uint64_t touched[(PAGES + 63) / 64];
} segment;

SF_LOCK(lock, NULL); /* the file, touching, giving out blocks */

void *
sf_segment_at(size_t offset)
{
	return segment.area + offset;
}

static bool
segment_is_touched(size_t page)
{
	bool touched = sf_load_64(&segment.touched[page / 64]) >> page % 64 & 1;

	sf_fence_load(); /* pairs with the store fence in segment_touch_locked() */
	return touched;
}

static void
segment_note_touched_locked(size_t page)
{
	sf_store_64(&segment.touched[page / 64], segment.touched[page / 64] | 1ull << page % 64);
}

/*
 * The kernel writes the signal mask to the page, which is zero and nobody's as long as it is not
 * noted; EFAULT where a store of ours would be SIGBUS.
 */
static bool
segment_touch_locked(size_t page)
{
	char *start = segment.area + page * SF_PAGE;

	if (segment_is_touched(page))
		return true;
	if (segment.mine && (segment.settled || sf_sys_confined))
		return false;
	/* SF_PAGE may be several of the kernel's. Memory of our own is simply there. */
	for (char *at = start; segment.mine && at < start + SF_PAGE; at += SMALLEST_PAGE) {
		if (at < segment.area + SF_SEGMENT_OBJECTS)
			continue; /* names, written with the file */
		if (sf_syscall6(SYS_rt_sigprocmask, 0, 0, (long)at, sizeof(uint64_t), 0, 0) != 0)
			return false;
		*(uint64_t *)(void *)at = 0;
	}
	sf_fence_store(); /* pairs with the load fence in segment_is_touched(): the page is zero again */
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
	return segment.area != NULL && segment_is_touched(segment_page_of(p));
}

bool
sf_segment_touch(const void *p)
{
	size_t page = segment_page_of(p);
	bool ok;

	if (segment.area == NULL)
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
	return (uint64_t *)(void *)(segment.area + SF_SEGMENT_BLOCKS +
				    (size_t)n * SF_SEGMENT_BLOCK);
}

uint32_t
sf_segment_blocks(void)
{
	return sf_load_32(&segment.blocks);
}

SF_START uint64_t *
sf_segment_block_shared(void)
{
	if (segment.area == NULL)
		return NULL;
	segment.blocks = 1;
	return sf_segment_block_at(0);
}

bool
sf_segment_block(uint64_t **b)
{
	*b = NULL;
	if (segment.area == NULL)
		return true;
	if (!sf_lock_try(&lock))
		return false;
	if (segment.blocks < SF_SEGMENT_BLOCK_ROWS &&
	    segment_touch_locked((SF_SEGMENT_BLOCKS + segment.blocks * SF_SEGMENT_BLOCK) /
				 SF_PAGE)) {
		*b = sf_segment_block_at(segment.blocks);
		sf_store_32(&segment.blocks, segment.blocks + 1);
		if (segment.mine)
			sf_store_32(&sf_page.header.counters.blocks_used, segment.blocks);
	} else if (segment.mine) {
		sf_page.header.threads_private++;
	}
	sf_lock_release(&lock);
	return true;
}

/* ---- the file ---- */

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
	uint32_t turn = sf_load_32(&segment.turn);

	sf_fence_full();
	if (!segment_write_control(fd) || !segment_map_over(&sf_page, SF_PAGE, fd, 0))
		return false;
	sf_fence_full();
	if (sf_load_32(&segment.turn) != turn)
		symfast_shm_set(&sf_control, sf_load_32(&segment.last) & 0xffff,
				sf_load_32(&segment.last) >> 16);
	return true;
}

/* Pages that were touched hold something, or are written without a look: they go to the file. */
static bool
segment_map_area_locked(int fd)
{
	for (size_t p = 1; p < PAGES; p++)
		if (segment_is_touched(p) &&
		    !sf_file_write(fd, segment.area + p * SF_PAGE, SF_PAGE, p * SF_PAGE))
			return false;
	return segment_map_over(segment.area + SF_PAGE, SYMFAST_SHM_SIZE - SF_PAGE, fd, SF_PAGE);
}

/* The first page has been written: what of it lies elsewhere is the same by then. */
static bool
segment_map_overlays_locked(int fd)
{
	for (uint32_t i = 0; i < segment.overlays; i++) {
		const struct overlay *o = &segment.overlay[i];

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
	if (segment.overlays < SF_SEGMENT_OVERLAYS)
		segment.overlay[segment.overlays++] = (struct overlay){page, offset};
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
	segment.settled = 1;
}

static bool
segment_fill_file_locked(int fd, bool map)
{
	const struct sf_segment_from from = {segment.maker, segment.parent, segment.blocks};
	bool done = sf_segment_header_write(fd, &from);

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
	if (segment.tries >= 6)
		return;
	segment.pause = (uint8_t)(1u << segment.tries++);
	sf_segment_due = 1;
}

static void
segment_make_locked(bool map)
{
	struct sf_quiet quiet;
	int fd;

	sf_segment_due = 0;
	segment.maker = sf_file_pid();
	if (!sf_quiet_begin(&quiet)) {
		segment_try_again();
		return;
	}
	fd = sf_file_create(segment.maker);
	if (fd >= 0) {
		segment.mine = segment_fill_file_locked(fd, map);
		sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
		if (!segment.mine)
			sf_file_unlink();
		else if (sf_settings.shm != SF_SHM_KEEP) /* who keeps files counts on the dead's */
			sf_file_tidy();
		if (segment.mine && map && sf_settings.shm >= SF_SHM_START)
			segment_settle_locked();
	} else if (sf_file_may_pass(fd)) {
		segment_try_again();
	}
	sf_quiet_end(&quiet);
}

void
sf_segment_open(void)
{
	if (segment.area == NULL || sf_sys_confined || !sf_lock_try(&lock))
		return;
	/* A child of vfork would make it for its parent under its own number. */
	if (segment.pause != 0)
		segment.pause--;
	else if (sf_segment_due && sf_file_pid() == segment_of.process)
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

	if (sf_sys_confined || sf_file_pid() != segment_of.process)
		return; /* a child of vfork: the memory is its parent's, who filters nothing */
	if (sf_segment_due && sf_settings.shm >= SF_SHM_START)
		sf_segment_open();
	for (int i = 0; segment.area != NULL && !own && i < 1000; i++)
		if (!(own = sf_lock_try(&lock)))
			sf_sys_pause(20);
	sf_segment_due = 0;
	if (own && segment.mine && !segment.settled)
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

/* Mismatches, and how often the breaker opened. */
SF_START static uint64_t
segment_marks(void)
{
	return sf_load_64(&sf_control.mismatches) + sf_load_32(&sf_control.breaker_trips);
}

SF_START void
sf_segment_close(void)
{
	bool marked = segment_marks() != segment.marks;

	if (marked && sf_segment_due)
		sf_segment_open();
	/* What another process has scribbled over would be swept by nobody. */
	marked = marked && sf_page.header.pid == segment.maker;
	if (!marked && segment.mine && !sf_sys_confined && segment.maker == sf_file_pid())
		sf_file_unlink();
}

SF_START void
sf_segment_begin(void)
{
	segment_of.first = segment_of.process = sf_file_pid();
}

bool
sf_segment_is_own(void)
{
	return sf_sys_confined || sf_file_pid() == segment_of.process;
}

bool
sf_segment_is_child(void)
{
	return segment_of.process != segment_of.first;
}

SF_START void
sf_segment_init(bool may, const char *dir)
{
	segment.area = memory;
	segment.allowed = may;
	sf_segment_due = segment.allowed;
	if (segment.allowed)
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
	segment.parent = segment.mine ? segment.maker : segment.parent;
	segment.marks = segment_marks();
	if (sf_sys_confined)
		return;
	segment_of.process = sf_file_pid();
	sf_segment_due = segment.allowed;
	segment.settled = segment.tries = segment.pause = 0;
	if (segment.area != NULL && !segment_map_private(segment.area, SYMFAST_SHM_SIZE)) {
		sf_segment_due = 0;
		return;
	}
	for (uint32_t i = 0; segment.mine && i < segment.overlays; i++)
		segment_map_private(segment.overlay[i].page, SF_PAGE);
	segment.mine = 0;
}

bool
sf_segment_is_file(int fd)
{
	return segment.mine && sf_file_is(fd);
}

/* ---- the mode word ---- */

SF_START void
sf_segment_set_mode(uint32_t word, enum symfast_shm_reason reason)
{
	sf_store_32(&segment.last, word | (uint32_t)reason << 16);
	/* Before and after: one of them lies within map_page_locked's two looks. */
	sf_faa_32(&segment.turn, 1);
	sf_fence_full(); /* pairs with those in segment_map_page_locked() */
	symfast_shm_set(&sf_control, word, reason);
	sf_faa_32(&segment.turn, 1);
	/* The switch is told of the mode word that is there now, whichever thread set it. */
	while (sf_segment_on_mode != NULL) {
		word = sf_load_32(&sf_control.word);
		sf_segment_on_mode(word);
		sf_fence_full();
		if (sf_load_32(&sf_control.word) == word)
			break;
	}
}
