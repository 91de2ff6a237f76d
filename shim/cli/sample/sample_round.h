// SPDX-License-Identifier: BSD-2-Clause
// sample_round.h: rounds over the threads of one process or all, at a rate that is low enough for them and for us.
#ifndef SF_CLI_SAMPLE_ROUND_H
#define SF_CLI_SAMPLE_ROUND_H

#include "sample_process.h"

struct sample_round {
	pid_t pid;         /* 0: all processes that we may look at */
	uint64_t ns;       /* how long */
	unsigned int rate; /* rounds in a second */
	/* What became of it. */
	struct sample_process **processes;
	size_t count;
	uint64_t rounds, elapsed_ns, own_cpu_ns;
	uint64_t refused; /* processes that we may not look at */
};

/* Goes its rounds until the time is over, the process has ended, or a signal says so. */
void sample_round_run(struct sample_round *r);
void sample_round_free(struct sample_round *r);

#endif
