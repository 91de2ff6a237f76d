// SPDX-License-Identifier: BSD-2-Clause
// sample_debug.h: names of functions that an object's file has no symbol for, from its separate debug file.
#ifndef SF_CLI_SAMPLE_DEBUG_H
#define SF_CLI_SAMPLE_DEBUG_H

#include "sample_symbols.h"

/*
 * The function that covers the address: by the object's own symbols, else by those of the file that has its build
 * id under /usr/lib/debug (packages libc6-dbg and the like). Returns `to`.
 */
char *sample_debug_at(struct sample_file *f, uint64_t address, char *to);

#endif
