// SPDX-License-Identifier: BSD-2-Clause
// sample.h: what `symfast sample` is asked for.
#ifndef SF_CLI_SAMPLE_H
#define SF_CLI_SAMPLE_H

#include "../../base/attr.h"

struct sample {
	const char *what, *pprof; /* pprof: the file for it, or NULL */
	bool all, folded, json;
	double seconds;
	unsigned long pid, rate; /* pid: 0 with `all` */
};

/* Samples and prints; the exit code. */
int sample_run(const struct sample *s);

#endif
