// SPDX-License-Identifier: BSD-2-Clause
// preload.h: which library to preload, and how LD_PRELOAD names it.
#ifndef SF_CLI_PRELOAD_H
#define SF_CLI_PRELOAD_H

#include "arguments.h"

/*
 * The library: `given`, or the one of the build tree or installation that this program belongs to (with the token
 * $LIB in its path, where that leads to it), or the bare name, which the loader then searches. NULL after one line if
 * it cannot be preloaded.
 */
char *preload_library(const char *given);

/*
 * The value of LD_PRELOAD with `library` before what `old` names (NULL: nothing). A sanitizer's
 * runtime stays in front: it demands to be first. A library that is named already stays in place.
 */
char *preload_value(const char *library, const char *old);

/* For a mode's option: a value that SYMFAST may have? The library itself checks the rest. */
arguments_check preload_check_mode;

#endif
