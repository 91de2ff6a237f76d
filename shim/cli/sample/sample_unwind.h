// SPDX-License-Identifier: BSD-2-Clause
// sample_unwind.h: from a copy of a thread to its call stack, when the thread has long gone on.
//
// libunwind's remote interface, over the copy and the mapped files: nothing of the process is read. Code that
// has no entry in .eh_frame (Go's, and what a JIT wrote) goes by frame pointers.
#ifndef SF_CLI_SAMPLE_UNWIND_H
#define SF_CLI_SAMPLE_UNWIND_H

#include "sample_maps.h"

#define SAMPLE_UNWIND_DEPTH 96

struct sample_unwind_frame {
	struct sample_file *file; /* NULL: in no object */
	uint64_t address;         /* in the object; the exact one, or a return address */
	uint64_t place;           /* where it lay */
	bool exact;
};

/* The frames, innermost first; returns their number. */
size_t sample_unwind(struct sample_maps *m, const struct sample_shot *shot,
		     struct sample_unwind_frame *frames);

#endif
