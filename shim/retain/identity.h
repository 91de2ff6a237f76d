// SPDX-License-Identifier: BSD-2-Clause
// identity.h: checks that the file behind a path is still the one that was mapped.
#ifndef SF_RETAIN_IDENTITY_H
#define SF_RETAIN_IDENTITY_H

#include "../base/attr.h"
#include <link.h>

struct sf_retain_identity {
	uint64_t dev, ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	bool folder;
};

/*
 * Opens the file, as libc would at this moment, by this thread's rights, root and descriptors, and asks the descriptor.
 * False: it cannot be opened, or is no regular file.
 */
bool sf_retain_identity_read(const char *path, struct sf_retain_identity *id);

/* The same of a folder, or of anything else that can be named: without opening it. */
bool sf_retain_identity_stat(const char *path, struct sf_retain_identity *id);

bool sf_retain_identity_same(const struct sf_retain_identity *a,
			     const struct sf_retain_identity *b);

/*
 * May a file that changed at this time be told by it from a later change within the clock's grain? `now` as
 * sf_sys_clock(CLOCK_REALTIME). File systems with times of whole seconds (or two) need that long.
 */
bool sf_retain_identity_settled(const struct sf_retain_identity *id, uint64_t now);

/*
 * The first bytes of the file and of the object mapped at `start`: does the path name what is mapped? (Between libc's
 * opening of a file and ours another one may have taken its name.)
 */
bool sf_retain_identity_mapped(const char *path, const char *start,
			       const struct sf_retain_identity *id);

#endif
