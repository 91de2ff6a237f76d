// SPDX-License-Identifier: BSD-2-Clause
// quiet.h: writes that cannot end, stop or delay the host: no SIGPIPE, SIGXFSZ or SIGTTOU comes of them.
//
// All signals of the thread are blocked around the write, so that a signal of its own stays pending;
// the kernel sends these three to the writing thread, whose own pending signals are taken first. Where
// the host has such a signal pending already, the two cannot be told apart: then nothing is written.
#ifndef SF_QUIET_H
#define SF_QUIET_H

#include "attr.h"

struct sf_quiet {
	uint64_t signals; /* the caller's mask */
};

/* False: not now, and there is nothing to end. Any thread, also in a signal handler. */
bool sf_quiet_begin(struct sf_quiet *q);
/* Takes away the signal that came of a write that ended with `error` (the kernel's, negative). */
void sf_quiet_settle(long error);
void sf_quiet_end(struct sf_quiet *q);

/* write(2), or pwrite(2) with `offset` >= 0, of all n bytes; 0 or -errno. */
long sf_quiet_write(int fd, const void *p, size_t n, long offset);

/* Remembers what descriptor 2 is. Called once, by the constructor. */
void sf_quiet_note_stderr(void);
/*
 * Writes to descriptor 2 if it is what it was then, and has room at once or soon. What was never noted is
 * written to as it is.
 */
void sf_quiet_stderr(const char *s, size_t n);
/* Called before the filter: what can be looked at no longer is looked at now. */
void sf_quiet_confine(void);

#endif
