// SPDX-License-Identifier: BSD-2-Clause
// pages.h: detects writes to what is not writable: code and constants of a place's object.
//
// Inline hooks and patches do. Of small objects there is a copy (image.h), and the bytes are compared. Of others the
// kernel is asked: it copies a private page of a file when it is written to, and tells in /proc/self/pagemap which
// pages are the file's. They are counted when the copy of writable memory is taken (text relocations have made some
// private by then), and at each close.
#ifndef SF_RETAIN_PAGES_H
#define SF_RETAIN_PAGES_H

#include "graph.h"

/* Counts the private pages of these objects. False: the kernel does not tell. */
bool sf_retain_pages_take(sf_retain_set set);

/*
 * Has anybody written to what is not writable in this set, or cannot it be told? Cost: 25 ns for each page of which
 * there is a copy; else 4 us, and 20 ns for each page that is in memory.
 */
bool sf_retain_pages_written(sf_retain_set set);

#endif
