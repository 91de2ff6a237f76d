// SPDX-License-Identifier: BSD-2-Clause
// sample_kind.h: what a call stack is about: which of the loader's functions, called from where.
#ifndef SF_CLI_SAMPLE_KIND_H
#define SF_CLI_SAMPLE_KIND_H

#include "sample_symbols.h"
#include "sample_unwind.h"

/* A call stack with names. */
struct sample_stack {
	struct sample_unwind_frame frames[SAMPLE_UNWIND_DEPTH];
	char names[SAMPLE_UNWIND_DEPTH][SAMPLE_SYMBOLS_NAME]; /* "": not known */
	size_t count;
};

/* Who answers it: SERVED by default, with a setting, or not at all. */
enum sample_serves { SAMPLE_SERVED, SAMPLE_SERVED_PHDR, SAMPLE_NOT_SERVED };

struct sample_kind {
	const char *function; /* "dlsym", ..., "lazy binding"; NULL: nothing of the loader */
	enum sample_serves serves;
	size_t at; /* the outermost frame that is the loader's, libc's or the shim's: its caller is the call site */
	bool inside; /* in code of others that the function called: constructor, destructor, callback */
};

void sample_kind_name(struct sample_stack *s);
struct sample_kind sample_kind_of(const struct sample_stack *s);
/* Is the object ld.so? A C library? */
bool sample_kind_is_loader(const struct sample_file *f);
bool sample_kind_is_libc(const struct sample_file *f);

#endif
