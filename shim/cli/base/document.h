// SPDX-License-Identifier: BSD-2-Clause
// document.h: JSON documents: what commands print with --json, save and read again.
#ifndef SF_CLI_DOCUMENT_H
#define SF_CLI_DOCUMENT_H

#include "cli.h"
#include <jansson.h>

/* The head that all documents share: {"symfast": VERSION, "kind": kind, "format": 1}. */
json_t *document_new(const char *kind);
/* Writes a document to standard output and drops it; CLI_OK, or CLI_FAILED with one line. */
int document_print(json_t *document);
/* The same to a file, see output_open. */
int document_save(json_t *document, const char *path);
/* Reads a document and its kind; NULL after one line. */
json_t *document_load(const char *path);

/* Puts the time into a document, as ISO 8601 in UTC. */
void document_put_time(json_t *document);

/* A member: its text, "" if it has none; its integer or real number, 0 if it has none. */
const char *document_text(const json_t *o, const char *key);
long long document_number(const json_t *o, const char *key);
double document_real(const json_t *o, const char *key);

#endif
