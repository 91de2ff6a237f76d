// SPDX-License-Identifier: BSD-2-Clause
// sample_lock.h: who waits for a lock of the loader, and who has it.
#ifndef SF_CLI_SAMPLE_LOCK_H
#define SF_CLI_SAMPLE_LOCK_H

#include "sample_maps.h"

/* Does the thread sleep for a lock in ld.so's own memory? *lock: the address that it waits on. */
bool sample_lock_waits(struct sample_maps *m, const struct sample_shot *shot, uint64_t *lock);
/* The thread that has it, 0 if none has or what stands there is no lock. */
pid_t sample_lock_owner(pid_t pid, uint64_t lock);

#endif
