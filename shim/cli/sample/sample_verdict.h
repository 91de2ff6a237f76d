// SPDX-License-Identifier: BSD-2-Clause
// sample_verdict.h: would the shim help this process?
#ifndef SF_CLI_SAMPLE_VERDICT_H
#define SF_CLI_SAMPLE_VERDICT_H

#include "../base/document.h"
#include "sample_process.h"

/* {"word": ..., "text": [...]}: a word for scripts, sentences for people. */
json_t *sample_verdict(const struct sample_process *p);

#endif
