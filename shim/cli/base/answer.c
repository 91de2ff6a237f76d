// SPDX-License-Identifier: BSD-2-Clause
// answer.c: see answer.h.
#include "answer.h"

#include <stdlib.h>
#include <string.h>

const struct answer_question answer_questions[2] = {{"helped", "Did it help?"},
						    {"safe", "Is it safe?"}};

json_t *
answer_new(const char *level, char *text)
{
	json_t *answer = json_pack("{s:s,s:s}", "level", level, "text", text);

	free(text);
	return answer;
}

static const char *
answer_colour(const char *level)
{
	return strcmp(level, "good") == 0  ? "\033[32m"
	       : strcmp(level, "bad") == 0 ? "\033[31m"
					   : "\033[1m";
}

void
answer_print(const json_t *answers)
{
	bool colours = cli_colours(stdout);

	for (size_t i = 0; i < 2; i++) {
		const json_t *answer = json_object_get(answers, answer_questions[i].key);

		if (answer != NULL)
			printf("%-13s %s%s%s\n", answer_questions[i].words,
			       colours ? answer_colour(document_text(answer, "level")) : "",
			       document_text(answer, "text"), colours ? "\033[0m" : "");
	}
}
