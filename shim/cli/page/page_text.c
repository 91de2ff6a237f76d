// SPDX-License-Identifier: BSD-2-Clause
// page_text.c: text and rows of facts of a page.
#include "page.h"

#include "../base/answer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
page_text(FILE *out, const char *text)
{
	size_t size = strlen(text) * 3 + 1;
	char *clean = cli_clean(cli_alloc(size, 1), size, text);

	for (const char *c = clean; *c != '\0'; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*c, out);
		}
	}
	free(clean);
}

void
page_fact(FILE *out, const char *name, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fputs("<tr><th>", out);
	page_text(out, name);
	fputs("<td>", out);
	page_text(out, text);
	fputs("\n", out);
}

void
page_answers(FILE *out, const json_t *document)
{
	const json_t *answers = json_object_get(document, "answers");

	for (size_t i = 0; i < 2 && json_is_object(answers); i++) {
		const json_t *answer = json_object_get(answers, answer_questions[i].key);

		fprintf(out, "<p class=\"answer\"><strong>%s</strong> <span class=\"",
			answer_questions[i].words);
		page_text(out, document_text(answer, "level"));
		fputs("\">", out);
		page_text(out, document_text(answer, "text"));
		fputs("</span></p>\n", out);
	}
}
