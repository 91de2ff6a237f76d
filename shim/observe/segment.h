// SPDX-License-Identifier: BSD-2-Clause
// segment.h: the statistics segment: the process's own side of include/symfast_shm.h.
//
// Two pieces of memory, both there from the constructor on, whether or not there is a file:
//  sf_page   header and control, one page of .bss, so that the hit reads the mode word relative to its own
//            code; the file's first page is mapped over it.
//  the area  everything else, .bss as well, by its offset in the file; private until the file is mapped
//            over it.
// Nothing in the area is touched before sf_segment_touch() has made the kernel write to that page:
// on a full tmpfs it refuses, where a store of ours would end the host with SIGBUS.
//
// A child of fork keeps the parent's sf_page (one switch for the family) and gets an empty private
// area, until its own first call that needs libc gives it a file of its own.
#ifndef SF_SEGMENT_H
#define SF_SEGMENT_H

#include "../base/atomic.h"
#include <symfast_shm.h>

/* A file's page is mapped over sf_page: as large as the largest page of the CPU. */
#ifdef __x86_64__
#define SF_PAGE 4096
#else
#define SF_PAGE 65536
#endif

#define SF_SEGMENT_TEXTS   SF_PAGE
#define SF_SEGMENT_OBJECTS (SF_PAGE + 0x2000)
#define SF_SEGMENT_GO                                                                              \
	((SF_PAGE + 0x6000 + SF_PAGE - 1) & ~(SF_PAGE - 1)) /* laid over: whole pages */
#define SF_SEGMENT_GO_FILL    (SF_SEGMENT_GO + SF_PAGE)
#define SF_SEGMENT_HISTOGRAMS (SF_SEGMENT_GO_FILL + SF_PAGE)
#define SF_SEGMENT_SITES      (SF_SEGMENT_HISTOGRAMS + 0x1a000)
#define SF_SEGMENT_BLOCKS     (SF_SEGMENT_SITES + 0x20000)

#define SF_SEGMENT_SITE_TEXTS (SF_SEGMENT_BLOCKS - 0x8000)
#define SF_SEGMENT_SITE_ROWS                                                                       \
	((SF_SEGMENT_SITE_TEXTS - SF_SEGMENT_SITES) / sizeof(struct symfast_shm_site))

#define SF_SEGMENT_OBJECT_ROWS 64
#define SF_SEGMENT_GO_BLOCK    64
#define SF_SEGMENT_GO_ROWS     64
#define SF_SEGMENT_BLOCK       1024 /* bytes from one thread's counters to the next one's */
#define SF_SEGMENT_BLOCK_ROWS  ((SYMFAST_SHM_SIZE - SF_SEGMENT_BLOCKS) / SF_SEGMENT_BLOCK)

struct sf_page {
	struct symfast_shm_header header;
	char gap[SYMFAST_SHM_CONTROL - sizeof(struct symfast_shm_header)];
	struct symfast_shm_control control;
	char rest[SF_PAGE - SYMFAST_SHM_CONTROL - sizeof(struct symfast_shm_control)];
};

extern SF_HIDDEN struct sf_page sf_page;
#define sf_control (sf_page.control)

/* Nonzero: the next slow call should make the file. */
extern SF_HIDDEN uint8_t sf_segment_due;

/* Notes which process this is. Called by the constructor. */
void sf_segment_begin(void);
/* Is this that process, and not a child that shares its memory? One system call. */
bool sf_segment_is_own(void);
/* Has it been forked since its constructor ran? */
bool sf_segment_is_child(void);

/* `may`: whether a file may ever be made, in this directory. Called by the constructor. */
void sf_segment_init(bool may, const char *dir);
/* Makes the file and maps it. Any thread, also in a signal handler; on contention it returns without a file. */
void sf_segment_open(void);
/* Writes a file of a process that is not served, and maps nothing: header and control only. */
void sf_segment_leave_note(const char *dir);
/*
 * The host is about to filter its system calls: whatever a later call, thread or sample may need of the
 * kernel is asked for now, and sf_sys_confined set. The file stays at exit: the next one's start removes it.
 */
void sf_segment_confine(void);
/* Is this descriptor the file? */
bool sf_segment_is_file(int fd);
/* Unlinks the file, if it is this process's and tells of no mismatch and no open breaker. */
void sf_segment_close(void);
/* In the child after fork. */
void sf_segment_forked(void);

/* The byte at this offset of the file. */
void *sf_segment_at(size_t offset);
/* May the page at `p` be written? Asked once for each page; then remembered. */
bool sf_segment_touch(const void *p);
/* Has it been? Else it need not be read: it is zero, and a full tmpfs would have no page for it. */
bool sf_segment_touched(const void *p);

/* Sets the mode word for `reason`; remembered, so that making the file cannot lose it. */
void sf_segment_set_mode(uint32_t word, enum symfast_shm_reason reason);

/* Names of counters or functions, written into every file that is made from now on. */
struct sf_wordlist {
	const char *text; /* one after the other, each with its NUL */
	uint32_t bytes, count;
};
enum sf_segment_text { SF_TEXT_COUNTERS, SF_TEXT_FUNCTIONS, SF_TEXT_GO, SF_TEXT_GO_FILL };
void sf_segment_names(enum sf_segment_text which, struct sf_wordlist names);

/*
 * Lays a page of the file over `page` as well, from the next file on; its contents are carried over.
 * For memory of others that live readers see or write.
 */
#define SF_SEGMENT_OVERLAYS 3
void sf_segment_overlay(void *page, size_t offset);
/* Called after each sf_segment_set_mode() with the mode word; for switches that are no overlay. */
extern SF_HIDDEN void (*sf_segment_on_mode)(uint32_t word);

/*
 * A new block for one thread's counters, zero; NULL: no more. Any thread; never given back. False: not
 * now, ask again: otherwise the thread would count unseen for as long as it exists.
 */
bool sf_segment_block(uint64_t **block);
/* Number 0, for the counts of threads without one; to be touched before it is written. */
uint64_t *sf_segment_block_shared(void);
/* Blocks given out so far, and the n-th of them. */
uint32_t sf_segment_blocks(void);
uint64_t *sf_segment_block_at(uint32_t n);

#endif
