// SPDX-License-Identifier: BSD-2-Clause
// evidence.h: in observe: is an object's writable memory at its last dlclose what it was after the dlopen that loaded it?
//
// Then keep leaves it as fresh would. What a load has mapped is copied when the host's dlopen returns, and compared when
// the host's dlclose begins; it counts if that dlclose unloads it. RELRO is left out, and so are the slots of lazy
// binding, which are no state. Nothing of the object is changed. Not seen: thread-local variables, the heap.
//
// Cost, in observe only: three short turns under ld.so's lock for each cycle, and one system call for each range of memory.
// Of loads beyond EVIDENCE_OFTEN one in 16 is looked at; of large objects nothing (EVIDENCE_BYTES).
#ifndef SF_RETAIN_EVIDENCE_H
#define SF_RETAIN_EVIDENCE_H

#include "../base/attr.h"

struct link_map;

/* Is it taken? Set once, at start. */
extern SF_HIDDEN bool sf_evidence_on;

/* A dlopen of the host has loaded the objects from the one to the other in libc's list, and returned. */
void sf_evidence_loaded(const struct link_map *first, const struct link_map *last);

/* A dlclose of the host is about to be made; it was made, and `file` is the object's. */
void sf_evidence_closing(const void *handle);
void sf_evidence_closed(const void *handle, const char *file);

#endif
