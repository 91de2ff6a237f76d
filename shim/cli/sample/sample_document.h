// SPDX-License-Identifier: BSD-2-Clause
// sample_document.h: what `symfast sample` prints, as one JSON document.
#ifndef SF_CLI_SAMPLE_DOCUMENT_H
#define SF_CLI_SAMPLE_DOCUMENT_H

#include "../base/document.h"
#include "sample_round.h"

/* "processes": those that something was seen of, the one that the shim would help most first. */
json_t *sample_document(const struct sample_round *r);
/* The call sites of all processes, as profile_of reads them: {"sites": [...]}. */
json_t *sample_document_sites(const json_t *document);

#endif
