// SPDX-License-Identifier: BSD-2-Clause
// answer.h: the two answers that stand above the tables of a document: did it help, is it safe?
#ifndef SF_CLI_ANSWER_H
#define SF_CLI_ANSWER_H

#include "document.h"

/* {"level": "good"|"bad"|"unsure", "text"}; frees the text. */
json_t *answer_new(const char *level, char *text);
/* The questions, in the order of a document's "answers": its key and its words. */
struct answer_question {
	const char *key, *words;
};
extern const struct answer_question answer_questions[2];
/* Prints both, with a colour where there may be one; nothing if there are none. */
void answer_print(const json_t *answers);

#endif
