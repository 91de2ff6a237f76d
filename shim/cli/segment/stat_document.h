// SPDX-License-Identifier: BSD-2-Clause
// stat_document.h: a segment as a document: what `stat --json` prints, `report` draws, `sites` reads.
#ifndef SF_CLI_STAT_DOCUMENT_H
#define SF_CLI_STAT_DOCUMENT_H

#include "../base/document.h"
#include "segment_open.h"

/* Segments added up, of one process or of many runs; of the same machine and boot. */
struct stat_sum;
struct stat_sum *stat_document_new(void);
/* false after one line. */
bool stat_document_add(struct stat_sum *sum, const struct segment *s);
/* A document of kind "stat", state and mode being those of the segment added last. Frees the sum. */
json_t *stat_document_of(struct stat_sum *sum);
/* Of a process or a saved file: what the mode word names. NULL after one line; *status then is set. */
json_t *stat_document_from(const char *word, int *status);
/* Only who and what mode: the row of `list`. */
json_t *stat_document_head(const struct segment *s);
/* The mode as an operator reads it: off, observe, verify, on, or pass. */
const char *stat_document_mode(const struct segment *s);
/* Is it a document that has what the printers of a "stat" need? */
bool stat_document_valid(const json_t *document);

#endif
