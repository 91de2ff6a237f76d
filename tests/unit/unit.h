// SPDX-License-Identifier: BSD-2-Clause
// unit.h: what the unit programs share: one suite per program, captured output, guarded pages.
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Each program defines both; unit.c has main() and runs every test in a child of its own. */
extern const char unit_name[];
void unit_tests(TCase *tests);

/* What `run` writes to file descriptor 2; a string that the next call overwrites. */
const char *unit_stderr(void (*run)(void *), void *arg);

/* The first byte of an inaccessible page; `pages` readable and writable ones lie before it. */
char *unit_edge(size_t pages);

/* Does a child find memory zeroed that is to be? Not under qemu-user 7, which takes MADV_WIPEONFORK and does nothing. */
bool unit_forks_wipe(void);

/* A number stream that is the same in every run. */
uint64_t unit_random(void);

/* The word of a lock that another thread has. */
#define UNIT_LOCKED (1ull << 63 | 1)

#endif
