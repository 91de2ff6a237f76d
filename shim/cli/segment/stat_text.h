// SPDX-License-Identifier: BSD-2-Clause
// stat_text.h: the text form of a "stat" document.
#ifndef SF_CLI_STAT_TEXT_H
#define SF_CLI_STAT_TEXT_H

#include "../base/document.h"

/* Prints a document that stat_document_valid accepts. */
void stat_text_print(const json_t *document);

#endif
