// SPDX-License-Identifier: BSD-2-Clause
// stat_answers.h: the two answers above what a process counted: does it help, and is it safe?
#ifndef SF_CLI_STAT_ANSWERS_H
#define SF_CLI_STAT_ANSWERS_H

#include "../base/document.h"

/* The "answers" of a document of kind "stat", see answer.h. */
json_t *stat_answers(const json_t *document);

#endif
