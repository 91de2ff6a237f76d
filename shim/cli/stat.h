// SPDX-License-Identifier: BSD-2-Clause
// stat.h: the text form of a "stat" document.
#ifndef SF_CLI_STAT_H
#define SF_CLI_STAT_H

#include "cli.h"

/* Prints a document that snapshot_valid accepts. */
void stat_print(const json_t *document);

#endif
