// SPDX-License-Identifier: BSD-2-Clause
// offsets.c: what the assembly stubs assume, checked by the compiler; no code.
#include "entry.h"

#include "../go/leaf.h"
#include "../libc/next.h"

_Static_assert(offsetof(struct sf_next, dlopen) == 0, "stubs.S");
_Static_assert(offsetof(struct sf_next, dlmopen) == 8, "stubs.S");
_Static_assert(offsetof(struct sf_next, dlclose) == 16, "stubs.S");
_Static_assert(offsetof(struct sf_next, dlsym) == 24, "stubs.S");
_Static_assert(offsetof(struct sf_next, dlvsym) == 32, "stubs.S");
_Static_assert(offsetof(struct sf_next, dlerror) == 40, "stubs.S");
_Static_assert(offsetof(struct sf_next, dlinfo) == 48, "stubs.S");
_Static_assert(sizeof(struct sf_answer) == 16, "returned in two registers");
_Static_assert(sizeof(struct sf_thread) < 1024, "CONTRACT 53");
_Static_assert(offsetof(struct sf_entry, name) >= 16, "bytes.h reads before a stored name");
_Static_assert(SF_GO_SWITCH_AT ==
		       SYMFAST_SHM_CONTROL + offsetof(struct symfast_shm_control, go_era),
	       "leaf.h");
_Static_assert(SF_GO_PAGE == SF_PAGE, "leaf.h");
_Static_assert(SF_GO_STRIPES == SF_SEGMENT_GO_ROWS &&
		       sizeof(struct sf_go_stripe) == SF_SEGMENT_GO_BLOCK,
	       "leaf.h");
