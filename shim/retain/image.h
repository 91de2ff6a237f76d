// SPDX-License-Identifier: BSD-2-Clause
// image.h: the writable memory of a place's object: copied before its first constructor, put back after its destructors.
//
// What libc has relocated and then made read-only is compared at each close, and put back where somebody has written
// to it. The copy holds what stood in the file and was relocated; zeros are not copied, only looked for. Memory of the
// file's mapping that was not written to yet may be gone with the file (SIGBUS): who calls has proved that the file is
// the same, and nothing is read of it otherwise.
#ifndef SF_RETAIN_IMAGE_H
#define SF_RETAIN_IMAGE_H

#include "place.h"

/* Bytes that the copies of all places take. */
extern SF_HIDDEN size_t sf_retain_image_bytes;

/* Copies it; with `code` that which is not writable, too. False: no memory, or more than `limit` bytes for all places. */
bool sf_retain_image_take(struct sf_retain_place *p, size_t limit, bool code);

/* Of what is not writable: is it as in the copy? Only after sf_retain_image_ready. */
bool sf_retain_image_code_same(const struct sf_retain_place *p);

/*
 * Gives all pages back their protection. False: some are no longer mapped, or the kernel refuses: it cannot be put
 * back.
 */
bool sf_retain_image_ready(const struct sf_retain_place *p);

/* Puts it back. Cost: a comparison of each byte, a copy of each changed page. */
void sf_retain_image_restore(const struct sf_retain_place *p);

/*
 * Puts its dynamic section, as it stands, into memory of our own: truncating the file would take it away even from
 * private pages, and libc reads it at each unload and at the process's end; and its soname, which libc compares
 * when it loads anything by itself. False: no memory.
 */
bool sf_retain_image_own(const struct sf_retain_place *p);

#endif
