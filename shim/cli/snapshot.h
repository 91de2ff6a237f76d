// SPDX-License-Identifier: BSD-2-Clause
// snapshot.h: a segment as a document: what `stat --json` prints, `report` draws, `sites` reads.
#ifndef SF_CLI_SNAPSHOT_H
#define SF_CLI_SNAPSHOT_H

#include "segment.h"

/* Segments added up, of one process or of many runs; of the same machine and boot. */
struct snapshot;
struct snapshot *snapshot_new(void);
/* false after one line. */
bool snapshot_add(struct snapshot *sum, const struct segment *s);
/* A document of kind "stat", state and mode being those of the segment added last. Frees the sum. */
json_t *snapshot_document(struct snapshot *sum);
/* Of a process or a saved file: what the word names. NULL after one line; *status then is set. */
json_t *snapshot_from(const char *word, int *status);
/* Only who and what mode: the row of `list`. */
json_t *snapshot_head(const struct segment *s);
/* The mode as an operator reads it: off, observe, verify, on, or pass. */
const char *snapshot_mode(const struct segment *s);
/* Is it a document that has what the printers of a "stat" need? */
bool snapshot_valid(const json_t *document);

#endif
