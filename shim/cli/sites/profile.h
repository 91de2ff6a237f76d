// SPDX-License-Identifier: BSD-2-Clause
// profile.h: sampled call sites as text with names, as folded stacks, as a pprof profile.
#ifndef SF_CLI_PROFILE_H
#define SF_CLI_PROFILE_H

#include "../base/document.h"

struct profile_frame {
	const char *object;
	uint64_t offset;  /* from the object's load bias */
	const char *name; /* of the function there, or object+0xOFFSET */
};

struct profile_site {
	const char *function, *arm; /* what was called, and who answered */
	uint64_t count;
	double ns, waited_ns;
	const struct profile_frame *frames; /* innermost first */
	size_t depth;
};

struct profile {
	struct profile_site *sites;
	size_t count;
	const char *counted; /* what `count` of a site is: "calls" */
	void *owned;
};

/*
 * From a "stat" document that stat_document_valid accepts, or one of symfast sample, whose frames have names
 * already; it outlives the profile.
 */
struct profile profile_of(const json_t *document);
void profile_free(struct profile *p);

/* "main;f;g;dlsym COUNT", outermost first, as flamegraph.pl and speedscope read it. */
bool profile_fold(const struct profile *p, FILE *out);
/* To a gzip file as `go tool pprof` reads it (pprof.c, output.h); CLI_OK, or CLI_FAILED after one line. */
int pprof_save(const struct profile *p, const char *path);

#endif
