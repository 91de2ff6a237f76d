// SPDX-License-Identifier: BSD-2-Clause
// sample_text.h: a document of `symfast sample` for reading.
#ifndef SF_CLI_SAMPLE_TEXT_H
#define SF_CLI_SAMPLE_TEXT_H

#include "../base/document.h"

/* One process: all of it. `all`: a line for each process, and all of those that the shim may help. */
void sample_text_print(const json_t *document, bool all);

#endif
