// SPDX-License-Identifier: BSD-2-Clause
// guess.h: the ways to a libc that does not show whether an error is pending (before glibc 2.34, where that lies in libdl).
//
// Instead of libc's own functions sf_next then has these jumps: each notes for its thread that there may be an error by
// now. Who knows that there is none says so (sf_facts_error_none).
#ifndef SF_GUESS_H
#define SF_GUESS_H

#include "next.h"

#define X(name, ret, params)                                                                       \
	extern ret sf_guess_##name params __attribute__((visibility("hidden")));
SF_NEXT_LIST(X)
#undef X

/* Where they lead. */
extern struct sf_next_calls sf_guess_to __attribute__((visibility("hidden")));

/* Not 0: there may be one. */
extern __thread uintptr_t sf_guess_perhaps
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

#endif
