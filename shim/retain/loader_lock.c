// SPDX-License-Identifier: BSD-2-Clause
// loader_lock.c: see loader_lock.h.
#include "loader_lock.h"

#include "../libc/next.h"

struct lock_job {
	void (*run)(void *);
	void *arg;
	bool done;
};

/* What the resolver is to run on this thread: NULL if somebody else looks the symbol up. */
static __thread struct lock_job *lock_job __attribute__((tls_model("initial-exec")));

static void
loader_lock_nothing(void)
{
}

static void (*loader_lock_resolver(void))(void)
{
	struct lock_job *job = lock_job;

	lock_job = NULL; /* the job may look symbols up itself */
	if (job != NULL) {
		job->done = true;
		job->run(job->arg);
	}
	return loader_lock_nothing;
}

void symfast_locked(void) __attribute__((ifunc("loader_lock_resolver"), visibility("default")));

bool
sf_retain_lock_run(void (*run)(void *), void *arg)
{
	struct lock_job job = {run, arg, false}, *outer = lock_job;

	lock_job = &job;
	sf_next.own.dlsym(sf_next.main, "symfast_locked");
	lock_job = outer;
	return job.done;
}
