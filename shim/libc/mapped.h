// SPDX-License-Identifier: BSD-2-Clause
// mapped.h: which object covers an address, from a table of our own: for a libc without _dl_find_object (glibc 2.28 to
// 2.34), and how namespaces are noticed before glibc 2.35 (ADR 48).
//
// Two sorted tables. The one of the initial set is written once, before anything is served, and never changes. The
// other holds what was loaded later: ld.so's breakpoint, with the loader's lock held, fills it anew at the end of each
// change by one walk of dl_iterate_phdr, which takes libc's second lock as the change itself has done before. So
// there is one writer, and it writes only while the number of the change is odd (changes.h) and its own is.
//
// Readers take no lock, wait for nothing, and write nothing: signal handlers and children of fork may. An answer from the
// second table counts only if both numbers were even and are the same afterwards, and ld.so's breakpoint is still ours.
#ifndef SF_MAPPED_H
#define SF_MAPPED_H

#include "next.h"

/*
 * Notes the initial set, and makes sf_next.find_object our own where libc has none. NULL: done; else why this process
 * cannot be served. Walks once by dl_iterate_phdr. Before sf_changes_init, by one thread.
 */
const char *sf_mapped_init(void);
/* After sf_changes_init has succeeded: what was loaded later is known from here on. */
void sf_mapped_begin(void);
/* Is libc one without _dl_find_object? After sf_mapped_init. */
bool sf_mapped_is_own(void);

/*
 * As _dl_find_object: 0: found; -1: no object is there. SF_MAPPED_UNSURE: nothing can be said now, since a change is
 * under way or an object of another namespace may be there; the caller leaves the question to libc.
 */
#define SF_MAPPED_UNSURE 1
int sf_mapped_find(void *address, struct dl_find_object *found);

/* ---- for the tests ---- */

struct sf_mapped_span {
	uintptr_t start, end;
	struct link_map *map;
	void *eh_frame;
};

/* Sorts by start: Shell's way, without recursion or memory. */
void sf_mapped_sort(struct sf_mapped_span *spans, uint32_t n);
/* The span that covers the address, NULL: none. Reads only the n spans, whatever is written there meanwhile. */
const struct sf_mapped_span *sf_mapped_search(const struct sf_mapped_span *spans, uint32_t n,
					      uintptr_t address);

#endif
